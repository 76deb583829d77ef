#!/bin/bash
# The twenty vision datasets, small, in their authors' own formats: converted, decoded by the program,
# and compared image by image. The held-out part is compared with torch.randperm.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/torch_venv.sh
. tests/interop/datasets_venv.sh
"$datasets_python" tests/interop/datasets_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
