#!/bin/bash
# Computes the table of the mini vision suite from nothing, prints it, and prints how it differs from
# the committed one. Called by `make demo`, which builds first.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
experiment=experiments/mini/table1.json
results=results/demo
reference=results/reference/table1.csv

rm -rf "$results"  # stored records would be taken instead of computing
build/isomerge run "$experiment" --results "$results" </dev/null
build/isomerge report "$experiment" --results "$results" --out "$results" \
  --format md,csv,html,svg </dev/null
echo
echo "Difference to the committed table ($reference):"
build/isomerge report "$experiment" --results "$results" --against "$reference" </dev/null
echo
echo "Records, table, CSV, figures (table1-sar.svg: improvement over subspace alignment)"
echo "and a page with all of it (table1.html): $results/"
