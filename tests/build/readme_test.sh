#!/bin/bash
# The table in README.md is the committed one, which `make demo` computes.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
reference=results/reference/table1.md
# The first table of the committed Markdown: the means over tasks.
awk '/^\|/ {print; seen = 1} !/^\|/ && seen {exit}' "$reference" > "${TMPDIR:-/tmp}/readme_table.$$"
trap 'rm -f "${TMPDIR:-/tmp}/readme_table.$$"' EXIT
[ -s "${TMPDIR:-/tmp}/readme_table.$$" ] || { echo "readme: no table in $reference"; exit 1; }
while IFS= read -r line; do
  grep -qxF -- "$line" README.md || { echo "readme: README.md lacks this line of $reference:"; echo "$line"; exit 1; }
done < "${TMPDIR:-/tmp}/readme_table.$$"
echo "readme: its table is that of $reference"
