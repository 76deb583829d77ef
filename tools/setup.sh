#!/bin/bash
# Installs what the build needs and this machine lacks: Debian packages, and LibTorch as a Python
# wheel in .venv/ unless CMAKE_PREFIX_PATH names another one. Does nothing, at once, when nothing is
# missing; repairs a .venv that an interrupted download left behind.
#
#   tools/setup.sh              PYTHON=/path/to/python3 chooses the interpreter for .venv/
#
# Exit code: 0 all there; 2 the person has to act (the exact commands are printed); 3 a download or
# an installation failed (why is printed).
set -u
export LC_ALL=C

# package             oldest version that works (- = any)
packages='
cmake                 3.25
ninja-build           -
g++                   4:12
lld                   -
make                  -
git                   -
python3               -
python3-venv          -
libfmt-dev            -
nlohmann-json3-dev    -
libcxxopts-dev        -
libgtest-dev          -
libxxhash-dev         -
libopencv-imgcodecs-dev 4
libsentencepiece-dev  -
libopenblas0-pthread  -
libbenchmark-dev      -
gnuplot-nox           5.4
fonts-liberation      -
'
# numpy: torch warns at every start without it; pyyaml: data/convert_text.py reads templates with it
wheels=(torch==2.13.0 numpy==2.4.6 pyyaml==6.0.3)

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd) || exit 3
venv=$root/.venv
python=${PYTHON:-/usr/bin/python3}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { local code=$1; shift; say "$@"; exit "$code"; }

# Prints the packages that are absent, or older than the table allows.
missing_packages() {
  local installed name oldest have
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Version}\n' \
              $(awk 'NF {print $1}' <<<"$packages") 2>/dev/null)
  while read -r name oldest; do
    [ -n "$name" ] || continue
    have=$(awk -v name="$name" '$1 == "installed" && $2 == name {print $3; exit}' <<<"$installed")
    if [ -z "$have" ]; then
      echo "$name"
    elif [ "$oldest" != - ] && dpkg --compare-versions "$have" lt "$oldest"; then
      echo "$name"
    fi
  done <<<"$packages"
}

# True if CMAKE_PREFIX_PATH names a LibTorch; the same places as in cmake/FindLibTorch.cmake.
libtorch_given() {
  local prefix step
  local IFS=':;'
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    for step in '' /torch /../.. /../../..; do
      if [ -e "$prefix$step/lib/libtorch_cpu.so" ] &&
         [ -e "$prefix$step/include/ATen/core/Tensor.h" ]; then
        return 0
      fi
    done
  done
  return 1
}

# Says what is wrong with .venv/; silent and true if every file of the wheels is there in full size.
check_venv() {
  [ -e "$venv" ] || { echo "there is no .venv yet"; return 1; }
  "$venv/bin/python3" -S -c pass 2>/dev/null || { echo "the Python in .venv does not start"; return 1; }
  "$venv/bin/python3" -I -S - "$venv" "${wheels[@]}" <<'PYTHON'
import csv, glob, os, sys
for wheel in sys.argv[2:]:
    name, version = wheel.split("==")
    found = [record for record in
             glob.glob(f"{sys.argv[1]}/lib/python3*/site-packages/{name}-*.dist-info/RECORD")
             if os.path.basename(os.path.dirname(record))[len(name) + 1:-len(".dist-info")]
             .split("+")[0] == version]
    if not found:
        sys.exit(print(f"{wheel} is not installed in .venv") or 1)
    site = os.path.dirname(os.path.dirname(found[0]))
    with open(found[0], newline="") as record:
        for path, _, size in csv.reader(record):
            try:
                whole = not size or os.stat(f"{site}/{path}").st_size == int(size)
            except OSError:
                whole = False
            if not whole:
                sys.exit(print(f"{path} of {wheel} is missing or cut short") or 1)
PYTHON
}

apt_command() {
  echo "apt-get update && apt-get install --yes --no-install-recommends $*"
}

# Prints what a person without root has to type, as it stands, for everything that is missing.
print_commands() {
  local problem
  if [ -n "$*" ]; then
    say "missing Debian packages: $*"
    say "installing them needs root, which this user has not. As root, run:"
    say "  $(apt_command "$@")"
    say "then, as yourself, run the command you just typed again."
  fi
  if ! libtorch_given && ! problem=$(check_venv); then
    say "missing LibTorch ($problem); the next run installs it, or type:"
    say "  $python -m venv --clear '$venv' && '$venv/bin/pip' install ${wheels[*]}"
  fi
}

install_packages() {
  local -a as_root=()
  if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    else
      print_commands "$@"
      exit 2
    fi
  fi
  say "installing Debian packages: $*"
  exec 8</var/lib/dpkg && flock 8  # another clone's setup may be at it
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive sh -c "$(apt_command \
    -o DPkg::Lock::Timeout=600 "$@")" </dev/null >&2 ||
    fail 3 "apt-get could not install the packages (its messages are above). Is there a network?"
  exec 8<&-
  local still
  still=$(missing_packages | xargs)
  [ -z "$still" ] || fail 3 "still missing or too old after installing: $still." \
    "Debian 12 or a newer release is needed."
}

# Downloads torch, numpy and pyyaml into .venv/, which is made anew if its Python does not start.
install_wheels() {
  local problem=$1 again=()
  if [ -n "${CMAKE_PREFIX_PATH:-}" ]; then
    say "CMAKE_PREFIX_PATH ($CMAKE_PREFIX_PATH) names no LibTorch: installing one of our own"
  fi
  say "$problem: installing ${wheels[*]} into .venv"
  if ! "$venv/bin/python3" -m pip --version >/dev/null 2>&1; then
    "$python" -m venv --clear "$venv" >&2 ||
      fail 3 "'$python -m venv' failed (its messages are above)." \
        "PYTHON=/path/to/python3 chooses another Python."
  elif [[ $problem == *"cut short" ]]; then
    again=(--force-reinstall --no-deps)  # pip believes its own list and would do nothing
  fi
  "$venv/bin/python3" -m pip install --no-input --disable-pip-version-check "${again[@]}" \
    "${wheels[@]}" </dev/null >&2 ||
    fail 3 "pip could not install ${wheels[*]} (its messages are above). Is there a network?" \
      "A LibTorch that lies on this machine can be named with CMAKE_PREFIX_PATH."
  problem=$(check_venv) || fail 3 "pip reported success, but $problem. Delete .venv and try again."
}

command -v dpkg-query >/dev/null || fail 2 "this is not a Debian system (no dpkg-query)." \
  "Install the equivalents of these packages and build with cmake --preset dev:" \
  "$(awk 'NF {print $1}' <<<"$packages" | xargs)"

exec 9<"$root"
flock -n 9 || { say "waiting for another setup of this folder"; flock 9; }

missing=$(missing_packages | xargs)
# shellcheck disable=SC2086
[ -z "$missing" ] || install_packages $missing
libtorch_given || problem=$(check_venv) || install_wheels "$problem"
