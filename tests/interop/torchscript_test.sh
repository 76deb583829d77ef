#!/bin/bash
# A TorchScript module scripted in Python is merged and loaded in Python again.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ -x .venv/bin/python ] || { echo "torchscript: no .venv, LibTorch comes from elsewhere"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
.venv/bin/python tests/interop/torchscript_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
