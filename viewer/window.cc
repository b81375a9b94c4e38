#include "viewer/window.h"

#include <algorithm>
#include <utility>

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>

#include "core/error.h"
#include "viewer/scene_view.h"

namespace fewstep {
namespace {

constexpr double kMinSpeed = 1.0 / 16, kMaxSpeed = 16;
// Time that drawing or adapting took beyond this is not caught up with.
constexpr double kMaxLag = 0.25;

[[noreturn]] void ThrowNoWindow(const char* what) {
  const char* reason = nullptr;
  glfwGetError(&reason);
  const std::string message = fmt::format("{}: {}", what, reason ? reason : "unknown reason");
  glfwTerminate();
  throw Error(
      ErrorKind::kRuntime, message,
      {.remedy = "A window needs a display with OpenGL: run it on a desktop, with a virtual "
                 "display as in xvfb-run -a fewstep view ..., or on another machine"});
}

}  // namespace

Window::Window(const std::string& title, int width, int height) {
  if (!glfwInit()) ThrowNoWindow("there is no display");
  glfwWindowHint(GLFW_SAMPLES, 4);
  window_ = glfwCreateWindow(width, height, title.c_str(), nullptr, nullptr);
  if (!window_) ThrowNoWindow("cannot open a window");
  glfwMakeContextCurrent(window_);
  // MuJoCo would end the program on a renderer without it
  if (!glfwExtensionSupported("GL_ARB_framebuffer_object")) {
    ThrowNoWindow("this OpenGL is too old: it has no framebuffer objects");
  }
  glfwSwapInterval(1);

  // callbacks only take notes: what keys do may throw, and GLFW is C
  glfwSetWindowUserPointer(window_, this);
  glfwSetCharCallback(window_, [](GLFWwindow* window, unsigned character) {
    auto& self = *static_cast<Window*>(glfwGetWindowUserPointer(window));
    if (character < 128) self.keys_.push_back(static_cast<int>(character));
  });
  glfwSetKeyCallback(window_, [](GLFWwindow* window, int key, int, int action, int) {
    auto& self = *static_cast<Window*>(glfwGetWindowUserPointer(window));
    if (key >= 256 && action != GLFW_RELEASE) self.keys_.push_back(key);
  });
  glfwSetCursorPosCallback(window_, [](GLFWwindow* window, double x, double y) {
    static_cast<Window*>(glfwGetWindowUserPointer(window))->DragCamera(x, y);
  });
  glfwSetScrollCallback(window_, [](GLFWwindow* window, double, double amount) {
    static_cast<Window*>(glfwGetWindowUserPointer(window))->view_->Zoom(0.05 * amount);
  });

  float scale_x = 1, scale_y = 1;
  glfwGetWindowContentScale(window_, &scale_x, &scale_y);
  view_ = std::make_unique<SceneView>(scale_x);
}

Window::~Window() {
  view_.reset();  // while its OpenGL context is there
  glfwDestroyWindow(window_);
  glfwTerminate();
}

void Window::Play(Playback& playback, double seconds, const std::function<double()>& clock) {
  const double start = clock();
  double last = start, owed = 0;
  while (!glfwWindowShouldClose(window_)) {
    glfwPollEvents();
    for (const int key : std::exchange(keys_, {})) HandleKey(key, playback);

    // as many control steps as the clock has gone on
    const double now = clock();
    if (!state_.paused) {
      owed = std::min(owed + now - last, kMaxLag);
      for (; owed * state_.speed >= playback.step_seconds();
           owed -= playback.step_seconds() / state_.speed) {
        playback.Step();
      }
    }
    last = now;
    if (seconds > 0 && now - start >= seconds) break;

    int width = 0, height = 0;
    glfwGetFramebufferSize(window_, &width, &height);
    // a minimised window has size 0
    if (width > 0 && height > 0) {
      view_->Draw(playback, OverlayOf(playback, state_), width, height);
    }
    glfwSwapBuffers(window_);
  }
}

Image Window::Capture(Playback& playback) {
  int width = 0, height = 0;
  glfwGetFramebufferSize(window_, &width, &height);
  return view_->Capture(playback, OverlayOf(playback, state_), width, height);
}

void Window::HandleKey(int key, Playback& playback) {
  switch (key) {
    case ' ':
      state_.paused = !state_.paused;
      break;
    case '+':
    case '=':
      state_.speed = std::min(state_.speed * 2, kMaxSpeed);
      break;
    case '-':
      state_.speed = std::max(state_.speed / 2, kMinSpeed);
      break;
    case 'n':
    case 'N':
      playback.NextTask();
      break;
    case 'c':
    case 'C':
      view_->ToggleFollowing();
      break;
    case GLFW_KEY_RIGHT:
      state_.paused = true;
      playback.Step();
      break;
    case GLFW_KEY_BACKSPACE:
      playback.BeginEpisode();
      break;
    case GLFW_KEY_F1:
      state_.help = !state_.help;
      break;
    case GLFW_KEY_ESCAPE:
      glfwSetWindowShouldClose(window_, GLFW_TRUE);
      break;
    default:
      if (key >= '0' && key <= '9') playback.Show(key - '0');
  }
}

void Window::DragCamera(double x, double y) {
  int width = 0, height = 0;
  glfwGetWindowSize(window_, &width, &height);
  const double dx = x - mouse_x_, dy = y - mouse_y_;
  mouse_x_ = x;
  mouse_y_ = y;
  if (height == 0) return;
  const auto pressed = [&](int button) {
    return glfwGetMouseButton(window_, button) == GLFW_PRESS;
  };
  if (pressed(GLFW_MOUSE_BUTTON_LEFT)) {
    view_->Turn(dx / height, dy / height);
  } else if (pressed(GLFW_MOUSE_BUTTON_RIGHT)) {
    view_->Move(dx / height, dy / height);
  }
}

}  // namespace fewstep
