# Finds MuJoCo as MuJoCo::MuJoCo: an upstream release in CMAKE_PREFIX_PATH first, then the
# mujoco-core wheel unpacked by scripts/setup. Sets MuJoCo_VERSION from the header, and MuJoCo_LIBRARY.

set(wheel "${FEWSTEP_DEPS_DIR}/site/mujoco")
find_path(MuJoCo_INCLUDE_DIR mujoco/mujoco.h HINTS ${CMAKE_PREFIX_PATH} PATHS "${wheel}"
          PATH_SUFFIXES include)
file(GLOB wheel_libraries "${wheel}/libmujoco.so.*")
find_library(MuJoCo_LIBRARY NAMES mujoco HINTS ${CMAKE_PREFIX_PATH} PATH_SUFFIXES lib)
if(NOT MuJoCo_LIBRARY AND wheel_libraries)
  list(GET wheel_libraries 0 first)
  set(MuJoCo_LIBRARY "${first}" CACHE FILEPATH "" FORCE)
endif()

# the version is written as one number: 4.0.1 is 4000001
if(MuJoCo_INCLUDE_DIR)
  file(STRINGS "${MuJoCo_INCLUDE_DIR}/mujoco/mujoco.h" line REGEX "define mjVERSION_HEADER")
  string(REGEX MATCH "[0-9]+" number "${line}")
  if(number)
    math(EXPR major "${number} / 1000000")
    math(EXPR minor "(${number} / 1000) % 1000")
    math(EXPR patch "${number} % 1000")
    set(MuJoCo_VERSION "${major}.${minor}.${patch}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MuJoCo
  REQUIRED_VARS MuJoCo_LIBRARY MuJoCo_INCLUDE_DIR VERSION_VAR MuJoCo_VERSION HANDLE_VERSION_RANGE
  REASON_FAILURE_MESSAGE "Run scripts/setup, or point CMAKE_PREFIX_PATH at an unpacked MuJoCo 4.0.1 release.")

if(MuJoCo_FOUND AND NOT TARGET MuJoCo::MuJoCo)
  add_library(MuJoCo::MuJoCo SHARED IMPORTED)
  set_target_properties(MuJoCo::MuJoCo PROPERTIES
    IMPORTED_LOCATION "${MuJoCo_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${MuJoCo_INCLUDE_DIR}")
endif()
