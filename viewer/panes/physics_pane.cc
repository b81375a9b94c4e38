#include "viewer/panes/physics_pane.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "envs/mujoco/mujoco_model.h"
#include "viewer/panes/performance_pane.h"
#include "viewer/robot.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

constexpr int kMaxGeoms = 4000;

struct SceneDeleter {
  void operator()(mjvScene* scene) const {
    mjv_freeScene(scene);
    delete scene;
  }
};

class PhysicsPane final : public PerformancePane {
 public:
  PhysicsPane(const TaskFamily& family, std::unique_ptr<Performer> performer, const Task& task)
      : PerformancePane(family, std::move(performer), task),
        nominal_(family.DisplayModel(nullptr)),
        model_(family.DisplayModel(&task)),
        shown_task_(task.values),
        data_(MakeData(model_.get())),
        scene_(new mjvScene),
        tip_(FindTip(*model_)),
        body_(FollowedBody(*model_)) {
    mjv_defaultScene(scene_.get());
    mjv_makeScene(model_.get(), scene_.get(), kMaxGeoms);
    mjv_defaultPerturb(&perturb_);
    factors_ = BodyFactors(*nominal_, *model_);
    radius_ = MovingRadius(model_.get(), data_.get(), body_);
  }

  void Restart(const Rng& stream) override {
    LetGo();
    PerformancePane::Restart(stream);
    trail_.clear();
    RecordTrail();
  }

  void Advance() override {
    if (ended()) return;
    if (perturb_.active != 0) Push();
    PerformancePane::Advance();
    RecordTrail();
  }

  void Draw(Canvas& canvas, const Rect& rect, int step, Look& look) override {
    ShowTask(performance_.task(step));
    look.Aim(nominal_, data_.get());
    SetState(step);
    mj_forward(model_.get(), data_.get());
    mjvCamera camera = look.camera;
    if (camera.type == mjCAMERA_TRACKING) camera.trackbodyid = body_;
    mjv_updateScene(model_.get(), data_.get(), &look.option, &perturb_, &camera, mjCAT_ALL,
                    scene_.get());
    // where the camera is, should it stay there
    look.NoteFollowed(camera.lookat);
    std::ranges::copy(look.flags, scene_->flags);
    if (look.tint) Tint();
    if (look.trail) AddTrail(step, canvas.scale());
    AddGoal(step);
    if (look.arrows) AddArrows(step);
    canvas.Scene(rect, nominal_, *scene_);
    if (look.arrows) WriteLegend(canvas, rect, step);
    drawn_ = rect;
    option_ = look.option;
  }

  bool Grab(Point at) override {
    if (drawn_.width <= 0 || drawn_.height <= 0 || ended()) return false;
    // to push what is there now, not what was
    SetState(length());
    mj_forward(model_.get(), data_.get());
    mjtNum point[3];
    int geom = -1, flex = -1, skin = -1;
    const int body =
        mjv_select(model_.get(), data_.get(), &option_, drawn_.width / drawn_.height,
                   (at.x - drawn_.x) / drawn_.width, (drawn_.bottom() - at.y) / drawn_.height,
                   scene_.get(), point, &geom, &flex, &skin);
    if (body <= 0) return false;
    perturb_.select = body;
    mjtNum offset[3];
    mju_sub3(offset, point, data_->xpos + 3 * body);
    mju_mulMatTVec(perturb_.localpos, data_->xmat + 9 * body, offset, 3, 3);
    mjv_initPerturb(model_.get(), data_.get(), scene_.get(), &perturb_);
    perturb_.active = mjPERT_TRANSLATE;
    return true;
  }

  void Drag(Point by) override {
    if (perturb_.active == 0) return;
    mjv_movePerturb(model_.get(), data_.get(), mjMOUSE_MOVE_V, by.x / drawn_.height,
                    by.y / drawn_.height, scene_.get(), &perturb_);
  }

  void LetGo() override {
    if (perturb_.active == 0) return;
    perturb_.active = 0;
    performance_.Push(0, std::array<double, 6>{});
  }

