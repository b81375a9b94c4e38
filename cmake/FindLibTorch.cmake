# Finds LibTorch as LibTorch::LibTorch: an upstream release in CMAKE_PREFIX_PATH first, then the
# torch wheel unpacked by scripts/setup. Major and minor version must be those asked for. Only the
# processor libraries are linked; the CUDA ones are loaded at run time when they are there, so no
# CUDA toolkit is needed to build. FEWSTEP_CUDA=ON insists that they are there.

include(FewstepDependency)
set(header torch/csrc/api/include/torch/torch.h)
fewstep_dependency_root(root HEADER ${header} WHEEL "${FEWSTEP_DEPS_DIR}/site/torch")
set(LibTorch_INCLUDE_DIR "${root}/include")
set(LibTorch_LIBRARY_DIR "${root}/lib")
if(NOT EXISTS "${LibTorch_INCLUDE_DIR}/${header}")
  fewstep_dependency_error(LibTorch "LibTorch ${LibTorch_FIND_VERSION} was not found: neither "
    "CMAKE_PREFIX_PATH nor ${root} has include/${header}.")
endif()

# the version: older releases keep the header elsewhere
foreach(candidate torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
  set(candidate "${LibTorch_INCLUDE_DIR}/${candidate}")
  if(EXISTS "${candidate}" AND NOT LibTorch_VERSION)
    file(STRINGS "${candidate}" lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
    string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
    list(JOIN numbers "." LibTorch_VERSION)
  endif()
endforeach()
string(REGEX MATCH "^[0-9]+\\.[0-9]+" series "${LibTorch_VERSION}")
if(NOT series STREQUAL "${LibTorch_FIND_VERSION_MAJOR}.${LibTorch_FIND_VERSION_MINOR}")
  fewstep_dependency_error(LibTorch
    "LibTorch ${LibTorch_VERSION} was found in ${root}, and fewstep needs ${LibTorch_FIND_VERSION}.")
endif()

set(wanted torch_cpu c10)
if(FEWSTEP_CUDA)
  list(APPEND wanted torch_cuda c10_cuda)
endif()
foreach(library IN LISTS wanted)
  set(LibTorch_${library}_LIBRARY "${LibTorch_LIBRARY_DIR}/lib${library}.so")
  if(NOT EXISTS "${LibTorch_${library}_LIBRARY}")
    if(library MATCHES "cuda")
      message(FATAL_ERROR "LibTorch in ${root} computes on processors only: lib${library}.so is "
                          "missing.\nRun scripts/setup --cuda, or use the preset release.")
    endif()
    fewstep_dependency_error(LibTorch
      "The headers of LibTorch ${LibTorch_VERSION} are in ${root}, but lib/lib${library}.so is not.")
  endif()
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION)

if(NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # LibTorch carries a copy of fmt: -idirafter lets Debian's be found first.
  set_target_properties(LibTorch::LibTorch PROPERTIES
    INTERFACE_COMPILE_OPTIONS
      "SHELL:-idirafter ${LibTorch_INCLUDE_DIR};SHELL:-isystem ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${LibTorch_torch_cpu_LIBRARY};${LibTorch_c10_LIBRARY}")
  # The wheel's libtorch_cpu finds the CUDA runtime and profiler beside itself when the program
  # starts; the linker has to be told.
  get_filename_component(cuda_runtime "${root}/../nvidia/cu13/lib" ABSOLUTE)
  if(IS_DIRECTORY "${cuda_runtime}")
    set_property(TARGET LibTorch::LibTorch APPEND PROPERTY
      INTERFACE_LINK_OPTIONS "-Wl,-rpath-link,${cuda_runtime}")
  endif()
endif()
