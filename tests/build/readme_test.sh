#!/bin/bash
# The tables in README.md are the committed ones, which `make demo` and `make demo-language` compute.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
table=$(mktemp) || exit 1
trap 'rm -f "$table"' EXIT
for reference in results/reference/table1.md results/reference/table2.md results/reference/table3.md; do
  # The first table of the committed Markdown: the means over tasks.
  awk '/^\|/ {print; seen = 1} !/^\|/ && seen {exit}' "$reference" > "$table"
  [ -s "$table" ] || { echo "readme: no table in $reference"; exit 1; }
  while IFS= read -r line; do
    grep -qxF -- "$line" README.md || { echo "readme: README.md lacks this line of $reference:"; echo "$line"; exit 1; }
  done < "$table"
  echo "readme: has the table of $reference"
done
