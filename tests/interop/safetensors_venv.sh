# Sourced from the top of the repository. Sets `python`, of a venv with the safetensors library, and
# `folder`, a scratch folder that goes when the script ends.
venv=build/interop-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import safetensors, numpy' 2>/dev/null ||
  "$venv/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
python=$venv/bin/python
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
