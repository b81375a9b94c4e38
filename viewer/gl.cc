#include "viewer/gl.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <cstdlib>
#include <dlfcn.h>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr const char* kRemedy =
    "Pictures without a display need Debian's libegl1 and libgl1-mesa-dri, or libosmesa6: "
    "apt-get install libegl1 libgl1-mesa-dri";

// A library that is loaded when it is needed and stays: drivers do not survive being unloaded.
class Library {
 public:
  explicit Library(const char* name) : handle_(dlopen(name, RTLD_NOW | RTLD_GLOBAL)) {
    if (!handle_) error_ = dlerror();
  }
  template <typename Function>
  bool Find(const char* name, Function& function) const {
    function = handle_ ? reinterpret_cast<Function>(dlsym(handle_, name)) : nullptr;
    return function != nullptr;
  }
  const std::string& error() const { return error_; }

 private:
  void* handle_;
  std::string error_;
};

// EGL on the platform that needs neither a display nor a surface.
class EglContext final : public GlContext {
 public:
  explicit EglContext(std::string& why) : library_("libEGL.so.1") {
    if (!library_.Find("eglGetProcAddress", get_proc_)) {
      why = library_.error();
      return;
    }
    const auto get_display =
        reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(get_proc_("eglGetPlatformDisplayEXT"));
    decltype(&eglInitialize) initialize = nullptr;
    decltype(&eglBindAPI) bind = nullptr;
    decltype(&eglCreateContext) create = nullptr;
    decltype(&eglDestroyContext) destroy = nullptr;
    if (!get_display || !library_.Find("eglInitialize", initialize) ||
        !library_.Find("eglBindAPI", bind) || !library_.Find("eglCreateContext", create) ||
        !library_.Find("eglDestroyContext", destroy) ||
        !library_.Find("eglMakeCurrent", make_current_)) {
      why = "this EGL is too old";
      return;
    }

    // Mesa's platform; or the device of a driver that has none
    display_ = get_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr);
    if (!display_ || !initialize(display_, nullptr, nullptr)) {
      display_ = EGL_NO_DISPLAY;
      const auto devices =
          reinterpret_cast<PFNEGLQUERYDEVICESEXTPROC>(get_proc_("eglQueryDevicesEXT"));
      EGLDeviceEXT device = nullptr;
      EGLint count = 0;
      if (devices && devices(1, &device, &count) && count > 0) {
        display_ = get_display(EGL_PLATFORM_DEVICE_EXT, device, nullptr);
        if (display_ && !initialize(display_, nullptr, nullptr)) display_ = EGL_NO_DISPLAY;
      }
    }
    if (!display_) {
      why = "EGL has neither Mesa's surfaceless platform nor a device";
      return;
    }
    bind(EGL_OPENGL_API);
    context_ = create(display_, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, nullptr);
    if (!context_ || !make_current_(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, context_)) {
      why = "EGL gives no context of OpenGL";
      return;
    }
    destroy_ = destroy;
  }

  ~EglContext() override {
    if (!destroy_) return;
    make_current_(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
    destroy_(display_, context_);
  }

  bool ok() const { return destroy_ != nullptr; }
  void* FunctionNamed(const char* name) const override {
    return reinterpret_cast<void*>(get_proc_(name));
  }
  std::string kind() const override { return "EGL without a display"; }

 private:
  Library library_;
  decltype(&eglGetProcAddress) get_proc_ = nullptr;
  decltype(&eglMakeCurrent) make_current_ = nullptr;
  decltype(&eglDestroyContext) destroy_ = nullptr;
  EGLDisplay display_ = EGL_NO_DISPLAY;
  EGLContext context_ = EGL_NO_CONTEXT;
};

// Mesa's renderer in the process's own memory.
class OsmesaContext final : public GlContext {
 public:
  explicit OsmesaContext(std::string& why) : library_("libOSMesa.so.8") {
    void* (*create)(GLenum, GLint, GLint, GLint, void*) = nullptr;
    GLboolean (*make_current)(void*, void*, GLenum, GLsizei, GLsizei) = nullptr;
    if (!library_.Find("OSMesaCreateContextExt", create) ||
        !library_.Find("OSMesaMakeCurrent", make_current) ||
        !library_.Find("OSMesaGetProcAddress", get_proc_)) {
      why = library_.error().empty() ? "this OSMesa is too old" : library_.error();
      return;
    }
    // MuJoCo's renderer looks here for which functions to use
    setenv("MUJOCO_GL", "osmesa", /*overwrite=*/1);
    context_ = create(GL_RGBA, 24, 8, 0, nullptr);
    if (!context_ || !make_current(context_, pixels_.data(), GL_UNSIGNED_BYTE, kSize, kSize)) {
      why = "OSMesa gives no context";
      return;
    }
    library_.Find("OSMesaDestroyContext", destroy_);
  }

  ~OsmesaContext() override {
    if (destroy_) destroy_(context_);
  }

  bool ok() const { return destroy_ != nullptr; }
  void* FunctionNamed(const char* name) const override { return get_proc_(name); }
  std::string kind() const override { return "OSMesa"; }

