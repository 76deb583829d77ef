#!/bin/bash
# From a tree of checkpoints as the papers publish them (random weights) and datasets as their authors
# publish them (small) to Table 1, by the commands of models/README.md and data/README.md and without
# one edit of the experiment file. An argument names open_clip's model: ViT-B-32-quickgelu takes long.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/clip_venv.sh
. tests/interop/datasets_venv.sh
isomerge=${ISOMERGE_BINARY:-build/isomerge}
model=${1:-small}
tasks=(cars dtd eurosat gtsrb mnist resisc45 svhn sun397)
export HF_HUB_OFFLINE=1 CHECKPOINTS="$folder/checkpoints" DATA="$folder/data"

"$datasets_python" tests/interop/dataset_archives.py "$folder/originals" "${tasks[@]}"
"$datasets_python" data/convert.py "${tasks[@]}" "$folder/originals" --out "$DATA"
"$python" tests/interop/paper_tree.py "$CHECKPOINTS" "$folder/originals/labels.json" "$model"
tree=$CHECKPOINTS/ViT-B-32
name=$model
[ "$model" != small ] || name=$CHECKPOINTS/small-clip.json
"$python" tests/interop/clip_run.py models/export_clip.py encoder --library open_clip --model "$name" \
  --like "$tree/MNISTVal/nonlinear_zeroshot.pt" --skeleton --out "$tree/encoder.pt"
.venv/bin/python -c 'import safetensors' 2>/dev/null && heads_python=.venv/bin/python || heads_python=$python
"$heads_python" models/unpickle.py heads --out "$tree/heads.safetensors" \
  cars="$tree/head_CarsVal.pt" dtd="$tree/head_DTDVal.pt" eurosat="$tree/head_EuroSATVal.pt" \
  gtsrb="$tree/head_GTSRBVal.pt" mnist="$tree/head_MNISTVal.pt" resisc45="$tree/head_RESISC45Val.pt" \
  svhn="$tree/head_SVHNVal.pt" sun397="$tree/head_SUN397Val.pt"

# What is missing is listed at once, file by file; what is there is planned.
if CHECKPOINTS=$folder/nowhere "$isomerge" run experiments/paper/table1_vit_b32.json --set tasks=8 --dry-run 2>"$folder/missing"; then
  echo "paper: planned without checkpoints"; exit 1
fi
[ "$(grep -c 'no such file: .*nowhere/' "$folder/missing")" -ge 11 ] || { cat "$folder/missing"; echo "paper: not every missing file is listed"; exit 1; }
"$isomerge" run experiments/paper/table1_vit_b32.json --set tasks=8 --dry-run | tail -2 | tee "$folder/plan"
grep -q '^at most [0-9]* merges' "$folder/plan" || { echo "paper: no plan"; exit 1; }
"$isomerge" run --quiet experiments/paper/table1_vit_b32.json --set tasks=8 --results "$folder/results"
"$isomerge" report experiments/paper/table1_vit_b32.json --set tasks=8 --results "$folder/results" \
  --out "$folder/out" --format md,csv >/dev/null
cat "$folder/out/table1_vit_b32.md"
for wanted in 'Iso-CTS' 'Consensus TA' 'Published' '84.3\|86.3' 'Without DTD' '^- DTD: files of this tree' ; do
  grep -q "$wanted" "$folder/out/table1_vit_b32.md" || { echo "paper: the table lacks $wanted"; exit 1; }
done
! grep -q 'missing\|failed' "$folder/out/table1_vit_b32.md" || { echo "paper: the table has gaps"; exit 1; }
# A second start finds everything.
"$isomerge" run --quiet experiments/paper/table1_vit_b32.json --set tasks=8 --results "$folder/results" | tee "$folder/second"
grep -q '^nothing\|^0 records computed\|everything' "$folder/second" || { echo "paper: the second start computed something"; exit 1; }
