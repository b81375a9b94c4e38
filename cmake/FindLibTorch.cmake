# Finds LibTorch as LibTorch::LibTorch: an upstream release in CMAKE_PREFIX_PATH first, then the
# torch wheel unpacked by scripts/setup. Only the processor libraries are linked; the CUDA ones
# are loaded at run time when they are there, so no CUDA toolkit is needed to build.

set(wheel "${FEWSTEP_DEPS_DIR}/site/torch")
find_path(LibTorch_INCLUDE_DIR torch/csrc/api/include/torch/torch.h
          HINTS ${CMAKE_PREFIX_PATH} PATHS "${wheel}" PATH_SUFFIXES include)
find_library(LibTorch_CPU_LIBRARY torch_cpu HINTS ${CMAKE_PREFIX_PATH} PATHS "${wheel}" PATH_SUFFIXES lib)
find_library(LibTorch_C10_LIBRARY c10 HINTS ${CMAKE_PREFIX_PATH} PATHS "${wheel}" PATH_SUFFIXES lib)

if(LibTorch_INCLUDE_DIR)
  file(STRINGS "${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
  string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
  list(JOIN numbers "." LibTorch_VERSION)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE "Run scripts/setup, or point CMAKE_PREFIX_PATH at an unpacked LibTorch 2.11 release.")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  get_filename_component(LibTorch_LIBRARY_DIR "${LibTorch_CPU_LIBRARY}" DIRECTORY)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # The wheel carries a copy of fmt: -idirafter lets Debian's be found first.
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_COMPILE_OPTIONS
      "SHELL:-idirafter ${LibTorch_INCLUDE_DIR};SHELL:-isystem ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${LibTorch_CPU_LIBRARY};${LibTorch_C10_LIBRARY}")
  # The CUDA runtime and profiler that libtorch_cpu needs lie beside the wheel.
  if(IS_DIRECTORY "${FEWSTEP_DEPS_DIR}/site/nvidia/cu13/lib")
    set(LibTorch_CUDA_RUNTIME_DIR "${FEWSTEP_DEPS_DIR}/site/nvidia/cu13/lib")
    set_property(TARGET LibTorch::LibTorch APPEND PROPERTY
      INTERFACE_LINK_OPTIONS "-Wl,-rpath-link,${LibTorch_CUDA_RUNTIME_DIR}")
  endif()
endif()
