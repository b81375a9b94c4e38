// What a playback looks like: drawn by MuJoCo's renderer into the OpenGL context that is current on
// the calling thread, which every function but the camera's needs.
#pragma once

#include <optional>

#include <mujoco/mujoco.h>

#include "envs/mujoco/mujoco_model.h"
#include "viewer/image.h"
#include "viewer/overlay.h"
#include "viewer/playback.h"

namespace fewstep {

class SceneView {
 public:
  // `text_scale`: how much larger letters are than on a plain display.
  explicit SceneView(double text_scale);
  ~SceneView();
  SceneView(const SceneView&) = delete;
  SceneView& operator=(const SceneView&) = delete;

  // Draws the present state and the texts. Throws Error(kUsage) for a family that has neither
  // physics nor a position in the plane.
  void Draw(Playback& playback, const Overlay& overlay, int width, int height);
  // The same into a buffer of its own, read back: what lies under another window has no pixels.
  Image Capture(Playback& playback, const Overlay& overlay, int width, int height);

  // The camera, once something was drawn; distances are parts of the height of the picture.
  void Turn(double dx, double dy);
  void Move(double dx, double dy);  // a camera that follows cannot be moved aside: it stops
  void Zoom(double amount);
  void ToggleFollowing();

 private:
  void Stage(Playback& playback);  // makes what drawing the present task needs
  void Unstage();
  void AimCamera(const FamilySpec& spec);
  void UpdateScene(Playback& playback);
  void MoveCamera(mjtMouse action, double dx, double dy);

  int font_;                    // percent
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
