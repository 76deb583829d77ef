#!/bin/bash
# Files of the safetensors library go in, and its reader takes what comes out. In a venv of its own.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/safetensors_venv.sh
"$python" tests/interop/safetensors_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
