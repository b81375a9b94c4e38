// OpenGL contexts, and the few functions that panels are drawn with.
#pragma once

#include <GL/gl.h>
#include <memory>
#include <string>

namespace fewstep {

// OpenGL in which the calling thread draws, as long as this exists. One at a time.
class GlContext {
 public:
  virtual ~GlContext() = default;
  virtual void* FunctionNamed(const char* name) const = 0;
  // "EGL without a display", "a window".
  virtual std::string kind() const = 0;
};

// A context without a display: EGL's surfaceless platform, or OSMesa where that is missing.
// $FEWSTEP_GL, "egl" or "osmesa", asks for one of them. Throws Error(kRuntime) with what to
// install.
std::unique_ptr<GlContext> MakeOffscreenContext();

// The functions of one context. OpenGL 1.5 with the fixed pipeline, as MuJoCo's renderer.
struct Gl {
  // Throws Error(kRuntime) when one is missing.
  explicit Gl(const GlContext& context);

  void (*ActiveTexture)(GLenum);
  void (*BindTexture)(GLenum, GLuint);
  void (*BlendFunc)(GLenum, GLenum);
  void (*Clear)(GLbitfield);
  void (*ClearColor)(GLfloat, GLfloat, GLfloat, GLfloat);
  void (*ColorPointer)(GLint, GLenum, GLsizei, const void*);
  void (*DeleteTextures)(GLsizei, const GLuint*);
  void (*Disable)(GLenum);
  void (*DisableClientState)(GLenum);
  void (*DrawElements)(GLenum, GLsizei, GLenum, const void*);
  void (*Enable)(GLenum);
  void (*EnableClientState)(GLenum);
  void (*Finish)();
  void (*GenTextures)(GLsizei, GLuint*);
  GLenum (*GetError)();
  const GLubyte* (*GetString)(GLenum);
  void (*LoadIdentity)();
  void (*MatrixMode)(GLenum);
  void (*Ortho)(GLdouble, GLdouble, GLdouble, GLdouble, GLdouble, GLdouble);
  void (*PixelStorei)(GLenum, GLint);
  void (*PolygonMode)(GLenum, GLenum);
  void (*PopAttrib)();
  void (*PopClientAttrib)();
  void (*PopMatrix)();
  void (*PushAttrib)(GLbitfield);
  void (*PushClientAttrib)(GLbitfield);
  void (*PushMatrix)();
  void (*Scissor)(GLint, GLint, GLsizei, GLsizei);
  void (*ShadeModel)(GLenum);
  void (*TexCoordPointer)(GLint, GLenum, GLsizei, const void*);
  void (*TexEnvi)(GLenum, GLenum, GLint);
  void (*TexImage2D)(GLenum, GLint, GLint, GLsizei, GLsizei, GLint, GLenum, GLenum, const void*);
  void (*TexParameteri)(GLenum, GLenum, GLint);
  void (*VertexPointer)(GLint, GLenum, GLsizei, const void*);
  void (*Viewport)(GLint, GLint, GLsizei, GLsizei);
  GLenum (*GetGraphicsResetStatus)();  // null where resets are not told

  std::string renderer;   // "llvmpipe (LLVM 15.0.6, 256 bits)"
  bool software = false;  // it computes on the processor
};

}  // namespace fewstep
