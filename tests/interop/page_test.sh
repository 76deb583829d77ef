#!/bin/bash
# The HTML page of a report, opened in headless Chromium: no error on its console, no request, all
# figures there, sorting, records and what a point is work. Installs nothing: Debian has `chromium`.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v chromium >/dev/null || { echo "page: no chromium (Debian: apt-get install chromium)"; exit 77; }
isomerge=${ISOMERGE_BINARY:-build/isomerge}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The first two tasks with a short search: seconds, and every kind of content.
"$isomerge" run --quiet experiments/mini/vision8.json --results "$folder" \
  --set tasks=2 --set select.patience=1 >/dev/null
"$isomerge" report experiments/mini/vision8.json --results "$folder" \
  --set tasks=2 --set select.patience=1 --out "$folder/out" --format html,svg >/dev/null
python3 tests/interop/page_browser.py "$folder/out/vision8.html" "$folder/out" "$@"
