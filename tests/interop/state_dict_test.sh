#!/bin/bash
# State dicts that Python's torch.save wrote are converted and inspected.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ -x .venv/bin/python ] || { echo "state_dict: no .venv, LibTorch comes from elsewhere"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
.venv/bin/python tests/interop/state_dict_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
