#!/bin/bash
# Every method at CLIP's true shapes and on awkward suites, through files only, against the float64
# reference and against the full-SVD route in fp32. Arguments go to accuracy.py: --only b32-T8
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/torch_venv.sh
"$python" tests/golden/accuracy.py --isomerge "${ISOMERGE_BINARY:-build/isomerge}" "$@"
