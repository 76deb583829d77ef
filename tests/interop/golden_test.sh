#!/bin/bash
# Checkpoints written by Python with the true shapes of a ViT-B/32 block, merged by the program, and
# compared in Python with the float64 reference: every method, through files only.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/torch_venv.sh
"$python" tests/golden/write_checkpoints.py vit_b32_block "$folder"
experts=()
for file in "$folder"/expert_*.safetensors; do
  experts+=(--expert "t$(basename "$file" .safetensors | tr -dc 0-9)=$file")
done
for method in average task_arithmetic tsv_m iso_c iso_cts; do
  "${ISOMERGE_BINARY:-build/isomerge}" merge --quiet --update-only --method "$method" \
    --base "$folder/base.safetensors" "${experts[@]}" --out "$folder/merged.safetensors"
  "$python" tests/golden/compare.py vit_b32_block "$method" "$folder/merged.safetensors"
done
