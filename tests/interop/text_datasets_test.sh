#!/bin/bash
# The eleven language datasets, small, in their authors' own formats: converted, and every line compared with promptsource 0.2.3 itself.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/torch_venv.sh
venv=build/text-venv
if ! "$venv/bin/python" -c 'import pandas, promptsource.templates, pyarrow' 2>/dev/null; then
  .venv/bin/python -m venv --clear "$venv"
  # It asks for an older Python and for the libraries of its editor, which rendering does without; its own resource finder left setuptools at 81.
  "$venv/bin/pip" install --quiet --disable-pip-version-check jinja2 pandas pyarrow pyyaml==6.0.3 'setuptools<81'
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --ignore-requires-python promptsource==0.2.3
fi
"$venv/bin/python" -W ignore tests/interop/text_datasets_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
