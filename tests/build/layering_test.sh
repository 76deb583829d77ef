#!/bin/bash
# The tree keeps to the table of layers.txt; and the checker really sees each kind of violation.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
failures=0
python3=$(python3 -c 'import sys; print(sys.executable)')  # not a slow wrapper of it
layering() { "$python3" ./layering.py "$@"; }

# A small tree without a fault; each case below breaks one thing in it.
make_tree() {
  rm -rf "${tree:?}"/*
  mkdir -p "$tree"/src/{base,merge,eval,config} "$tree"/tests/{base,build}
  cat >"$tree/tests/build/layers.txt" <<'END'
library json nlohmann/*
library aten ATen/*
library torchscript torch/script.h
room base   -           | -
room config base        | json.cpp
room merge  base config | aten
room eval   base        | aten torchscript@run.cpp
END
  printf '#pragma once\n#include <vector>\n#include <sys/stat.h>\n' >"$tree/src/base/file.h"
  printf '#include <nlohmann/json.hpp>\n#include "base/file.h"\n' >"$tree/src/config/read.cpp"
  printf '#include <ATen/core/Tensor.h>\n#include "base/file.h"\n' >"$tree/src/merge/iso.cpp"
  printf '#pragma once\n' >"$tree/src/eval/run.h"
  printf '#include "eval/run.h"\n#include <torch/script.h>\n' >"$tree/src/eval/run.cpp"
  printf '#include <torch/script.h>\n#include "merge/iso.h"\n' >"$tree/tests/base/file_test.cpp"
  printf 'src/base/*.cpp src/config/*.cpp src/merge/*.cpp src/eval/*.cpp\n' >"$tree/CMakeLists.txt"
  printf 'foreach(room base merge)\n' >"$tree/tests/CMakeLists.txt"
  printf '# x\n## Rooms\n| `base` | a |\n| `config` | b |\n- `merge`: c\n- **`src/eval/`** d\n\n## Next\n- `other`\n' \
    >"$tree/README.md"
}

# refuses WHAT EXPECTED-TEXT: after the caller's change the checker must fail and say so.
refuses() {
  local output
  if output=$(layering "$tree"); then
    echo "FAILED: passes in spite of: $1"; failures=$((failures + 1))
  elif ! grep -qF -- "$2" <<<"$output"; then
    echo "FAILED: $1: no \"$2\" in:"; echo "$output"; failures=$((failures + 1))
  fi
  make_tree
}
append() { printf '%s\n' "$2" >>"$tree/$1"; }

make_tree
layering "$tree" >"$tree/out" || { echo "FAILED: a tree without a fault"; cat "$tree/out"; failures=1; }

append src/merge/iso.cpp '#include "eval/run.h"'
refuses "merge includes eval" 'src/merge/iso.cpp:3: merge may not include eval ("eval/run.h")'
append src/eval/run.cpp '  #  include "config/x.h"'; touch "$tree/src/config/x.h"
refuses "spaces in the directive" "eval may not include config"
append src/base/file.h '#include <ATen/ops/add.h>'
refuses "ATen in base" "src/base/file.h:4: <ATen/ops/add.h>: aten is not allowed"
printf '#pragma once\n#include <nlohmann/json.hpp>\n' >"$tree/src/config/read.h"
refuses "json in a header" "json is not allowed in this file"
append src/eval/run.h '#include <torch/script.h>'
refuses "a library outside its one file" "torchscript is not allowed in this file"
append src/merge/iso.cpp '#include <ATen/ATen.h>'
refuses "ATen/ATen.h" "is never included"
append tests/base/file_test.cpp '#include <torch/torch.h>'
refuses "torch/torch.h in a test" "is never included"
append src/merge/iso.cpp '#include <boost/any.hpp>'
refuses "an unknown library" "belongs to no library"
append src/merge/iso.cpp '#include "iso.h"'
refuses "an include path without its room" "no such file under src/"
printf '\n' >"$tree/src/base/file.h"
refuses "no #pragma once" "src/base/file.h: has no #pragma once"
mkdir "$tree/src/extra"
refuses "a room without a line in the table" "src/extra: room is not in layers.txt"
rm -r "$tree/src/eval"
refuses "a line without a room" "room eval does not exist"
touch "$tree/src/merge/iso.cc"
refuses "a source the build does not see" "is not built"
touch "$tree/src/loose.cpp"
refuses "a source outside every room" "a source lies in a room"
mkdir "$tree/tests/task"; touch "$tree/tests/task/x_test.cpp"
refuses "a test folder the build does not see" "tests/task/*_test.cpp is not built"
printf 'src/base/*.cpp\n' >"$tree/CMakeLists.txt"
refuses "a room the build does not see" "src/merge/*.cpp is not built"
sed -i 's/^room merge  base/room merge eval base/' "$tree/tests/build/layers.txt"
refuses "a table that lets merge reach eval" "merge must never reach eval"
sed -i 's/^room base   -  /room base eval /' "$tree/tests/build/layers.txt"
refuses "a circle in the table" "room base reaches itself"
sed -i 's/^room base   -           | -/room base - | aten/' "$tree/tests/build/layers.txt"
refuses "LibTorch below config" "config must do without LibTorch, but reaches it through base"
sed -i '/merge/d' "$tree/README.md"
refuses "a room missing in the README" "room merge is missing"
sed -i 's/`config`/`setup`/' "$tree/README.md"
refuses "a wrong room in the README" "names room setup"
sed -i 's/^## Rooms/## Folders/' "$tree/README.md"
refuses "a README without the section" 'has no section "## Rooms"'

layering ../.. || failures=$((failures + 1))
[ "$failures" = 0 ] && echo "layering_test: all passed" || exit 1