 private:
  // The force of MuJoCo's spring between the mouse and what it holds, in the present state.
  void Push() {
    SetState(length());
    mj_forward(model_.get(), data_.get());
    mju_zero(data_->xfrc_applied, 6 * static_cast<int>(model_->nbody));
    mjv_applyPerturbForce(model_.get(), data_.get(), &perturb_);
    performance_.Push(perturb_.select,
                      std::span<const mjtNum>(data_->xfrc_applied + 6 * perturb_.select, 6));
  }

  void SetState(int step) {
    mj_setState(model_.get(), data_.get(), performance_.physics(step).data(), mjSTATE_INTEGRATION);
  }

  void ShowTask(std::span<const double> task) {
    if (std::ranges::equal(task, shown_task_)) return;
    shown_task_.assign(task.begin(), task.end());
    const Task shown{spec().name, shown_task_};
    model_ = performance_.family().DisplayModel(&shown);
    factors_ = BodyFactors(*nominal_, *model_);
  }

  void RecordTrail() {
    SetState(length());
    mj_kinematics(model_.get(), data_.get());
    trail_.push_back(PlaceOf(*data_, tip_));
  }

  mjvGeom* Next(int type, const mjtNum* size, const mjtNum* place, const Color& color) {
    if (scene_->ngeom >= scene_->maxgeom) return nullptr;
    mjvGeom* geom = &scene_->geoms[scene_->ngeom++];
    const float rgba[] = {color.red, color.green, color.blue, color.alpha};
    mjv_initGeom(geom, type, size, place, nullptr, rgba);
    geom->category = mjCAT_DECOR;
    return geom;
  }

  void Connect(int type, double width, const double* from, const double* to, const Color& color) {
    if (mjvGeom* geom = Next(type, nullptr, nullptr, color)) {
      mjv_connector(geom, type, width, from, to);
    }
  }

  // Bodies that the task makes heavier, stronger, stiffer are redder, the others bluer.
  void Tint() {
    for (int i = 0; i < scene_->ngeom; ++i) {
      mjvGeom& geom = scene_->geoms[i];
      if (geom.objtype != mjOBJ_GEOM || geom.objid < 0) continue;
      const double factor = factors_[static_cast<size_t>(model_->geom_bodyid[geom.objid])];
      if (factor == 1) continue;
      // over grey, so that it does not mix with the body's own colour
      const Color color = TintOf(factor);
      const float grey = 0.3f * geom.rgba[0] + 0.59f * geom.rgba[1] + 0.11f * geom.rgba[2];
      const float tint[] = {color.red, color.green, color.blue};
      for (int c = 0; c < 3; ++c) geom.rgba[c] = grey + color.alpha * (tint[c] - grey);
    }
  }

  void AddTrail(int step, float pixels) {
    // no more pieces than a scene holds beside what else there is
    constexpr int kPieces = 400;
    const int stride = std::max(1, (step + kPieces - 1) / kPieces);
    for (int from = 0; from < step; from += stride) {
      const int to = std::min(step, from + stride);
      const double age = static_cast<double>(step - from) / std::max(1, step);
      Connect(mjGEOM_LINE, 3 * pixels, trail_[static_cast<size_t>(from)].data(),
              trail_[static_cast<size_t>(to)].data(),
              theme::kTrail.Faded(static_cast<float>(0.9 - 0.6 * age)));
    }
  }

  void AddGoal(int step) {
    const DrawingHints& hints = spec().drawing;
    if (hints.goal.empty() || hints.goal_radius <= 0) return;
    const std::span<const double> task = performance_.task(step);
    double place[] = {0, 0, hints.goal_height};
    for (size_t i = 0; i < hints.goal.size(); ++i) place[i] = task[ParameterIndex(hints.goal[i])];
    const double ball[] = {hints.goal_radius, hints.goal_radius, hints.goal_radius};
    // what moves is seen through it
    Next(mjGEOM_SPHERE, ball, place, theme::kTarget.Faded(0.5f));
  }

