#!/bin/bash
# T5 of transformers, v1.0 tied and v1.1 untied, with random weights, through models/export_t5.py.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/clip_venv.sh
HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1 TQDM_DISABLE=1 "$python" tests/interop/t5_interop.py "$folder"
