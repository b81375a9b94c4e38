# What the room viewer is made of: GLFW (windows), Dear ImGui (panels), libpng, the headers of
# OpenGL and EGL, whose libraries are loaded when they are needed, and a font: all from Debian.
# Defines FewstepViewer::Libraries and FewstepViewer_FONT.
find_package(glfw3 3.3 QUIET)
find_path(FewstepViewer_GL_INCLUDE GL/gl.h)
find_path(FewstepViewer_EGL_INCLUDE EGL/egl.h)
find_package(PNG 1.6 QUIET)
find_path(FewstepViewer_IMGUI_INCLUDE imgui.h PATH_SUFFIXES imgui)
find_library(FewstepViewer_IMGUI imgui)
find_library(FewstepViewer_STB NAMES libstb.a stb)  # which Debian's Dear ImGui does not hold
find_file(FewstepViewer_FONT DejaVuSans.ttf
          PATHS /usr/share/fonts/truetype/dejavu /usr/share/fonts/dejavu-sans-fonts
                /usr/share/fonts/TTF)
foreach(part IN ITEMS
    "glfw3_FOUND=libglfw3-dev" "PNG_FOUND=libpng-dev"
    "FewstepViewer_GL_INCLUDE=libgl-dev" "FewstepViewer_EGL_INCLUDE=libegl-dev"
    "FewstepViewer_IMGUI=libimgui-dev" "FewstepViewer_IMGUI_INCLUDE=libimgui-dev"
    "FewstepViewer_STB=libstb-dev"
    "FewstepViewer_FONT=fonts-dejavu-core")
  string(REGEX MATCH "^([^=]+)=(.+)$" matched "${part}")
  if(NOT ${CMAKE_MATCH_1})
    message(FATAL_ERROR "The viewer needs Debian's ${CMAKE_MATCH_2}. Install it (scripts/setup "
                        "does), or leave the viewer out with -DFEWSTEP_VIEWER=OFF.")
  endif()
endforeach()
if(NOT TARGET FewstepViewer::Libraries)
  add_library(FewstepViewer::Libraries INTERFACE IMPORTED)
  target_link_libraries(FewstepViewer::Libraries INTERFACE
    glfw PNG::PNG "${FewstepViewer_IMGUI}" "${FewstepViewer_STB}" ${CMAKE_DL_LIBS})
  target_include_directories(FewstepViewer::Libraries SYSTEM INTERFACE
    "${FewstepViewer_IMGUI_INCLUDE}" "${FewstepViewer_GL_INCLUDE}" "${FewstepViewer_EGL_INCLUDE}")
endif()
set(FewstepViewer_FOUND TRUE)
