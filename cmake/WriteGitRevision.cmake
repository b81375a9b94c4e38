# Run at every build with -DSOURCE_DIR and -DHEADER: writes the revision, touching the header only
# when it changed.
execute_process(COMMAND git -C "${SOURCE_DIR}" describe --always --dirty --abbrev=12 --exclude=*
                OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT revision)
  set(revision "unknown")
endif()
file(CONFIGURE OUTPUT "${HEADER}" CONTENT "#pragma once\n#define FEWSTEP_GIT_REVISION \"${revision}\"\n" @ONLY)
