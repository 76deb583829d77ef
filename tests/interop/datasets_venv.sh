# Sourced from the top of the repository after torch_venv.sh or clip_venv.sh. Sets `datasets_python`, of
# a venv with what data/convert.py needs and the torch of .venv.
venv=build/datasets-venv
if ! "$venv/bin/python" -c 'import h5py, numpy, PIL, pyarrow, scipy, torch, xxhash' 2>/dev/null; then
  .venv/bin/python -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check h5py numpy==2.4.6 pillow==11.3.0 pyarrow scipy xxhash
  # After its own packages, torch of the venv that LibTorch came with.
  "$PWD/.venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
    >"$(echo "$venv"/lib/python3*/site-packages)/torch.pth"
fi
datasets_python=$venv/bin/python
