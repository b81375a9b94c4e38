// A window in which a show is watched and steered.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "viewer/image.h"
#include "viewer/stage.h"

struct GLFWwindow;

namespace fewstep {

// What a test, or a person, does to the window.
struct WindowEvent {
  enum class Kind { kKey, kMouse, kButton, kWheel, kText } kind = Kind::kKey;
  KeyPress key = {};
  std::optional<EditKey> edit = {};  // of a key that edits a text
  Point mouse = {};                  // pixels
  int button = 0;                    // 0 left, 1 right, 2 middle
  bool down = false;
  float wheel = 0;
  std::string text = {};
};

// At most one at a time, on the main thread: a rule of GLFW.
class Window {
 public:
  // `width` x `height` on a plain display, larger on one of high density. Throws Error(kRuntime)
  // without a display or OpenGL. `scale` of everything; 0: as the display says.
  explicit Window(const std::string& title, int width = 1280, int height = 800, double scale = 0);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // Opens the stage for `show`, which must outlive the window or the next Open.
  void Open(Show& show, const StageOptions& options = {});

  // Plays in the time of `clock` (seconds from any origin; see core/clock.h) until the window is
  // closed, or for `seconds` of it if positive; with the default at most 60 frames a second. Throws
  // Error(kRuntime) when the context is lost.
  void Play(double seconds = 0, const std::function<double()>& clock = &SteadySeconds);

  // One frame, `elapsed` seconds after the one before.
  void Frame(double elapsed);

  // Draws the show as it is and reads it back; what lies under another window has no pixels, so
  // into memory. By default as large as the window.
  Image Capture(int width = 0, int height = 0);

  // As if GLFW had told of it: comes with the next frame.
  void Send(const WindowEvent& event) { events_.push_back(event); }

  // Where F12 saves pictures: FOLDER/fewstep-1.png and on.
  void SaveScreenshotsIn(std::string folder) { screenshots_ = std::move(folder); }

  Stage& stage() { return *stage_; }
  Screen& screen() { return *screen_; }
  bool closing() const;
  void Resize(int width, int height);

 private:
  class WindowContext;
  void Take(const WindowEvent& event);
  void Rest(double spent);
  void Do(Request request);
  void ToggleFullScreen();
  std::pair<float, float> PixelsPerUnit() const;

  GLFWwindow* window_ = nullptr;
  std::unique_ptr<WindowContext> context_;
  std::unique_ptr<Screen> screen_;
  Show* show_ = nullptr;
  std::unique_ptr<Stage> stage_;
  std::vector<WindowEvent> events_;  // that came and were not handled yet
  Input input_;
  double forced_scale_;
  std::string screenshots_ = ".";
  int saved_ = 0;
  int windowed_[4] = {0, 0, 0, 0};  // place and size before full screen
};

}  // namespace fewstep
