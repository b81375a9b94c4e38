#include "viewer/plane_scene.h"

#include <algorithm>
#include <cmath>
#include <optional>

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
                kTrailColor[] = {0.95f, 0.65f, 0.25f, 0.6f}, kGoalColor[] = {0.35f, 0.8f, 0.45f, 1};

std::optional<size_t> IndexOf(const FamilySpec& spec, std::string_view parameter) {
  const auto found = std::ranges::find(spec.parameters, parameter, &ParameterSpec::name);
  if (found == spec.parameters.end()) return std::nullopt;
  return static_cast<size_t>(found - spec.parameters.begin());
}

// The next free geom of the scene, or null when it is full.
mjvGeom* NextGeom(mjvScene& scene) {
  return scene.ngeom < scene.maxgeom ? &scene.geoms[scene.ngeom++] : nullptr;
}

}  // namespace

ModelPtr MakePlane(const FamilySpec& spec) {
  if (spec.state != std::vector<std::string>{"x", "y"}) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("{} cannot be drawn: it has neither physics nor a position (x, y)", spec.name),
        {.remedy = "fewstep evaluate shows how its agents adapt"});
  }
  return CompileModel(kPlane, "plane.xml", Textures::kKeep);
}

double PlaneExtent(const FamilySpec& spec) {
  double extent = 0;
  for (const char* name : {"goal_x", "goal_y"}) {
    if (const auto i = IndexOf(spec, name)) {
      extent = std::max({extent, std::abs(spec.parameters[*i].low), spec.parameters[*i].high});
    }
  }
  return extent > 0 ? extent : 1;
}

void AddPoint(const Playback& playback, mjvScene& scene) {
  const double size = 0.03 * PlaneExtent(playback.spec());

  // where it was, as one line a step
  const std::vector<double>& visited = playback.visited();
  for (size_t i = 0; i + 4 <= visited.size(); i += 2) {
    mjvGeom* line = NextGeom(scene);
    if (!line) return;
    const double from[] = {visited[i], visited[i + 1], size / 2};
    const double to[] = {visited[i + 2], visited[i + 3], size / 2};
    mjv_initGeom(line, mjGEOM_CAPSULE, nullptr, nullptr, nullptr, kTrailColor);
    mjv_connector(line, mjGEOM_CAPSULE, size / 3, from, to);
  }

  // where it is
  const double sphere[] = {size, size, size};
  const double position[] = {visited[visited.size() - 2], visited[visited.size() - 1], size};
  if (mjvGeom* point = NextGeom(scene)) {
    mjv_initGeom(point, mjGEOM_SPHERE, sphere, position, nullptr, kPointColor);
  }

  // where it should go
  const auto x = IndexOf(playback.spec(), "goal_x"), y = IndexOf(playback.spec(), "goal_y");
  if (!x || !y) return;
  const double disc[] = {1.6 * size, size / 8, 0};
  const double goal[] = {playback.task().values[*x], playback.task().values[*y], size / 8};
  if (mjvGeom* target = NextGeom(scene)) {
    mjv_initGeom(target, mjGEOM_CYLINDER, disc, goal, nullptr, kGoalColor);
  }
}

}  // namespace fewstep
