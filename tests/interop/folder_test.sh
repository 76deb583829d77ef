#!/bin/bash
# A sharded folder of the safetensors library goes in, and its reader takes the one that comes out.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=build/interop-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import safetensors, numpy' 2>/dev/null ||
  "$venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$venv/bin/python" tests/interop/folder_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
