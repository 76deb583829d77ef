#!/bin/bash
# cmake/FindLibTorch.cmake with a CUDA build of LibTorch and no CUDA toolkit: what a plain
# `pip install torch` gives most people. The CUDA libraries are stand-ins made here from C; like the
# real ones they need a runtime library that only their own rpath finds.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
root=$PWD
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*"; [ ! -f "$work/log" ] || tail -n 40 "$work/log"; exit 1; }

# The LibTorch of the build; by hand, the one of .venv/.
torch=${ISOMERGE_LIBTORCH:-$(echo "$root"/.venv/lib/python3*/site-packages/torch)}
[ -e "$torch/lib/libtorch_cpu.so" ] || fail "no LibTorch at $torch: run tools/setup.sh"
unset CMAKE_PREFIX_PATH

mkdir -p "$work/project" "$work/site/torch/lib" "$work/site/nvidia/lib" "$work/old/lib" \
         "$work/old/include/ATen/core" "$work/old/include/torch/headeronly"
mkdir -p "$work/site/torch/share/cmake/Torch"
ln -s "$torch/include" "$work/site/torch/include"
ln -s "$torch"/lib/* "$work/site/torch/lib/"
cd "$work" || exit 1
lib=$work/site/torch/lib
rm -f "$lib/libtorch_cuda.so" "$lib/libc10_cuda.so"  # a real CUDA build has its own
echo 'int cuda_runtime(void) { return 7; }' >runtime.c
echo 'int cuda_runtime(void); int c10_cuda(void) { return cuda_runtime(); }' >c10.c
echo '#include <stdlib.h>
      int cuda_runtime(void);
      __attribute__((constructor)) static void load(void) {
        setenv("TORCH_CUDA_LOADED", cuda_runtime() == 7 ? "yes" : "no", 1); }' >torch.c
needs=(-Lsite/nvidia/lib -l:libcudart.so.12 '-Wl,-rpath,$ORIGIN/../../nvidia/lib')
{ cc -shared -fPIC -o site/nvidia/lib/libcudart.so.12 -Wl,-soname,libcudart.so.12 runtime.c &&
  cc -shared -fPIC -o "$lib/libc10_cuda.so" -Wl,-soname,libc10_cuda.so c10.c "${needs[@]}" &&
  cc -shared -fPIC -o "$lib/libtorch_cuda.so" -Wl,-soname,libtorch_cuda.so torch.c "${needs[@]}"
} || fail "the stand-ins do not compile"

cat >project/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(sample LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(LibTorch 2.11 REQUIRED)
message(STATUS "found ${LibTorch_VERSION} CUDA=${LibTorch_CUDA} in ${LibTorch_LIBRARY_DIR}")
add_executable(sample sample.cpp)
target_compile_options(sample PRIVATE -Wall -Wextra -Wshadow -Wconversion -Werror)
target_link_libraries(sample PRIVATE LibTorch::LibTorch)
END
cat >project/sample.cpp <<'END'
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>

#include <cstdio>
#include <cstdlib>

int main() {
  const char* cuda = std::getenv("TORCH_CUDA_LOADED");
  std::printf("sum %g cuda %s\n", at::ones({2, 3}).sum().item<double>(), cuda ? cuda : "no");
}
END

# configure OPTION...: true if CMake configures; its output is in the log.
configure() {
  cmake -S project -B build -G Ninja -DCMAKE_MODULE_PATH="$root/cmake" -DCMAKE_BUILD_TYPE=None \
    -DCMAKE_CXX_COMPILER_WORKS=1 -DCMAKE_CXX_FLAGS='-O0 -DAT_PER_OPERATOR_HEADERS' \
    -DCMAKE_EXE_LINKER_FLAGS=-fuse-ld=lld "$@" >log 2>&1
}

configure -DCMAKE_PREFIX_PATH="$work/site/torch" || fail "a CUDA layout does not configure"
grep -q 'found 2\..* CUDA=ON' log || fail "the CUDA libraries were not seen"
cmake --build build >log 2>&1 || fail "a program does not link against a CUDA layout"
output=$(./build/sample 2>&1)
[ "$output" = "sum 6 cuda yes" ] || fail "the program says \"$output\" instead of loading CUDA"

# Found in every way the header of the module promises; the folder is remembered; CMAKE_PREFIX_PATH
# comes first.
for prefix in "$work/site" "$lib/../share/cmake" "/nonexistent;$lib/../share/cmake/Torch"; do
  configure -ULibTorch_FOLDER -DCMAKE_PREFIX_PATH="$prefix" &&
    grep -q "CUDA=ON in $work/site/torch/lib" log || fail "not found through $prefix"
done
configure -DCMAKE_PREFIX_PATH= && grep -q "CUDA=ON" log || fail "forgets the folder"
CMAKE_PREFIX_PATH=/nonexistent:$torch configure && grep -q "in $torch/lib" log ||
  fail "the environment's CMAKE_PREFIX_PATH does not override the last folder"

# Refused with a message that helps: none at all, and one that is too old.
configure -ULibTorch_FOLDER && fail "configures without any LibTorch"
grep -q 'run tools/setup.sh' log || fail "the message does not name tools/setup.sh"
touch old/lib/libtorch_cpu.so old/include/ATen/core/Tensor.h
printf '#define TORCH_VERSION_%s\n' 'MAJOR 2' 'MINOR 9' 'PATCH 1' >old/include/torch/headeronly/version.h
configure -DCMAKE_PREFIX_PATH="$work/old" && fail "configures with LibTorch 2.9"
grep -q '2\.9\.1' log && grep -q '2\.11' log || fail "the message does not name both versions"
echo "libtorch_cuda_test: all passed"
