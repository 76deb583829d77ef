#!/bin/bash
# A TorchScript module scripted in Python is merged and loaded in Python again.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/torch_venv.sh
"$python" tests/interop/torchscript_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
