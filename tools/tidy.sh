#!/bin/bash
# Runs clang-tidy on the sources that changed since a commit: tools/tidy.sh [COMMIT]
# COMMIT defaults to where this branch left origin/main or, without a remote, to the commit before.
# A changed header counts through the source of the same name. Needs a configured build/ folder.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tidy=$(command -v clang-tidy-14 || command -v clang-tidy) ||
  { echo "tidy: clang-tidy is not installed (apt-get install clang-tidy)" >&2; exit 2; }
[ -f build/compile_commands.json ] || { echo "tidy: run make build first" >&2; exit 2; }
since=${1:-$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse HEAD~1 2>/dev/null || true)}
if [ -n "$since" ]; then
  changed=$(git diff --name-only --diff-filter=d "$since"; git ls-files -o --exclude-standard)
else
  changed=$(git ls-files -co --exclude-standard)  # the first commit: everything
fi
sources=$(grep -E '^(src|tests)/.*\.(h|cpp)$' <<<"$changed" | sed 's/\.h$/.cpp/' | sort -u |
          while read -r file; do if [ -f "$file" ]; then echo "$file"; fi; done)
[ -n "$sources" ] || { echo "tidy: no source changed since ${since:-the beginning}"; exit 0; }
echo "tidy: $(wc -l <<<"$sources") files changed since ${since:-the beginning}"
xargs -P "$(tools/jobs.sh)" -n 1 "$tidy" -p build --quiet <<<"$sources"
