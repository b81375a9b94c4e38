# Compiler settings shared by every target.

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")

# ccache understands the precompiled LibTorch header only with this flag and this sloppiness.
find_program(FEWSTEP_CCACHE ccache)
if(FEWSTEP_CCACHE)
  set(launcher "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${FEWSTEP_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

# mold links the program several times faster than the default linker.
find_program(FEWSTEP_MOLD mold)

function(fewstep_settings target)
  target_include_directories(${target} PRIVATE "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}")
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wcast-qual)
  # Options structs are filled by designated initializers; the fields not named keep their defaults.
  target_compile_options(${target} PRIVATE -Wno-missing-field-initializers)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
    # GCC 12 takes its own AVX-512 intrinsics for uninitialized reads (GCC bug 105593).
    if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
      target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized -Wno-uninitialized)
    endif()
  endif()
  # Results must not depend on how the compiler contracts a*b+c in different translation units.
  target_compile_options(${target} PRIVATE -ffp-contract=off)
  if(FEWSTEP_ARCH)
    target_compile_options(${target} PRIVATE -march=${FEWSTEP_ARCH})
  endif()
  if(FEWSTEP_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(FEWSTEP_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${FEWSTEP_SANITIZE}
                           -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${FEWSTEP_SANITIZE})
    # The check of dynamic types probes memory by writing into pipes, which tests that follow system
    # calls would take for writes of the program.
    target_compile_options(${target} PRIVATE -fno-sanitize=vptr)
  endif()
  if(FEWSTEP_MOLD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_link_options(${target} PRIVATE -fuse-ld=mold)
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:fewstep_processor_check>)
  endif()
endfunction()
