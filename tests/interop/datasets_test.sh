#!/bin/bash
# The twenty vision datasets, small, in their authors' own formats: converted, decoded by the program,
# and compared image by image. The held-out part is compared with torch.randperm.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/torch_venv.sh
venv=build/datasets-venv
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -c 'import h5py, numpy, PIL, pyarrow, scipy, xxhash' 2>/dev/null ||
  "$venv/bin/pip" install --quiet --disable-pip-version-check h5py numpy==2.4.6 pillow==11.3.0 pyarrow scipy xxhash
# After its own packages, torch of the venv that LibTorch came with.
"$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$(echo "$venv"/lib/python3*/site-packages)/torch.pth"
"$venv/bin/python" tests/interop/datasets_interop.py "${ISOMERGE_BINARY:-build/isomerge}" "$folder"