  void AddArrows(int step) {
    const std::span<const double> task = performance_.task(step);
    const mjtNum* center = data_->subtree_com + 3 * body_;
    double height = 0.75 * radius_;
    for (const DrawingHints::Target& target : spec().drawing.targets) {
      const double norm = mju_norm3(target.axis.data());
      if (norm == 0) continue;
      const ParameterSpec& parameter = spec().parameters[ParameterIndex(target.parameter)];
      const double wanted = task[ParameterIndex(target.parameter)];
      const double measured = Metric(target.metric)[static_cast<size_t>(step)];
      // the longest arrow that training asks for is as long as the robot
      constexpr double kFastOfDirection = 4;
      const double largest =
          target.sign ? kFastOfDirection
                      : std::max({std::abs(parameter.low), std::abs(parameter.high), 1e-6});
      const double unit = 1.2 * radius_ / largest / norm;
      const double asked = target.sign ? std::copysign(0.5 * kFastOfDirection, wanted) : wanted;
      const auto arrow = [&](double value, double lift, const Color& color) {
        if (std::isnan(value)) return;  // before the first step
        const double length = std::clamp(value * unit, -2 * radius_, 2 * radius_);
        double from[3], to[3];
        mju_copy3(from, center);
        from[2] += lift;
        mju_addScl3(to, from, target.axis.data(), length);
        if (std::abs(length) > 1e-3 * radius_) {
          Connect(mjGEOM_ARROW, 0.045 * radius_, from, to, color);
        }
      };
      arrow(asked, height + 0.14 * radius_, theme::kTarget);
      arrow(measured, height, theme::kMeasured);
      height += 0.35 * radius_;
    }
  }

  void WriteLegend(Canvas& canvas, const Rect& rect, int step) {
    const std::span<const double> task = performance_.task(step);
    const float line = canvas.Measure("0", TextSize::kSmall).y, margin = 8 * canvas.scale();
    Point at = {rect.x + margin, rect.bottom() - margin - line};
    const auto entry = [&](const Color& color, const std::string& text) {
      const float dot = 0.28f * line;
      if (at.x + 4 * dot + canvas.Measure(text, TextSize::kSmall).x > rect.right()) return;
      canvas.Disc({at.x + dot, at.y + 0.55f * line}, dot, color);
      canvas.Text({at.x + 4 * dot, at.y}, theme::kText, text, TextSize::kSmall);
      at.x += 6 * dot + canvas.Measure(text, TextSize::kSmall).x + margin;
    };
    for (const DrawingHints::Target& target : spec().drawing.targets) {
      const double wanted = task[ParameterIndex(target.parameter)];
      const double measured = Metric(target.metric)[static_cast<size_t>(step)];
      entry(theme::kTarget, fmt::format("{} {:.3g}", target.parameter, wanted));
      entry(theme::kMeasured, std::isnan(measured)
                                  ? Spaced(target.metric)
                                  : fmt::format("{} {:.2f}", Spaced(target.metric), measured));
    }
    // what a task does to the model: mass, friction, strength of a motor, ...
    const auto some = [&](auto&& is) { return std::ranges::any_of(factors_, is); };
    if (some([](double factor) { return factor < 1; })) entry(TintOf(0.3), "less than the model");
    if (some([](double factor) { return factor > 1; })) entry(TintOf(3), "more than the model");
    if (some([](double factor) { return std::isnan(factor); })) {
      entry(TintOf(std::nan("")), "reversed");
    }
  }

  std::shared_ptr<const mjModel> nominal_, model_;
  std::vector<double> shown_task_;  // the one that model_ is of
  DataPtr data_;
  std::unique_ptr<mjvScene, SceneDeleter> scene_;
  mjvPerturb perturb_;
  mjvOption option_{};
  Rect drawn_;
  Tip tip_;
  int body_;  // that the camera follows
  double radius_ = 1;
  std::vector<double> factors_;               // [nbody] of model_
  std::vector<std::array<double, 3>> trail_;  // [length + 1]
};

}  // namespace

std::unique_ptr<Pane> MakePhysicsPane(const TaskFamily& family,
                                      std::unique_ptr<Performer> performer, const Task& task) {
  return std::make_unique<PhysicsPane>(family, std::move(performer), task);
}

}  // namespace fewstep
