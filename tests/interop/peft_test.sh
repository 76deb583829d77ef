#!/bin/bash
# LoRA adapters that isomerge writes go into PEFT, and those that PEFT writes go into isomerge: the same models.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/clip_venv.sh
HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 TQDM_DISABLE=1 "$python" tests/interop/peft_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder" "$@"
