#!/bin/bash
# tools/setup.sh on machines that this one is not: dpkg-query, apt-get, sudo, id and Python are
# stand-ins that a case configures by touching files. No network, nothing installed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0
script=$work/tree/tools/setup.sh
python3=$(python3 -c "import sys; print(sys.executable)")  # not a slow wrapper of it

mkdir -p "$work/bin" "$work/tree/tools"
cp tools/setup.sh "$work/tree/tools/"

shim() { cat >"$work/bin/$1"; chmod +x "$work/bin/$1"; }
shim dpkg-query <<END
#!/bin/bash
for name in "\${@:4}"; do
  grep -qx -- "\$name" "$work/hidden" && continue
  version=\$(sed -n "s/^\$name=//p" "$work/versions")
  echo "installed \$name \${version:-9:99}"
done
echo "config-files libfmt-dev 99"
END
shim apt-get <<END
#!/bin/bash
echo "\${VIA_SUDO:-}apt-get \$*" >>"$work/calls"
[ ! -e "$work/offline" ] || { echo "E: could not resolve" >&2; exit 100; }
[ -e "$work/useless" ] || [ "\$1" = update ] || : >"$work/hidden"
END
shim id <<END
#!/bin/sh
[ -e "$work/root" ] && echo 0 || echo 1000
END
shim sudo <<END
#!/bin/bash
echo "sudo" >>"$work/calls"
[ -e "$work/sudo" ] || exit 1
shift; VIA_SUDO="by sudo: " exec "\$@"
END
# A Python whose venv module makes a .venv with itself in it, and whose pip writes three tiny wheels.
shim python <<END
#!/bin/bash
if [ "\$1 \$2" = "-m venv" ]; then
  echo "venv \${*:3}" >>"$work/calls"
  [ ! -e "$work/no-ensurepip" ] || { echo "ensurepip is not available" >&2; exit 1; }
  rm -rf "\${@: -1}"; mkdir -p "\${@: -1}/bin"; cp "$work/bin/python" "\${@: -1}/bin/python3"
elif [ "\$1 \$2 \$3" = "-m pip --version" ]; then
  exit 0
elif [ "\$1 \$2" = "-m pip" ]; then
  echo "pip \${*:3}" >>"$work/calls"
  [ ! -e "$work/offline" ] || { echo "no matching distribution" >&2; exit 1; }
  [ ! -e "$work/useless" ] || exit 0
  site="$work/tree/.venv/lib/python3.11/site-packages"
  for wheel in torch-2.13.0+cpu numpy-2.4.6 pyyaml-6.0.3; do
    name=\${wheel%%-*}
    mkdir -p "\$site/\$wheel.dist-info" "\$site/\$name/lib"
    echo 12345 >"\$site/\$name/lib/lib\$name.so"
    echo "\$name/lib/lib\$name.so,sha256=x,6" >"\$site/\$wheel.dist-info/RECORD"
  done
else
  exec "$python3" "\$@"
fi
END

# machine WORD...: a fresh machine; the words are the flag files of the stand-ins.
machine() {
  rm -rf "$work/tree/.venv" "$work"/{root,sudo,offline,useless,no-ensurepip}
  : >"$work/hidden"; : >"$work/versions"; : >"$work/calls"
  local flag
  for flag in "$@"; do touch "$work/$flag"; done
}
hide() { printf '%s\n' "$@" >"$work/hidden"; }

# runs CODE [NAME=VALUE...]: the script ends with this exit code; output and calls are kept.
runs() {
  local expected=$1 code=0
  shift
  : >"$work/calls"
  env -u CMAKE_PREFIX_PATH PATH="$work/bin:$PATH" PYTHON="$work/bin/python" "$@" \
    "$script" </dev/null >"$work/output" 2>&1 || code=$?
  [ "$code" = "$expected" ] || complain "exit code $code instead of $expected"
}
complain() {
  echo "FAILED (${BASH_LINENO[1]}): $1"
  sed 's/^/    /' "$work/output" "$work/calls"
  failures=$((failures + 1))
}
says() { grep -qF -- "$1" "$work/output" || complain "does not say: $1"; }
calls() { grep -qF -- "$1" "$work/calls" || complain "does not call: $1"; }
calls_nothing() { [ ! -s "$work/calls" ] || complain "calls something"; }
silent() { [ ! -s "$work/output" ] || complain "says something"; }

# As root: both kinds are installed; the second time there is nothing to do and nothing to say.
machine root; hide cmake libfmt-dev
runs 0; calls "apt-get update"; calls "apt-get install --yes --no-install-recommends"
calls "cmake libfmt-dev"; calls "pip install"; calls "torch==2.13.0"
grep -q sudo "$work/calls" && complain "root calls sudo"
runs 0; calls_nothing; silent

