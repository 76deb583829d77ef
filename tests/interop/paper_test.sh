#!/bin/bash
# From trees of checkpoints and of LoRA experts as the papers publish them (random weights) and datasets
# as their authors publish them (small) to Tables 1 and 2, by the commands of models/README.md and
# data/README.md and without one edit of the experiment files. An argument names open_clip's model of
# Table 1: ViT-B-32-quickgelu takes long.
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

# Table 2: the heads alone come from elsewhere, since the small base has no tokenizer.
"$python" tests/interop/paper_lora_tree.py "$CHECKPOINTS" "$folder/originals/labels.json"
base=$CHECKPOINTS/clip-vit-base-patch32
"$python" tests/interop/clip_run.py models/export_clip.py encoder --library transformers --model "$base" \
  --skeleton --out "$base/encoder.pt" --base "$base/base.safetensors"
"$isomerge" run --quiet experiments/paper/table2_vit_b32.json --results "$folder/results2"
"$isomerge" report experiments/paper/table2_vit_b32.json --results "$folder/results2" \
  --out "$folder/out2" --format md,csv >/dev/null
cat "$folder/out2/table2_vit_b32.md"
for wanted in 'TIES-Merging .*(63\.7)' 'KnOTS-DARE-TIES .*(63\.9)' 'Iso-C (r shape) .*(73\.6)' 'Iso-C (r sum) .*(73\.6)' \
    'Iso-CTS (r sum) .*(73\.7)' 'Published' '^- Normalised accuracies divide by accuracies that the suite gives' '^- Cars: the public code of KnOTS'; do
  grep -q "$wanted" "$folder/out2/table2_vit_b32.md" || { echo "paper: Table 2 lacks $wanted"; exit 1; }
done
! grep -q 'missing\|failed' "$folder/out2/table2_vit_b32.md" || { echo "paper: Table 2 has gaps"; exit 1; }
"$isomerge" run --quiet experiments/paper/table2_vit_b32.json --results "$folder/results2" | tee "$folder/second2"
grep -q '^nothing\|^0 records computed\|everything' "$folder/second2" || { echo "paper: the second start of Table 2 computed something"; exit 1; }
# The other one differs in numbers alone: whatever it lacks is a file.
if CHECKPOINTS=$folder/nowhere "$isomerge" run experiments/paper/table2_vit_l14.json --dry-run 2>"$folder/missing2"; then
  echo "paper: planned without adapters"; exit 1
fi
! grep -v 'no such file: .*nowhere/\|problems\|^ *$' "$folder/missing2" || { echo "paper: table2_vit_l14.json has faults"; exit 1; }
