#include "viewer/window.h"

#include <algorithm>
#include <cmath>
#include <utility>

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>

#include "core/error.h"
#include "viewer/plane_scene.h"

namespace fewstep {
namespace {

constexpr int kMaxGeoms = 4000;
constexpr double kMinSpeed = 1.0 / 16, kMaxSpeed = 16;
// Time that drawing or adapting took beyond this is not caught up with.
constexpr double kMaxLag = 0.25;

constexpr const char* kHelpKeys =
    "Space\nRight\nBackspace\n0 ... 9\nN\n+  -\nC\nLeft drag\nRight drag\nWheel\nF1\nEsc";
constexpr const char* kHelpTexts =
    "pause, go on\none step\nnew episode\nthe agent after so many units of adaptation\nnext task\n"
    "faster, slower\ncamera follows or stands still\nturn the camera\nmove it\nzoom\nthis help\n"
    "close";

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

// How far what moves reaches from the centre of mass of `body` in the model's initial state.
double MovingRadius(const mjModel* model, mjData* data, int body) {
  mj_forward(model, data);
  double radius = 0.1;
  for (int geom = 0; geom < model->ngeom; ++geom) {
    if (model->body_weldid[model->geom_bodyid[geom]] == 0) continue;
    const double distance = mju_dist3(data->geom_xpos + 3 * geom, data->subtree_com + 3 * body);
    radius = std::max(radius, distance + model->geom_rbound[geom]);
  }
  return radius;
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
    auto& self = *static_cast<Window*>(glfwGetWindowUserPointer(window));
    if (self.staged_) {
      mjv_moveCamera(self.model_.get(), mjMOUSE_ZOOM, 0, -0.05 * amount, &self.camera_);
    }
  });

  mjv_defaultOption(&option_);
  mjv_defaultScene(&scene_);
  mjr_defaultContext(&context_);
}

Window::~Window() {
  Unstage();
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
    if (!paused_) {
      owed = std::min(owed + now - last, kMaxLag);
      for (; owed * speed_ >= playback.step_seconds(); owed -= playback.step_seconds() / speed_) {
        playback.Step();
      }
    }
    last = now;
    if (seconds > 0 && now - start >= seconds) break;

    Draw(playback);
    glfwSwapBuffers(window_);
  }
}

Image Window::Capture(Playback& playback) {
  // a buffer of its own: what lies under another window has no pixels
  Image image;
  glfwGetFramebufferSize(window_, &image.width, &image.height);
  if (staged_ != playback.task()) Stage(playback);
  mjr_resizeOffscreen(image.width, image.height, &context_);
  mjr_setBuffer(mjFB_OFFSCREEN, &context_);
  Draw(playback);
  const size_t row = static_cast<size_t>(image.width) * 3;
  image.rgb.resize(row * static_cast<size_t>(image.height));
  mjr_readPixels(image.rgb.data(), nullptr, {0, 0, image.width, image.height}, &context_);
  mjr_setBuffer(mjFB_WINDOW, &context_);

  // OpenGL's first row is at the bottom
  for (int y = 0; y < image.height / 2; ++y) {
    std::swap_ranges(&image.rgb[row * static_cast<size_t>(y)],
                     &image.rgb[row * static_cast<size_t>(y)] + row,
                     &image.rgb[row * static_cast<size_t>(image.height - 1 - y)]);
  }
  return image;
}

void Window::HandleKey(int key, Playback& playback) {
  switch (key) {
    case ' ':
      paused_ = !paused_;
      break;
    case '+':
    case '=':
      speed_ = std::min(speed_ * 2, kMaxSpeed);
      break;
    case '-':
      speed_ = std::max(speed_ / 2, kMinSpeed);
      break;
    case 'n':
    case 'N':
      playback.NextTask();
      break;
    case 'c':
    case 'C':
      if (!plane_) camera_.type = camera_.type == mjCAMERA_FREE ? mjCAMERA_TRACKING : mjCAMERA_FREE;
      break;
    case GLFW_KEY_RIGHT:
      paused_ = true;
      playback.Step();
      break;
    case GLFW_KEY_BACKSPACE:
      playback.BeginEpisode();
      break;
    case GLFW_KEY_F1:
      help_ = !help_;
      break;
    case GLFW_KEY_ESCAPE:
      glfwSetWindowShouldClose(window_, GLFW_TRUE);
      break;
    default:
      if (key >= '0' && key <= '9') playback.Show(key - '0');
  }
}

