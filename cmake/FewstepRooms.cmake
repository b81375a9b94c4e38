# A room is a folder of sources that becomes one static library, fewstep_<room>.

# fewstep_room(<room> [EXCLUDE file...] [PUBLIC lib...] [PRIVATE lib...])
function(fewstep_room room)
  cmake_parse_arguments(arg "" "" "EXCLUDE;PUBLIC;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${room}/*.cc")
  foreach(file IN LISTS arg_EXCLUDE)
    list(REMOVE_ITEM sources "${CMAKE_SOURCE_DIR}/${room}/${file}")
  endforeach()
  add_library(fewstep_${room} STATIC ${sources})
  fewstep_settings(fewstep_${room})
  target_include_directories(fewstep_${room} INTERFACE "${CMAKE_SOURCE_DIR}")
  target_link_libraries(fewstep_${room} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  if(TARGET LibTorch::LibTorch)
    if(room STREQUAL "agents")
      target_precompile_headers(fewstep_agents PRIVATE agents/torch.h)
    else()
      target_precompile_headers(fewstep_${room} REUSE_FROM fewstep_agents)
    endif()
  endif()
endfunction()

# fewstep_embed(<room> file...): makes each file's text available as a C++ string_view,
# declared in "embedded/<file name>.h", so that the program needs no data directory.
function(fewstep_embed room)
  foreach(file IN LISTS ARGN)
    get_filename_component(name "${file}" NAME)
    string(MAKE_C_IDENTIFIER "${name}" symbol)
    set(header "${CMAKE_BINARY_DIR}/embedded/${name}.h")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(READ "${CMAKE_SOURCE_DIR}/${file}" text)
    file(CONFIGURE OUTPUT "${header}" @ONLY CONTENT
"#pragma once
#include <string_view>
namespace fewstep::embedded {
inline constexpr std::string_view @symbol@ = R\"fewstep(@text@)fewstep\";
}  // namespace fewstep::embedded
")
  endforeach()
endfunction()

# fewstep_embed_binary(<room> <name> <file>): makes the bytes of a file available to the room as
# embedded::<name>, declared in "embedded/<name>.h".
function(fewstep_embed_binary room name file)
  set(source "${CMAKE_BINARY_DIR}/embedded/${name}.cc")
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/embedded/${name}.h" @ONLY CONTENT
"#pragma once
#include <span>
namespace fewstep::embedded {
extern const std::span<const unsigned char> @name@;
}  // namespace fewstep::embedded
")
  file(CONFIGURE OUTPUT "${source}" @ONLY CONTENT
"#include \"embedded/@name@.h\"
asm(\".section .rodata\\n.balign 16\\n\"
    \"fewstep_embedded_@name@: .incbin \\\"@file@\\\"\\n\"
    \"fewstep_embedded_@name@_end: .byte 0\\n.previous\\n\");
extern const unsigned char fewstep_embedded_@name@[], fewstep_embedded_@name@_end[];
namespace fewstep::embedded {
const std::span<const unsigned char> @name@(fewstep_embedded_@name@, fewstep_embedded_@name@_end);
}  // namespace fewstep::embedded
")
  set_property(SOURCE "${source}" APPEND PROPERTY OBJECT_DEPENDS "${file}")
  set_property(SOURCE "${source}" PROPERTY SKIP_PRECOMPILE_HEADERS ON)
  target_sources(fewstep_${room} PRIVATE "${source}")
endfunction()

# fewstep_embed_files(<name> <folder> [WITHOUT_EXTENSION] file...): makes files below the folder
# available as elements of embedded::<name>, declared in "embedded/<name>.h". Each has its path in the
# folder as its name, if wanted without its extension.
function(fewstep_embed_files name folder)
  cmake_parse_arguments(arg "WITHOUT_EXTENSION" "" "" ${ARGN})
  set(elements "")
  foreach(file IN LISTS arg_UNPARSED_ARGUMENTS)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    file(RELATIVE_PATH path "${CMAKE_SOURCE_DIR}/${folder}" "${file}")
    if(arg_WITHOUT_EXTENSION)
      cmake_path(REMOVE_EXTENSION path LAST_ONLY)
    endif()
    file(READ "${file}" text)
    string(APPEND elements "    {\"${path}\", R\"fewstep(${text})fewstep\"},\n")
  endforeach()
  file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/embedded/${name}.h" @ONLY CONTENT
"#pragma once
#include <string_view>
namespace fewstep::embedded {
// A file's name, and what it holds.
struct @name@_file {
  std::string_view name, text;
};
inline constexpr @name@_file @name@[] = {
@elements@};
}  // namespace fewstep::embedded
")
endfunction()
