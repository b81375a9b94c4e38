// A window in which a playback is watched and steered.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "viewer/image.h"
#include "viewer/overlay.h"
#include "viewer/playback.h"

struct GLFWwindow;

namespace fewstep {

class SceneView;

// At most one at a time, on the main thread: a rule of GLFW.
class Window {
 public:
  // Throws Error(kRuntime) without a display or OpenGL.
  explicit Window(const std::string& title, int width = 1200, int height = 800);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  // Plays in the time of `clock` (seconds from any origin; see core/clock.h) until the window is
  // closed, or for `seconds` of it if positive. Throws what Playback throws, and as Draw does.
  void Play(Playback& playback, double seconds = 0,
            const std::function<double()>& clock = &SteadySeconds);

  // Draws the present state and reads it back. Throws Error(kUsage) for a family that has neither
  // physics nor a position in the plane.
  Image Capture(Playback& playback);

  // What a key does: a character below 128 as typed, or one of GLFW's key codes from 256 on.
  void HandleKey(int key, Playback& playback);

  const PlayState& state() const { return state_; }

 private:
  void DragCamera(double x, double y);

  GLFWwindow* window_ = nullptr;
  std::unique_ptr<SceneView> view_;
  PlayState state_;
  std::vector<int> keys_;  // pressed and not handled yet
  double mouse_x_ = 0, mouse_y_ = 0;
};

}  // namespace fewstep
