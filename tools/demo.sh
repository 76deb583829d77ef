#!/bin/bash
# Computes tables of a mini suite from nothing, prints them, and prints how they differ from the committed
# ones: table1 and table2, images and their LoRA experts, or table3, text. Called by `make demo` and
# `make demo-language`, which build first.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for table in "$@"; do
  experiment=experiments/mini/$table.json
  results=results/demo/$table
  reference=results/reference/$table.csv

  rm -rf "$results"  # stored records would be taken instead of computing
  build/isomerge run "$experiment" --results "$results" </dev/null
  build/isomerge report "$experiment" --results "$results" --out "$results" \
    --format md,csv,html,svg </dev/null
  echo
  echo "Difference to the committed table ($reference):"
  build/isomerge report "$experiment" --results "$results" --against "$reference" </dev/null
  echo
  echo "Records, table, CSV, figures and a page with all of it ($table.html): $results/"
done