void Window::Stage(Playback& playback) {
  const bool first = !model_;
  Unstage();
  const mjModel* model = playback.physics().model;
  plane_ = !model;
  model_ = plane_ ? MakePlane(playback.spec()) : CopyModel(model);
  data_ = MakeData(model_.get());
  mjv_makeScene(model_.get(), &scene_, kMaxGeoms);
  float scale_x = 1, scale_y = 1;
  glfwGetWindowContentScale(window_, &scale_x, &scale_y);
  const int font = std::clamp(50 * static_cast<int>(std::lround(2 * scale_x)), 100, 300);
  mjr_makeContext(model_.get(), &context_, font);

  // the camera stays where the user has put it
  if (first) {
    mjv_defaultFreeCamera(model_.get(), &camera_);
    if (plane_) {
      camera_.distance = 3.6 * PlaneExtent(playback.spec());
      camera_.elevation = -70;
      std::fill_n(camera_.lookat, 3, 0.0);
    } else {
      camera_.type = mjCAMERA_TRACKING;
      camera_.trackbodyid = std::min<int>(1, static_cast<int>(model_->nbody) - 1);
      camera_.distance = 5 * MovingRadius(model_.get(), data_.get(), camera_.trackbodyid);
      camera_.elevation = -12;
    }
    camera_.azimuth = 90;
  }
  staged_ = playback.task();
}

void Window::Unstage() {
  if (!staged_) return;
  mjr_freeContext(&context_);
  mjv_freeScene(&scene_);
  staged_.reset();
}

void Window::Draw(Playback& playback) {
  // a task may have a model of its own
  if (staged_ != playback.task()) Stage(playback);
  mjrRect viewport = {0, 0, 0, 0};
  glfwGetFramebufferSize(window_, &viewport.width, &viewport.height);
  if (viewport.width == 0 || viewport.height == 0) return;  // an icon
  UpdateScene(playback);
  mjr_render(viewport, &scene_, &context_);
  DrawText(playback, viewport);
}

void Window::UpdateScene(Playback& playback) {
  if (plane_) {
    mj_forward(model_.get(), data_.get());
  } else {
    mjv_copyData(data_.get(), model_.get(), playback.physics().data);
  }
  mjv_updateScene(model_.get(), data_.get(), &option_, nullptr, &camera_, mjCAT_ALL, &scene_);
  if (plane_) AddPoint(playback, scene_);
}

void Window::DrawText(const Playback& playback, mjrRect viewport) const {
  const FamilySpec& spec = playback.spec();
  const AdaptationStatus status = playback.status();

  // what is seen
  std::string names = "Family", values = spec.name;
  const auto add = [&](const std::string& name, const std::string& value) {
    names += "\n" + name;
    values += "\n" + value;
  };
  for (size_t i = 0; i < spec.parameters.size(); ++i) {
    add(spec.parameters[i].name,
        fmt::format("{:.3g} {}", playback.task().values[i], spec.parameters[i].unit));
  }
  add("Adaptation", fmt::format("{} of {} {}s", status.shown, status.available, status.unit));
  add("Step", fmt::format("{} of {}{}", playback.steps(), spec.horizon,
                          playback.diverged() ? ", diverged" : ""));
  add("Return so far", fmt::format("{:.1f}", playback.episode_return()));
  add("Speed", fmt::format("{:g}x{}", speed_, paused_ ? ", paused" : ""));
  mjr_overlay(mjFONT_NORMAL, mjGRID_TOPLEFT, viewport, names.c_str(), values.c_str(), &context_);

  // what adapting has brought
  names = fmt::format("{}s", status.unit);
  values = "last return";
  for (size_t unit = 0; unit < playback.last_returns().size(); ++unit) {
    const std::optional<double>& last = playback.last_returns()[unit];
    add(fmt::format("{}{}", unit, static_cast<int>(unit) == status.shown ? " <" : ""),
        last ? fmt::format("{:.1f}", *last) : "-");
  }
  mjr_overlay(mjFONT_NORMAL, mjGRID_TOPRIGHT, viewport, names.c_str(), values.c_str(), &context_);

  if (help_) {
    mjr_overlay(mjFONT_NORMAL, mjGRID_BOTTOMLEFT, viewport, kHelpKeys, kHelpTexts, &context_);
  } else {
    mjr_overlay(mjFONT_NORMAL, mjGRID_BOTTOMLEFT, viewport, "F1", "help", &context_);
  }
}

void Window::DragCamera(double x, double y) {
  int width = 0, height = 0;
  glfwGetWindowSize(window_, &width, &height);
  const double dx = x - mouse_x_, dy = y - mouse_y_;
  mouse_x_ = x;
  mouse_y_ = y;
  if (!staged_ || height == 0) return;
  const auto pressed = [&](int button) {
    return glfwGetMouseButton(window_, button) == GLFW_PRESS;
  };
  if (pressed(GLFW_MOUSE_BUTTON_LEFT)) {
    mjv_moveCamera(model_.get(), mjMOUSE_ROTATE_V, dx / height, dy / height, &camera_);
  } else if (pressed(GLFW_MOUSE_BUTTON_RIGHT)) {
    // a camera that follows cannot be moved aside
    camera_.type = mjCAMERA_FREE;
    mjv_moveCamera(model_.get(), mjMOUSE_MOVE_V, dx / height, dy / height, &camera_);
  }
}

}  // namespace fewstep
