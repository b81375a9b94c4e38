# What FindMuJoCo.cmake and FindLibTorch.cmake share.

# fewstep_dependency_root(<variable> HEADER <path> WHEEL <folder>)
# Sets <variable> to the folder whose include/<path> is used: the first of CMAKE_PREFIX_PATH that
# has it, else the unpacked wheel. Header and library then come from one folder, and a stray copy
# in /usr is never taken by accident.
function(fewstep_dependency_root variable)
  cmake_parse_arguments(arg "" "HEADER;WHEEL" "" ${ARGN})
  string(REPLACE ":" ";" environment "$ENV{CMAKE_PREFIX_PATH}")
  set(${variable} "${arg_WHEEL}" PARENT_SCOPE)
  foreach(root IN LISTS CMAKE_PREFIX_PATH environment)
    if(EXISTS "${root}/include/${arg_HEADER}")
      set(${variable} "${root}" PARENT_SCOPE)
      break()
    endif()
  endforeach()
endfunction()

# fewstep_dependency_error(<name> <problem>...): stops with the problem and what to do about it.
function(fewstep_dependency_error name)
  message(FATAL_ERROR
    ${ARGN} "\n"
    "Run scripts/setup for the right one, or put the folder of an unpacked ${name} "
    "${${name}_FIND_VERSION} release first in CMAKE_PREFIX_PATH.")
endfunction()
