#!/bin/bash
# data/convert_text.py: every line it makes of made-up originals of the eleven language datasets, and what it refuses. With promptsource's own
# templates, and against promptsource itself: tests/interop/text_datasets_test.sh.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
python=.venv/bin/python
"$python" -c 'import jinja2, yaml' 2>/dev/null || { echo "convert_text: no jinja2 and pyyaml in .venv"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" tests/build/text_datasets.py "$folder"