 private:
  static constexpr int kSize = 16;  // pictures are drawn into framebuffers of their own
  Library library_;
  void* (*get_proc_)(const char*) = nullptr;
  void (*destroy_)(void*) = nullptr;
  void* context_ = nullptr;
  std::vector<unsigned char> pixels_ = std::vector<unsigned char>(size_t{4} * kSize * kSize);
};

template <typename Context>
std::unique_ptr<GlContext> Try(std::string& why) {
  std::string reason;
  auto context = std::make_unique<Context>(reason);
  if (context->ok()) return context;
  if (!why.empty()) why += "; ";
  why += reason;
  return nullptr;
}

}  // namespace

std::unique_ptr<GlContext> MakeOffscreenContext() {
  const char* wanted = std::getenv("FEWSTEP_GL");
  const std::string_view kind = wanted ? wanted : "";
  if (!kind.empty() && kind != "egl" && kind != "osmesa") {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is no way to draw without a display", kind),
                {.key = "FEWSTEP_GL", .remedy = "Set it to egl or osmesa, or not at all"});
  }
  std::string why;
  std::unique_ptr<GlContext> context;
  if (kind != "osmesa") context = Try<EglContext>(why);
  if (!context && kind != "egl") context = Try<OsmesaContext>(why);
  if (context) return context;
  throw Error(ErrorKind::kRuntime, fmt::format("there is no OpenGL to draw with: {}", why),
              {.remedy = kRemedy});
}

Gl::Gl(const GlContext& context) {
  std::string missing;
  const auto find = [&]<typename Function>(Function& function, const char* name) {
    function = reinterpret_cast<Function>(context.FunctionNamed(name));
    if (!function && missing.empty()) missing = name;
  };
#define FEWSTEP_GL_FUNCTION(name) find(name, "gl" #name)
  FEWSTEP_GL_FUNCTION(ActiveTexture);
  FEWSTEP_GL_FUNCTION(BindTexture);
  FEWSTEP_GL_FUNCTION(BlendFunc);
  FEWSTEP_GL_FUNCTION(Clear);
  FEWSTEP_GL_FUNCTION(ClearColor);
  FEWSTEP_GL_FUNCTION(ColorPointer);
  FEWSTEP_GL_FUNCTION(DeleteTextures);
  FEWSTEP_GL_FUNCTION(Disable);
  FEWSTEP_GL_FUNCTION(DisableClientState);
  FEWSTEP_GL_FUNCTION(DrawElements);
  FEWSTEP_GL_FUNCTION(Enable);
  FEWSTEP_GL_FUNCTION(EnableClientState);
  FEWSTEP_GL_FUNCTION(Finish);
  FEWSTEP_GL_FUNCTION(GenTextures);
  FEWSTEP_GL_FUNCTION(GetError);
  FEWSTEP_GL_FUNCTION(GetString);
  FEWSTEP_GL_FUNCTION(LoadIdentity);
  FEWSTEP_GL_FUNCTION(MatrixMode);
  FEWSTEP_GL_FUNCTION(Ortho);
  FEWSTEP_GL_FUNCTION(PixelStorei);
  FEWSTEP_GL_FUNCTION(PolygonMode);
  FEWSTEP_GL_FUNCTION(PopAttrib);
  FEWSTEP_GL_FUNCTION(PopClientAttrib);
  FEWSTEP_GL_FUNCTION(PopMatrix);
  FEWSTEP_GL_FUNCTION(PushAttrib);
  FEWSTEP_GL_FUNCTION(PushClientAttrib);
  FEWSTEP_GL_FUNCTION(PushMatrix);
  FEWSTEP_GL_FUNCTION(Scissor);
  FEWSTEP_GL_FUNCTION(ShadeModel);
  FEWSTEP_GL_FUNCTION(TexCoordPointer);
  FEWSTEP_GL_FUNCTION(TexEnvi);
  FEWSTEP_GL_FUNCTION(TexImage2D);
  FEWSTEP_GL_FUNCTION(TexParameteri);
  FEWSTEP_GL_FUNCTION(VertexPointer);
  FEWSTEP_GL_FUNCTION(Viewport);
#undef FEWSTEP_GL_FUNCTION
  for (const char* name : {"glGetGraphicsResetStatus", "glGetGraphicsResetStatusARB"}) {
    GetGraphicsResetStatus =
        reinterpret_cast<decltype(GetGraphicsResetStatus)>(context.FunctionNamed(name));
    if (GetGraphicsResetStatus) break;
  }
  // MuJoCo would end the program on a renderer without framebuffer objects
  void (*framebuffers)(GLsizei, GLuint*) = nullptr;
  find(framebuffers, "glGenFramebuffers");
  const GLubyte* name = missing.empty() ? GetString(GL_RENDERER) : nullptr;
  if (!name) {
    throw Error(ErrorKind::kRuntime,
                fmt::format("this OpenGL is too old, or gives no context: {}",
                            missing.empty() ? "it has no name" : missing + " is missing"),
                {.remedy = kRemedy});
  }
  renderer = reinterpret_cast<const char*>(name);
  for (const char* word : {"llvmpipe", "softpipe", "swrast", "Software", "SWR"}) {
    software = software || renderer.find(word) != std::string::npos;
  }
}

}  // namespace fewstep
