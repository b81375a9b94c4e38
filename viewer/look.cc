#include "viewer/look.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "viewer/robot.h"

namespace fewstep {

Look::Look() {
  mjv_defaultOption(&option);
  mjv_defaultCamera(&camera);
  for (size_t i = 0; i < flags.size(); ++i) flags[i] = mjRNDSTRING[i][1][0] == '1' ? 1 : 0;
}

void Look::Aim(std::shared_ptr<const mjModel> model, mjData* data) {
  if (model_) return;
  model_ = std::move(model);
  mjv_defaultFreeCamera(model_.get(), &camera);
  const int body = FollowedBody(*model_);
  camera.type = mjCAMERA_TRACKING;
  camera.trackbodyid = body;
  camera.distance = 3.6 * MovingRadius(model_.get(), data, body);
  // the defaults of MuJoCo are 90 and -45
  const auto& wanted = model_->vis.global;
  const bool says = wanted.azimuth != 90 || wanted.elevation != -45;
  camera.azimuth = says ? wanted.azimuth : 90;
  camera.elevation = says ? wanted.elevation : -14;
}

void Look::NoteFollowed(const mjtNum* lookat) {
  if (followed_ || camera.type != mjCAMERA_TRACKING) return;
  followed_ = true;
  std::copy_n(lookat, 3, camera.lookat);
}

void Look::Turn(double dx, double dy) { Move(mjMOUSE_ROTATE_V, dx, dy); }

void Look::Shift(double dx, double dy) {
  plane_x -= dx;
  plane_y += dy;
  if (camera.type == mjCAMERA_TRACKING) Stay();
  Move(mjMOUSE_MOVE_V, dx, dy);
}

void Look::Zoom(double amount) {
  plane_zoom = std::clamp(plane_zoom * std::exp(2 * amount), 0.05, 50.0);
  Move(mjMOUSE_ZOOM, 0, amount);
}

void Look::Follow() {
  camera.type = mjCAMERA_TRACKING;
  camera.fixedcamid = -1;
  plane_x = plane_y = 0;
}

void Look::Stay() {
  camera.type = mjCAMERA_FREE;
  camera.fixedcamid = -1;
}

void Look::NextCamera(int direction) {
  if (!model_ || model_->ncam == 0) return;
  const int count = static_cast<int>(model_->ncam) + 1;  // the last stands for the free one
  const int present = camera.type == mjCAMERA_FIXED ? camera.fixedcamid : count - 1;
  const int next = (present + direction + count) % count;
  if (next == count - 1) return Follow();
  camera.type = mjCAMERA_FIXED;
  camera.fixedcamid = next;
}

std::string Look::camera_name() const {
  if (camera.type == mjCAMERA_TRACKING) return "follows";
  if (camera.type != mjCAMERA_FIXED || !model_) return "stands still";
  const char* name = mj_id2name(model_.get(), mjOBJ_CAMERA, camera.fixedcamid);
  return name ? name : fmt::format("camera {}", camera.fixedcamid);
}

bool Look::ToggleByKey(char key) {
  const int upper = std::toupper(static_cast<unsigned char>(key));
  bool found = false;
  const auto toggle = [&](const char* shortcut, mjtByte& flag) {
    if (shortcut[0] == 0 || shortcut[1] != 0 || shortcut[0] != upper) return;
    flag = flag ? 0 : 1;
    found = true;
  };
  for (int i = 0; i < mjNVISFLAG; ++i) toggle(mjVISSTRING[i][2], option.flags[i]);
  for (size_t i = 0; i < mjNRNDFLAG; ++i) toggle(mjRNDSTRING[i][2], flags[i]);
  if (key >= '0' && key < '0' + mjNGROUP) {
    mjtByte& group = option.geomgroup[key - '0'];
    group = group ? 0 : 1;
    found = true;
  }
  return found;
}

void Look::Move(mjtMouse action, double dx, double dy) {
  if (model_) mjv_moveCamera(model_.get(), action, dx, dy, &camera);
}

}  // namespace fewstep
