#!/bin/bash
# The image and text towers of open_clip and transformers, with random weights, through the exporters
# of models/ and the program; pickled modules, heads and masks without their classes.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/clip_venv.sh
HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 TQDM_DISABLE=1 "$python" tests/interop/clip_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder" "$@"
