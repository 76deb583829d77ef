# Sourced from the top of the repository, with the name of the test in $0. Sets `python`, of the venv
# that LibTorch came with, and `folder`, a scratch folder that goes when the script ends. Exit code 77
# (skipped) where LibTorch comes from elsewhere.
python=.venv/bin/python
[ -x "$python" ] || { echo "$(basename "$0" _test.sh): no .venv, LibTorch comes from elsewhere"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
