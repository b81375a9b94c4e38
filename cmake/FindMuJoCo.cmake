# Finds MuJoCo as MuJoCo::MuJoCo: an upstream release in CMAKE_PREFIX_PATH first, then the
# mujoco-core wheel unpacked by scripts/setup. Sets MuJoCo_VERSION from the header, and
# MuJoCo_LIBRARY. The version must be exactly the one asked for: results depend on it.

include(FewstepDependency)
fewstep_dependency_root(root HEADER mujoco/mujoco.h WHEEL "${FEWSTEP_DEPS_DIR}/site/mujoco")
set(MuJoCo_INCLUDE_DIR "${root}/include")
if(NOT EXISTS "${MuJoCo_INCLUDE_DIR}/mujoco/mujoco.h")
  fewstep_dependency_error(MuJoCo "MuJoCo ${MuJoCo_FIND_VERSION} was not found: neither "
    "CMAKE_PREFIX_PATH nor ${root} has include/mujoco/mujoco.h.")
endif()

# the version is written as one number: 4.0.1 is 4000001, and 3.3.7 was 337
file(STRINGS "${MuJoCo_INCLUDE_DIR}/mujoco/mujoco.h" line REGEX "define mjVERSION_HEADER")
string(REGEX MATCH "[0-9]+" number "${line}")
if(number LESS 1000)
  string(REGEX REPLACE "(.)(.)(.)" "\\1.\\2.\\3" MuJoCo_VERSION "${number}")
else()
  math(EXPR major "${number} / 1000000")
  math(EXPR minor "${number} / 1000 % 1000")
  math(EXPR patch "${number} % 1000")
  set(MuJoCo_VERSION "${major}.${minor}.${patch}")
endif()
if(NOT MuJoCo_VERSION VERSION_EQUAL MuJoCo_FIND_VERSION)
  fewstep_dependency_error(MuJoCo
    "MuJoCo ${MuJoCo_VERSION} was found in ${root}, and fewstep needs ${MuJoCo_FIND_VERSION}.")
endif()

# the library: lib/libmujoco.so of a release, libmujoco.so.4.0.1 of the wheel
file(GLOB libraries "${root}/lib/libmujoco.so.${MuJoCo_VERSION}" "${root}/lib/libmujoco.so"
     "${root}/libmujoco.so.${MuJoCo_VERSION}")
if(NOT libraries)
  fewstep_dependency_error(MuJoCo
    "The headers of MuJoCo ${MuJoCo_VERSION} are in ${root}, but its libmujoco.so is not.")
endif()
list(GET libraries 0 MuJoCo_LIBRARY)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MuJoCo REQUIRED_VARS MuJoCo_LIBRARY MuJoCo_INCLUDE_DIR
                                  VERSION_VAR MuJoCo_VERSION)

if(NOT TARGET MuJoCo::MuJoCo)
  add_library(MuJoCo::MuJoCo SHARED IMPORTED)
  set_target_properties(MuJoCo::MuJoCo PROPERTIES
    IMPORTED_LOCATION "${MuJoCo_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${MuJoCo_INCLUDE_DIR}")
endif()
