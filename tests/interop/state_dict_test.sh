#!/bin/bash
# State dicts that Python's torch.save wrote are converted and inspected.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/torch_venv.sh
"$python" tests/interop/state_dict_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