# Only what is missing is installed; a version that is too old counts as missing.
machine root; hide libgtest-dev; runs 0
grep -q 'ninja' "$work/calls" && complain "installs what is there"
machine root; echo "cmake=3.18.4-2" >"$work/versions"; echo "g++=4:12.2.0-3" >>"$work/versions"
runs 3; calls " cmake"; says "Debian 12"
grep -q 'g++' "$work/calls" && complain "calls a g++ 12 too old"

# Without root: the exact commands, exit code 2, and nothing is tried.
machine; hide ninja-build lld; runs 2
says "missing Debian packages: ninja-build lld"
says "apt-get update && apt-get install --yes --no-install-recommends ninja-build lld"
says "-m venv --clear '$work/tree/.venv' && '$work/tree/.venv/bin/pip' install torch==2.13.0 numpy==2.4.6 pyyaml==6.0.3"
grep -q -e apt-get -e pip "$work/calls" && complain "installs without root"
machine sudo; hide lld; runs 0; calls "by sudo: apt-get update"; calls "by sudo: apt-get install"
machine; runs 0; calls "pip install"  # packages there: no root needed

# A .venv that an interruption left behind is repaired, however it is broken.
site=$work/tree/.venv/lib/python3.11/site-packages
machine; runs 0; rm -r "$site/torch-2.13.0+cpu.dist-info"
runs 0; says "torch==2.13.0 is not installed"; calls "pip install"
printf 1 >"$site/torch/lib/libtorch.so"
runs 0; says "torch/lib/libtorch.so of torch==2.13.0 is missing or cut short"; calls "--force-reinstall"
rm "$site/numpy/lib/libnumpy.so"; runs 0; says "numpy==2.4.6 is missing"; calls "--force-reinstall"
mv "$site/torch-2.13.0+cpu.dist-info" "$site/torch-2.12.0.dist-info"
runs 0; says "torch==2.13.0 is not installed"; calls "pip install"
echo "not a program" >"$work/tree/.venv/bin/python3"
runs 0; says "does not start"; calls "venv --clear"; calls "pip install"
runs 0; calls_nothing; silent

# Another LibTorch: taken when it is one, said when it is not.
mkdir -p "$work/site/torch/lib" "$work/site/torch/include/ATen/core" "$work/site/torch/share/cmake/Torch"
touch "$work/site/torch/lib/libtorch_cpu.so" "$work/site/torch/include/ATen/core/Tensor.h"
machine
for prefix in "$work/site/torch" "/nonexistent:$work/site" "$work/site/torch/share/cmake/Torch"; do
  runs 0 CMAKE_PREFIX_PATH="$prefix"; calls_nothing; silent
done
mkdir -p "$work/headless/lib"; touch "$work/headless/lib/libtorch_cpu.so"  # no headers in it
runs 0 CMAKE_PREFIX_PATH="$work/bin:$work/headless"; says "names no LibTorch"; calls "pip install"
machine; hide lld; runs 2 CMAKE_PREFIX_PATH="$work/site"
grep -q 'pip' "$work/output" && complain "asks for torch although it is given"

# No network, an installer that lies, a Python without ensurepip, no Debian.
machine root offline; hide lld; runs 3; says "apt-get could not install"; says "network"
machine offline; runs 3; says "pip could not install torch==2.13.0"; says "network"
machine useless; runs 3; says "pip reported success, but torch==2.13.0 is not installed"
machine root useless; hide lld; runs 3; says "still missing"
machine no-ensurepip; runs 3; says "-m venv' failed"; says "PYTHON="
mkdir "$work/plain"; ln -s "$(command -v bash)" "$(command -v dirname)" "$(command -v awk)" \
  "$(command -v xargs)" "$work/plain/"
output=$(PATH=$work/plain bash "$script" 2>&1)
[ $? = 2 ] && grep -q "not a Debian system" <<<"$output" || { echo "FAILED: no Debian: $output"; failures=1; }

# Two at once: the second waits for the first.
machine
flock "$work/tree" sleep 1 &
sleep 0.3; runs 0; wait; says "waiting for another setup"

# The promise of the everyday case: under a second (here with tiny wheels).
start=$(date +%s%N); runs 0; took=$((($(date +%s%N) - start) / 1000000))
[ "$took" -lt 3000 ] || complain "took $took ms with nothing to do"  # 3 s: other tests may run
[ "$failures" = 0 ] && echo "setup_test: all passed (nothing to do: $took ms)" || exit 1
