# FindLibTorch -- an imported target made straight from LibTorch's own libraries.
#
# LibTorch's CMake package refuses a CUDA build on a machine without the CUDA toolkit, which is what
# a plain `pip install torch` gives most people. Compiling against it needs only the headers and the
# shared libraries, so this module takes those and nothing else.
#
# Looked for, in this order, until one folder has both lib/libtorch_cpu.so and the ATen headers:
#   1. every folder of the variable, then of the environment's CMAKE_PREFIX_PATH: the folder itself,
#      its torch/ (a site-packages folder), or the folder whose share/cmake[/Torch] it is;
#   2. the folder the last configure run took, so that Ninja's own re-runs do not change it;
#   3. the wheel in .venv/, where tools/setup.sh installs it.
#
# Defines LibTorch_FOUND, LibTorch_VERSION, LibTorch_CUDA (ON if the CUDA libraries lie there),
# LibTorch_LIBRARY_DIR, LibTorch_INCLUDE_DIR and the target LibTorch::LibTorch.

set(_libtorch_prefixes ${CMAKE_PREFIX_PATH})
if(DEFINED ENV{CMAKE_PREFIX_PATH})
  string(REPLACE ":" ";" _libtorch_environment "$ENV{CMAKE_PREFIX_PATH}")
  list(APPEND _libtorch_prefixes ${_libtorch_environment})
endif()
set(_libtorch_candidates "")
foreach(_libtorch_prefix IN LISTS _libtorch_prefixes)
  foreach(_libtorch_step "" /torch /../.. /../../..)
    list(APPEND _libtorch_candidates "${_libtorch_prefix}${_libtorch_step}")
  endforeach()
endforeach()
file(GLOB _libtorch_wheel "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
list(APPEND _libtorch_candidates ${LibTorch_FOLDER} ${_libtorch_wheel})

unset(LibTorch_LIBRARY_DIR)
unset(LibTorch_INCLUDE_DIR)
unset(LibTorch_VERSION)
foreach(_libtorch_folder IN LISTS _libtorch_candidates)
  if(EXISTS "${_libtorch_folder}/lib/libtorch_cpu.so"
     AND EXISTS "${_libtorch_folder}/include/ATen/core/Tensor.h")
    get_filename_component(_libtorch_folder "${_libtorch_folder}" ABSOLUTE)
    set(LibTorch_FOLDER "${_libtorch_folder}" CACHE INTERNAL "LibTorch of the last configure run")
    set(LibTorch_LIBRARY_DIR "${_libtorch_folder}/lib")
    set(LibTorch_INCLUDE_DIR "${_libtorch_folder}/include")
    break()
  endif()
endforeach()

# Which file carries the numbers depends on the release.
foreach(_libtorch_file torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  if(NOT LibTorch_VERSION AND EXISTS "${LibTorch_INCLUDE_DIR}/${_libtorch_file}")
    file(STRINGS "${LibTorch_INCLUDE_DIR}/${_libtorch_file}" _libtorch_lines
         REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]")
    if(_libtorch_lines MATCHES "MAJOR +([0-9]+).*MINOR +([0-9]+).*PATCH +([0-9]+)")
      set(LibTorch_VERSION "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
    endif()
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_LIBRARY_DIR LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "run tools/setup.sh, or point CMAKE_PREFIX_PATH at a LibTorch folder")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  set(_libtorch_libraries "${LibTorch_LIBRARY_DIR}/libtorch_cpu.so"
                          "${LibTorch_LIBRARY_DIR}/libc10.so")
  set(LibTorch_CUDA OFF)
  if(EXISTS "${LibTorch_LIBRARY_DIR}/libtorch_cuda.so")
    set(LibTorch_CUDA ON)
    # Nothing of ours names a symbol of these two; without --no-as-needed the linker would drop them
    # and --device cuda would find no device.
    list(APPEND _libtorch_libraries "-Wl,--push-state,--no-as-needed"
         "${LibTorch_LIBRARY_DIR}/libtorch_cuda.so" "${LibTorch_LIBRARY_DIR}/libc10_cuda.so"
         "-Wl,--pop-state")
    # They in turn need the CUDA runtime, which they find by their own rpath when the program starts;
    # the linker need not see it.
    target_link_options(LibTorch::LibTorch INTERFACE "-Wl,--allow-shlib-undefined")
  endif()
  # Searched last: the wheel also carries headers of other libraries (fmt of another version), and
  # they must not hide the system's, which are what we link.
  target_compile_options(LibTorch::LibTorch INTERFACE
    "SHELL:-idirafter \"${LibTorch_INCLUDE_DIR}\""
    "SHELL:-idirafter \"${LibTorch_INCLUDE_DIR}/torch/csrc/api/include\"")
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_LINK_LIBRARIES "${_libtorch_libraries}"
    INTERFACE_LINK_DIRECTORIES "${LibTorch_LIBRARY_DIR}")
endif()
