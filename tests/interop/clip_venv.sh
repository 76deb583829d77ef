# Sourced from the top of the repository, with the name of the test in $0. Sets `python`, of a venv
# with open_clip, transformers and peft, and `folder`, a scratch folder that goes when the script ends.
# Exit code 77 (skipped) where LibTorch comes from elsewhere, or there is no network to install from.
#
# torch is the one in .venv. Without --no-deps, torchvision would bring another torch of several GB;
# its compiled operators do not fit this one, and nothing here needs them (clip_run.py).
wheels=(open_clip_torch==3.3.0 torchvision==0.28.0 transformers==5.18.0 sentencepiece==0.2.3
        peft==0.21.2 accelerate==1.15.0)
light=(ftfy==6.3.1 regex tqdm 'huggingface-hub>=1.31,<3' 'tokenizers>=0.23.1,<0.24' safetensors==0.8.0
       numpy==2.4.6 pillow==13.0.0 packaging psutil pyyaml typer xxhash==4.1.0)
[ -x .venv/bin/python ] || { echo "$(basename "$0" _test.sh): no .venv, LibTorch comes from elsewhere"; exit 77; }
venv=build/clip-venv
stamp=$venv/$(printf '%s\n' "${wheels[@]}" "${light[@]}" | md5sum | cut -c1-12).installed
if [ ! -e "$stamp" ]; then
  .venv/bin/python -m venv --clear "$venv"
  { "$venv/bin/pip" install --quiet --disable-pip-version-check "${light[@]}" &&
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "${wheels[@]}"; } >"$venv/log" 2>&1 || {
    cat "$venv/log"
    if grep -qE 'NewConnectionError|ConnectTimeout|ProxyError|Temporary failure in name|Network is unreachable' "$venv/log"; then
      echo "$(basename "$0" _test.sh): no network to install ${wheels[*]} from"; exit 77
    fi
    exit 1
  }
  # After the venv's own packages, so that those win; torch and what it needs come from .venv.
  "$PWD/.venv/bin/python" -c 'import site; print(site.getsitepackages()[0])' \
    >"$("$venv/bin/python" -c 'import site; print(site.getsitepackages()[0])')/torch_of_dot_venv.pth"
  touch "$stamp"
fi
python=$venv/bin/python
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
