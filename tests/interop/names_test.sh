#!/bin/bash
# `isomerge convert --names` between open_clip and transformers: their features, and the same merges under either library's names.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/clip_venv.sh
HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 TQDM_DISABLE=1 "$python" tests/interop/names_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder" "$@"
