#include "viewer/scene_view.h"

#include <algorithm>
#include <cmath>

#include "viewer/plane_scene.h"

namespace fewstep {
namespace {

constexpr int kMaxGeoms = 4000;

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

SceneView::SceneView(double text_scale)
    : font_(std::clamp(50 * static_cast<int>(std::lround(2 * text_scale)), 100, 300)) {
  mjv_defaultOption(&option_);
  mjv_defaultScene(&scene_);
  mjr_defaultContext(&context_);
}

SceneView::~SceneView() { Unstage(); }

void SceneView::Draw(Playback& playback, const Overlay& overlay, int width, int height) {
  // a task may have a model of its own
  if (staged_ != playback.task()) Stage(playback);
  const mjrRect viewport = {0, 0, width, height};
  UpdateScene(playback);
  mjr_render(viewport, &scene_, &context_);
  const auto write = [&](mjtGridPos corner, const TextColumns& text) {
    mjr_overlay(mjFONT_NORMAL, corner, viewport, text.names.c_str(), text.values.c_str(),
                &context_);
  };
  write(mjGRID_TOPLEFT, overlay.state);
  write(mjGRID_TOPRIGHT, overlay.returns);
  write(mjGRID_BOTTOMLEFT, overlay.help);
}

Image SceneView::Capture(Playback& playback, const Overlay& overlay, int width, int height) {
  Image image{.width = width, .height = height, .rgb = {}};
  if (staged_ != playback.task()) Stage(playback);
  mjr_resizeOffscreen(width, height, &context_);
  mjr_setBuffer(mjFB_OFFSCREEN, &context_);
  Draw(playback, overlay, width, height);
  const size_t row = static_cast<size_t>(width) * 3;
  image.rgb.resize(row * static_cast<size_t>(height));
  mjr_readPixels(image.rgb.data(), nullptr, {0, 0, width, height}, &context_);
  mjr_setBuffer(mjFB_WINDOW, &context_);

  // OpenGL's first row is at the bottom
  for (int y = 0; y < height / 2; ++y) {
    std::swap_ranges(&image.rgb[row * static_cast<size_t>(y)],
                     &image.rgb[row * static_cast<size_t>(y)] + row,
                     &image.rgb[row * static_cast<size_t>(height - 1 - y)]);
  }
  return image;
}

void SceneView::Stage(Playback& playback) {
  const bool first = !model_;
  Unstage();
  const mjModel* model = playback.physics().model;
  plane_ = !model;
  model_ = plane_ ? MakePlane(playback.spec()) : CopyModel(model);
  data_ = MakeData(model_.get());
  mjv_makeScene(model_.get(), &scene_, kMaxGeoms);
  mjr_makeContext(model_.get(), &context_, font_);
  // the camera stays where the user has put it
  if (first) AimCamera(playback.spec());
  staged_ = playback.task();
}

void SceneView::Unstage() {
  if (!staged_) return;
  mjr_freeContext(&context_);
  mjv_freeScene(&scene_);
  staged_.reset();
}

void SceneView::AimCamera(const FamilySpec& spec) {
  mjv_defaultFreeCamera(model_.get(), &camera_);
  if (plane_) {
    camera_.distance = 3.6 * PlaneExtent(spec);
    camera_.elevation = -70;
    std::fill_n(camera_.lookat, 3, 0.0);
  } else {
    camera_.type = mjCAMERA_TRACKING;
    camera_.trackbodyid = std::min<int>(1, static_cast<int>(model_->nbody) - 1);
    camera_.distance = 5 * MovingRadius(model_.get(), data_.get(), camera_.trackbodyid);
    // from where the model wants to be seen, if it says so (the defaults of MuJoCo are 90 and -45)
    const auto& wanted = model_->vis.global;
    const bool says = wanted.azimuth != 90 || wanted.elevation != -45;
    camera_.azimuth = says ? wanted.azimuth : 90;
    camera_.elevation = says ? wanted.elevation : -12;
    return;
  }
  camera_.azimuth = 90;
}

void SceneView::UpdateScene(Playback& playback) {
  if (plane_) {
    mj_forward(model_.get(), data_.get());
  } else {
    mjv_copyData(data_.get(), model_.get(), playback.physics().data);
  }
  mjv_updateScene(model_.get(), data_.get(), &option_, nullptr, &camera_, mjCAT_ALL, &scene_);
  if (plane_) {
    AddPoint(playback, scene_);
  } else {
    AddGoal(playback, scene_);
  }
}

void SceneView::Turn(double dx, double dy) { MoveCamera(mjMOUSE_ROTATE_V, dx, dy); }

void SceneView::Move(double dx, double dy) {
  camera_.type = mjCAMERA_FREE;
  MoveCamera(mjMOUSE_MOVE_V, dx, dy);
}

void SceneView::Zoom(double amount) { MoveCamera(mjMOUSE_ZOOM, 0, -amount); }

void SceneView::ToggleFollowing() {
  if (plane_) return;
  camera_.type = camera_.type == mjCAMERA_FREE ? mjCAMERA_TRACKING : mjCAMERA_FREE;
}

void SceneView::MoveCamera(mjtMouse action, double dx, double dy) {
  if (staged_) mjv_moveCamera(model_.get(), action, dx, dy, &camera_);
}

}  // namespace fewstep
