#!/bin/bash
# A sharded folder of the safetensors library goes in, and its reader takes the one that comes out.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/safetensors_venv.sh
"$python" tests/interop/folder_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
