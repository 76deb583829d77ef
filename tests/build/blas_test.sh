#!/bin/bash
# The program's dgemm_ is LibTorch's: of all libraries it loads, in the order in which the loader
# searches them, the first that offers dgemm_ is libtorch_cpu.so. Debian's reference BLAS, which
# other packages drag in, would be many times slower and round differently.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
program=${ISOMERGE_BINARY:-build/isomerge}
[ -x "$program" ] || { echo "FAILED: $program does not exist: run make build"; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Prints the library that a program's dgemm_ comes from; nothing if from none. ldd lists them in
# search order, those of LD_PRELOAD first.
provider() {
  local library
  ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\// {print $1}' |
    while read -r library; do
      if nm -D --defined-only "$library" 2>/dev/null | grep -qE ' [TWi] dgemm_(@|$)'; then
        basename "$library"
        break
      fi
    done
}

# The check sees a foreign BLAS that comes first.
echo 'void dgemm_(void) {}' | cc -shared -fPIC -xc -o "$work/libforeign.so" - || exit 1
seen=$(LD_PRELOAD=$work/libforeign.so provider "$program" 2>/dev/null)
[ "$seen" = libforeign.so ] || { echo "FAILED: does not see a foreign BLAS (saw '$seen')"; exit 1; }

seen=$(provider "$program")
[ "$seen" = libtorch_cpu.so ] || { echo "FAILED: dgemm_ comes from '${seen:-no library}'"; exit 1; }
echo "blas_test: dgemm_ comes from $seen"
