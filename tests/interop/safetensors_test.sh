#!/bin/bash
# Files of the safetensors library go in, and its reader takes what comes out. In a venv of its own.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=build/interop-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import safetensors, numpy' 2>/dev/null ||
  "$venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$venv/bin/python" tests/interop/safetensors_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
