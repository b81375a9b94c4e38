#include "viewer/window.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <unistd.h>
#include <utility>

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"

namespace fewstep {
namespace {

[[noreturn]] void ThrowNoWindow(const char* what) {
  const char* reason = nullptr;
  glfwGetError(&reason);
  const std::string message = fmt::format("{}: {}", what, reason ? reason : "unknown reason");
  glfwTerminate();
  throw Error(ErrorKind::kRuntime, message,
              {.remedy = "A window needs a display with OpenGL: run it on a desktop, or record a "
                         "film without a display: fewstep record ..."});
}

// Xlib ends the program when the display goes away; before that it asks here.
void TellOfLostDisplay() {
  using Handler = int (*)(void*);
  void* xlib = dlopen("libX11.so.6", RTLD_NOW | RTLD_NOLOAD);
  if (!xlib) return;
  const auto set = reinterpret_cast<Handler (*)(Handler)>(dlsym(xlib, "XSetIOErrorHandler"));
  if (!set) return;
  set([](void*) {
    std::fputs(
        "fewstep: error: the display went away, and the window with it. Runs and files are not "
        "touched\n",
        stderr);
    std::fflush(stderr);
    _exit(static_cast<int>(ErrorKind::kRuntime));
    return 0;
  });
}

// What a key of the keyboard is: for the stage, and in a field that is typed into.
struct KeyMeaning {
  int code;
  std::optional<Key> key;
  std::optional<EditKey> edit;
};
constexpr KeyMeaning kKeys[] = {
    {GLFW_KEY_SPACE, Key::kSpace, {}},
    {GLFW_KEY_LEFT, Key::kLeft, EditKey::kLeft},
    {GLFW_KEY_RIGHT, Key::kRight, EditKey::kRight},
    {GLFW_KEY_HOME, Key::kHome, EditKey::kHome},
    {GLFW_KEY_END, Key::kEnd, EditKey::kEnd},
    {GLFW_KEY_PAGE_UP, Key::kPageUp, {}},
    {GLFW_KEY_PAGE_DOWN, Key::kPageDown, {}},
    {GLFW_KEY_BACKSPACE, Key::kBackspace, EditKey::kBackspace},
    {GLFW_KEY_DELETE, {}, EditKey::kDelete},
    {GLFW_KEY_ENTER, Key::kEnter, EditKey::kEnter},
    {GLFW_KEY_KP_ENTER, Key::kEnter, EditKey::kEnter},
    {GLFW_KEY_TAB, Key::kTab, EditKey::kTab},
    {GLFW_KEY_ESCAPE, Key::kEscape, EditKey::kEscape},
    {GLFW_KEY_F1, Key::kF1, {}},
    {GLFW_KEY_F2, Key::kF2, {}},
    {GLFW_KEY_F5, Key::kF5, {}},
    {GLFW_KEY_F6, Key::kF6, {}},
    {GLFW_KEY_F7, Key::kF7, {}},
    {GLFW_KEY_F12, Key::kF12, {}},
};

Window& Of(GLFWwindow* window) { return *static_cast<Window*>(glfwGetWindowUserPointer(window)); }

}  // namespace

class Window::WindowContext final : public GlContext {
 public:
  void* FunctionNamed(const char* name) const override {
    return reinterpret_cast<void*>(glfwGetProcAddress(name));
  }
  std::string kind() const override { return "a window"; }
};

Window::Window(const std::string& title, int width, int height, double scale)
    : forced_scale_(scale) {
  if (!glfwInit()) ThrowNoWindow("there is no display");
  TellOfLostDisplay();
  context_ = std::make_unique<WindowContext>();
  // as large as it should look on this display, and no larger than it
  glfwWindowHint(GLFW_SCALE_TO_MONITOR, GLFW_TRUE);
  if (scale > 0) {
    width = static_cast<int>(width * scale);
    height = static_cast<int>(height * scale);
  }
  if (GLFWmonitor* monitor = glfwGetPrimaryMonitor()) {
    int x = 0, y = 0, most_width = 0, most_height = 0;
    glfwGetMonitorWorkarea(monitor, &x, &y, &most_width, &most_height);
    if (most_width > 0) width = std::min(width, most_width);
    if (most_height > 0) height = std::min(height, most_height);
  }
  // a reset of the graphics card is told, where that can be had
  glfwWindowHint(GLFW_CONTEXT_ROBUSTNESS, GLFW_LOSE_CONTEXT_ON_RESET);
  // smooth edges, unless the processor draws: which only a window tells
  const auto create = [&](int samples) {
    glfwWindowHint(GLFW_SAMPLES, samples);
    window_ = glfwCreateWindow(width, height, title.c_str(), nullptr, nullptr);
    if (!window_) ThrowNoWindow("cannot open a window");
    glfwMakeContextCurrent(window_);
  };
  glfwWindowHint(GLFW_VISIBLE, GLFW_FALSE);
  create(0);
  bool software = true;
  try {
    software = Gl(*context_).software;
  } catch (...) {
    glfwDestroyWindow(window_);
    glfwTerminate();
    throw;
  }
  if (!software) {
    glfwDestroyWindow(window_);
    constexpr int kSamples = 4;
    create(kSamples);
  }
  glfwShowWindow(window_);
  // nothing waits for a screen that the processor draws
  glfwSwapInterval(software ? 0 : 1);

  // callbacks only take notes: what keys do may throw, and GLFW is C
  glfwSetWindowUserPointer(window_, this);
  glfwSetCharModsCallback(window_, [](GLFWwindow* window, unsigned character, int mods) {
    // with Ctrl the key itself is told
    if (character >= 128 || character <= ' ' || (mods & GLFW_MOD_CONTROL) != 0) return;
    const char letter = static_cast<char>(character);
    Of(window).Send({.kind = WindowEvent::Kind::kKey,
                     .key = {Key::kLetter, letter, false, (mods & GLFW_MOD_SHIFT) != 0}});
    Of(window).Send({.kind = WindowEvent::Kind::kText, .text = std::string(1, letter)});
  });
  glfwSetKeyCallback(window_, [](GLFWwindow* window, int code, int, int action, int mods) {
    if (action == GLFW_RELEASE) return;
    const bool control = (mods & GLFW_MOD_CONTROL) != 0, shift = (mods & GLFW_MOD_SHIFT) != 0;
    const auto* meaning = std::ranges::find(kKeys, code, &KeyMeaning::code);
    if (meaning != std::end(kKeys)) {
      WindowEvent event{.kind = WindowEvent::Kind::kKey, .edit = meaning->edit};
      if (meaning->key) event.key = {*meaning->key, 0, control, shift};
      Of(window).Send(event);
    } else if (control && code >= GLFW_KEY_A && code <= GLFW_KEY_Z) {
      // with Ctrl no letter is typed
      Of(window).Send(
          {.kind = WindowEvent::Kind::kKey,
           .key = {Key::kLetter, static_cast<char>('a' + code - GLFW_KEY_A), true, shift}});
    }
  });
  glfwSetCursorPosCallback(window_, [](GLFWwindow* window, double x, double y) {
    const auto [sx, sy] = Of(window).PixelsPerUnit();
    Of(window).Send({.kind = WindowEvent::Kind::kMouse,
                     .mouse = {static_cast<float>(x) * sx, static_cast<float>(y) * sy}});
  });
  glfwSetMouseButtonCallback(window_, [](GLFWwindow* window, int button, int action, int mods) {
    if (button > 2) return;
    Of(window).Send(
        {.kind = WindowEvent::Kind::kButton,
         .key = {Key::kLetter, 0, (mods & GLFW_MOD_CONTROL) != 0, (mods & GLFW_MOD_SHIFT) != 0},
         .button = button,
         .down = action == GLFW_PRESS});
  });
  glfwSetScrollCallback(window_, [](GLFWwindow* window, double, double amount) {
    Of(window).Send({.kind = WindowEvent::Kind::kWheel, .wheel = static_cast<float>(amount)});
  });

  float scale_x = 1, scale_y = 1;
  glfwGetWindowContentScale(window_, &scale_x, &scale_y);
  try {
    screen_ = std::make_unique<Screen>(*context_, forced_scale_ > 0 ? forced_scale_ : scale_x,
                                       Screen::Quality::kSpeed);
  } catch (...) {
    glfwDestroyWindow(window_);
    glfwTerminate();
    throw;
  }
}

Window::~Window() {
  stage_.reset();
  screen_.reset();  // while its OpenGL context is there
  glfwDestroyWindow(window_);
  glfwTerminate();
}

void Window::Open(Show& show, const StageOptions& options) {
  show_ = &show;
  stage_ = std::make_unique<Stage>(show, *screen_, options);
}

bool Window::closing() const { return glfwWindowShouldClose(window_) != 0; }

void Window::Resize(int width, int height) { glfwSetWindowSize(window_, width, height); }

std::pair<float, float> Window::PixelsPerUnit() const {
  int width = 0, height = 0, pixels_x = 0, pixels_y = 0;
  glfwGetWindowSize(window_, &width, &height);
  glfwGetFramebufferSize(window_, &pixels_x, &pixels_y);
  if (width == 0 || height == 0) return {1, 1};
  return {static_cast<float>(pixels_x) / static_cast<float>(width),
          static_cast<float>(pixels_y) / static_cast<float>(height)};
}

void Window::Play(double seconds, const std::function<double()>& clock) {
  double (*const* function)() = clock.target<double (*)()>();
  const bool real_time = function != nullptr && *function == &SteadySeconds;
  const double start = clock();
  double last = start;
  while (!closing()) {
    const double now = clock();
    Frame(now - last);
    last = now;
    if (seconds > 0 && now - start >= seconds) break;
    if (real_time) Rest(clock() - now);
  }
}

// Leaves the processor to others until the next frame is due; whatever happens ends it.
void Window::Rest(double spent) {
  int width = 0, height = 0;
  glfwGetFramebufferSize(window_, &width, &height);
  const bool still = (show_->paused() || width == 0 || height == 0) && !show_->adapting();
  const double period = still ? 1.0 / 15 : 1.0 / 60;
  if (events_.empty() && spent < period) glfwWaitEventsTimeout(period - spent);
}

void Window::Frame(double elapsed) {
  glfwPollEvents();
  input_.wheel = 0;
  input_.text.clear();
  input_.edited.clear();
  // what follows a press or a release is of the next frame, so that a click takes two of them and
  // a press is where the mouse was
  const std::vector<WindowEvent> events = std::exchange(events_, {});
  size_t taken = 0;
  for (bool button = false; taken < events.size() && !button; ++taken) {
    Take(events[taken]);
    button = events[taken].kind == WindowEvent::Kind::kButton;
  }
  events_.insert(events_.begin(), events.begin() + static_cast<std::ptrdiff_t>(taken),
                 events.end());

  show_->Update();
  // time that drawing took beyond this is not caught up with
  constexpr double kMaxLag = 0.25;
  show_->Advance(std::min(elapsed, kMaxLag));
  if (forced_scale_ <= 0) {
    float scale_x = 1, scale_y = 1;
    glfwGetWindowContentScale(window_, &scale_x, &scale_y);
    screen_->SetScale(scale_x);
  }
  int width = 0, height = 0;
  glfwGetFramebufferSize(window_, &width, &height);
  // a minimised window has size 0
  if (width > 0 && height > 0) stage_->Draw(width, height, input_, FrameTarget::kScreen);
  glfwSwapBuffers(window_);
}

void Window::Take(const WindowEvent& event) {
  switch (event.kind) {
    case WindowEvent::Kind::kKey:
      if (event.edit) input_.edited.push_back(*event.edit);
      Do(stage_->Press(event.key));
      break;
    case WindowEvent::Kind::kText:
      input_.text += event.text;
      break;
    case WindowEvent::Kind::kMouse:
      input_.mouse = event.mouse;
      break;
    case WindowEvent::Kind::kButton: {
      bool* const buttons[] = {&input_.left, &input_.right, &input_.middle};
      *buttons[event.button] = event.down;
      input_.control = event.key.control;
      input_.shift = event.key.shift;
      break;
    }
    case WindowEvent::Kind::kWheel:
      input_.wheel += event.wheel;
  }
}

void Window::Do(Request request) {
  switch (request) {
    case Request::kNone:
      break;
    case Request::kClose:
      glfwSetWindowShouldClose(window_, GLFW_TRUE);
      break;
    case Request::kFullScreen:
      ToggleFullScreen();
      break;
    case Request::kScreenshot: {
      std::string path;
      do {
        path = fmt::format("{}/fewstep-{}.png", screenshots_, ++saved_);
      } while (std::filesystem::exists(path));
      // a full disk is no reason to lose what is watched
      try {
        WriteFileAtomically(path, ToPng(Capture()));
        stage_->Say("saved as " + path);
      } catch (const Error& error) {
        stage_->Say(error.what());
      }
    }
  }
}

void Window::ToggleFullScreen() {
  if (glfwGetWindowMonitor(window_)) {
    glfwSetWindowMonitor(window_, nullptr, windowed_[0], windowed_[1], windowed_[2], windowed_[3],
                         GLFW_DONT_CARE);
    return;
  }
  GLFWmonitor* monitor = glfwGetPrimaryMonitor();
  const GLFWvidmode* mode = monitor ? glfwGetVideoMode(monitor) : nullptr;
  if (!mode) return stage_->Say("there is no monitor to fill");
  glfwGetWindowPos(window_, &windowed_[0], &windowed_[1]);
  glfwGetWindowSize(window_, &windowed_[2], &windowed_[3]);
  glfwSetWindowMonitor(window_, monitor, 0, 0, mode->width, mode->height, mode->refreshRate);
}

Image Window::Capture(int width, int height) {
  int window_width = 0, window_height = 0;
  glfwGetFramebufferSize(window_, &window_width, &window_height);
  stage_->DrawPicture(width > 0 ? width : std::max(1, window_width),
                      height > 0 ? height : std::max(1, window_height));
  return screen_->Read();
}

}  // namespace fewstep
