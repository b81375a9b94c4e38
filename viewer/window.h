// A window in which a playback is watched and steered, drawn by MuJoCo's renderer.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <mujoco/mujoco.h>

#include "core/clock.h"
#include "envs/mujoco/mujoco_model.h"
#include "viewer/image.h"
#include "viewer/playback.h"

struct GLFWwindow;

namespace fewstep {

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

  bool paused() const { return paused_; }
  double speed() const { return speed_; }  // simulated seconds a second of the clock

 private:
  void Stage(Playback& playback);  // makes what drawing the present task needs
  void Unstage();
  void Draw(Playback& playback);
  void UpdateScene(Playback& playback);
  void DrawText(const Playback& playback, mjrRect viewport) const;
  void DragCamera(double x, double y);

  GLFWwindow* window_ = nullptr;
  std::vector<int> keys_;  // pressed and not handled yet
  double mouse_x_ = 0, mouse_y_ = 0;
  bool paused_ = false, help_ = false;
  double speed_ = 1;

  std::optional<Task> staged_;  // the task that the members below serve
  bool plane_ = false;          // without physics: a point in the plane is drawn
  ModelPtr model_;
  DataPtr data_;  // a copy of the state, which MuJoCo's renderer writes to
  mjvScene scene_{};
  mjvOption option_{};
  mjvCamera camera_{};
  mjrContext context_{};
};

}  // namespace fewstep
