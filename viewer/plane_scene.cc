#include "viewer/plane_scene.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr const char* kPlane = R"(
<mujoco model="plane">
  <asset>
    <texture name="sky" type="skybox" builtin="flat" rgb1="0.2 0.23 0.27" width="16" height="16"/>
    <texture name="checker" type="2d" builtin="checker" rgb1="0.3 0.33 0.36" rgb2="0.34 0.37 0.4"
             width="32" height="32"/>
    <material name="ground" texture="checker" texuniform="true" texrepeat="2 2"/>
  </asset>
  <worldbody>
    <light directional="true" castshadow="false" pos="0 0 3" dir="0.2 0.3 -1" diffuse="0.9 0.9 0.9"/>
    <geom type="plane" size="6 6 1" material="ground"/>
  </worldbody>
</mujoco>)";

constexpr float kPointColor[] = {0.95f, 0.65f, 0.25f, 1},
                kTrailColor[] = {0.95f, 0.65f, 0.25f, 0.6f}, kGoalColor[] = {0.35f, 0.8f, 0.45f, 1},
                // what moves is seen through it
    kBallColor[] = {0.35f, 0.8f, 0.45f, 0.5f};

// Where the numbers that `names` are stand in a list; empty when there are none.
std::vector<size_t> IndicesOf(const std::vector<std::string>& names,
                              const std::vector<std::string>& list) {
  std::vector<size_t> indices;
  for (const std::string& name : names) {
    indices.push_back(static_cast<size_t>(std::ranges::find(list, name) - list.begin()));
  }
  return indices;
}

std::vector<size_t> GoalOf(const FamilySpec& spec) {
  std::vector<std::string> parameters;
  for (const ParameterSpec& parameter : spec.parameters) parameters.push_back(parameter.name);
  return IndicesOf(spec.drawing.goal, parameters);
}

// The next free geom of the scene, or null when it is full.
mjvGeom* NextGeom(mjvScene& scene) {
  return scene.ngeom < scene.maxgeom ? &scene.geoms[scene.ngeom++] : nullptr;
}

}  // namespace

ModelPtr MakePlane(const FamilySpec& spec) {
  if (spec.drawing.position.empty()) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("{} cannot be drawn: it has neither physics nor a position in the plane",
                    spec.name),
        {.remedy = "fewstep evaluate shows how its agents adapt"});
  }
  return CompileModel(kPlane, {}, "plane.xml", Textures::kKeep);
}

double PlaneExtent(const FamilySpec& spec) {
  double extent = 0;
  for (const size_t i : GoalOf(spec)) {
    extent = std::max({extent, std::abs(spec.parameters[i].low), spec.parameters[i].high});
  }
  return extent > 0 ? extent : 1;
}

void AddPoint(const Playback& playback, mjvScene& scene) {
  const double size = 0.03 * PlaneExtent(playback.spec());

  // the trail, one line a step
  const FamilySpec& spec = playback.spec();
  const std::vector<size_t> position = IndicesOf(spec.drawing.position, spec.state);
  const auto place = [&](size_t step, double height) {
    const double* state = playback.visited().data() + step * spec.state.size();
    return std::array<double, 3>{state[position[0]], state[position[1]], height};
  };
  const size_t last = playback.visited().size() / spec.state.size() - 1;
  for (size_t step = 0; step < last; ++step) {
    mjvGeom* line = NextGeom(scene);
    if (!line) return;
    mjv_initGeom(line, mjGEOM_CAPSULE, nullptr, nullptr, nullptr, kTrailColor);
    mjv_connector(line, mjGEOM_CAPSULE, size / 3, place(step, size / 2).data(),
                  place(step + 1, size / 2).data());
  }

  // the point
  const double sphere[] = {size, size, size};
  if (mjvGeom* point = NextGeom(scene)) {
    mjv_initGeom(point, mjGEOM_SPHERE, sphere, place(last, size).data(), nullptr, kPointColor);
  }

  // the goal
  const std::vector<size_t> at = GoalOf(spec);
  if (at.empty()) return;
  const double disc[] = {1.6 * size, size / 8, 0};
  const std::span<const double> task = playback.present_task();
  const double goal[] = {task[at[0]], task[at[1]], size / 8};
  if (mjvGeom* target = NextGeom(scene)) {
    mjv_initGeom(target, mjGEOM_CYLINDER, disc, goal, nullptr, kGoalColor);
  }
}

void AddGoal(const Playback& playback, mjvScene& scene) {
  const DrawingHints& drawing = playback.spec().drawing;
  const std::vector<size_t> at = GoalOf(playback.spec());
  if (at.empty() || drawing.goal_radius <= 0) return;
  const std::span<const double> task = playback.present_task();
  const double goal[] = {task[at[0]], task[at[1]],
                         at.size() > 2 ? task[at[2]] : drawing.goal_height};
  const double ball[] = {drawing.goal_radius, drawing.goal_radius, drawing.goal_radius};
  if (mjvGeom* target = NextGeom(scene)) {
    mjv_initGeom(target, mjGEOM_SPHERE, ball, goal, nullptr, kBallColor);
    target->category = mjCAT_DECOR;
  }
}

}  // namespace fewstep
