// How panes are looked at: shared by all of them, so that they show the same side of things.
#pragma once

#include <array>
#include <memory>

#include <mujoco/mujoco.h>

namespace fewstep {

class Look {
 public:
  Look();

  // The camera. Distances are parts of the height of a picture.
  void Turn(double dx, double dy);
  void Shift(double dx, double dy);  // a camera that follows cannot be moved aside: it stops
  void Zoom(double amount);
  void Follow();                   // the robot, in the direction of now
  void Stay();                     // where it is now
  void NextCamera(int direction);  // goes through the model's own and the free one
  std::string camera_name() const;
  bool has_model() const { return model_ != nullptr; }

  // Aims at what `model` shows, from where it wants to be seen if it says so; once. `data` is
  // scratch.
  void Aim(std::shared_ptr<const mjModel> model, mjData* data);

  mjvOption option;                         // what is drawn
  std::array<mjtByte, mjNRNDFLAG> flags{};  // and how
  mjvCamera camera;                         // where it follows, each pane has its own robot in view
  // What the camera looks at while it follows: of the first pane that says so in a frame.
  void BeginFrame() { followed_ = false; }
  void NoteFollowed(const mjtNum* lookat);

  bool trail = true, arrows = true, tint = true;
  // Of pictures in a plane: their size, 1 at first, and what is in their middle, in parts of it.
  double plane_zoom = 1, plane_x = 0, plane_y = 0;

  // Flags whose key of MuJoCo's `simulate` this is, upside down; false when there is none.
  bool ToggleByKey(char key);

 private:
  void Move(mjtMouse action, double dx, double dy);

  std::shared_ptr<const mjModel> model_;
  bool followed_ = false;
};

}  // namespace fewstep
