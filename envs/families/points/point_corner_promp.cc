// point-corner@promp: a point finds the corner that rewards, with no signal near the start.
// Rothfuss et al., "ProMP: Proximal Meta-Policy Search", ICLR 2019; the definition is that of
// jonasrothfuss/ProMP, point_env_2d_corner.py (sparse) under normalized_env.py (scale 10).
#include <algorithm>
#include <cmath>

#include "envs/families/points/point_world.h"
#include "envs/families/points/points.h"

namespace fewstep {
namespace {

double Distance(const double* a, const double* b) noexcept {
  const double dx = a[0] - b[0], dy = a[1] - b[1];
  return std::sqrt(dx * dx + dy * dy);
}

class PointCorner final : public PointWorld {
 public:
  void Reset(Rng& rng, double* observation) noexcept override {
    for (double& coordinate : position_) coordinate = rng.Uniform(-0.2, 0.2);
    std::copy_n(position_, 2, observation);
  }

  WorldStep Step(const double* action, Rng&, double* observation,
                 double* metrics) noexcept override {
    const double before = Distance(position_, goal_);
    for (int i = 0; i < 2; ++i) position_[i] += std::clamp(action[i] / 10 * 0.2, -0.2, 0.2);
    std::copy_n(position_, 2, observation);
    const double after = metrics[0] = Distance(position_, goal_);

    // no reward near the start, nor while another corner is nearer
    if (std::abs(position_[0]) + std::abs(position_[1]) < 0.5) return {};
    constexpr double kCorners[4][2] = {{-2, -2}, {2, -2}, {-2, 2}, {2, 2}};
    for (const auto& corner : kCorners) {
      if (Distance(position_, corner) < after) return {};
    }
    return {.reward = before - after};
  }
};

}  // namespace

WorldDefinition PointCornerPromp() {
  WorldDefinition definition;
  definition.make_world = []() -> std::unique_ptr<World> {
    return std::make_unique<PointCorner>();
  };

  FamilySpec& spec = definition.spec;
  spec.name = "point-corner@promp";
  spec.summary = "A point in the plane finds which of four corners rewards it.";
  spec.source = "Rothfuss et al., ICLR 2019; jonasrothfuss/ProMP, point_env_2d_corner.py (sparse)";
  spec.model = "position' = position + step";
  spec.reset = "position = U(-0.2, 0.2)^2";
  spec.reward =
      "0 where |position'|_1 < 0.5 or another corner is nearer than the goal; "
      "else |position - goal| - |position' - goal|";
  spec.termination = "never";
  spec.action = "step = clip(a / 10 * 0.2, -0.2, 0.2)";
  spec.observation = {"position (2)"};
  spec.splits = "train, test: the same four tasks; ood: none published";
  spec.observation_size = 2;
  spec.action_size = 2;
  spec.action_low = -10;
  spec.action_high = 10;
  spec.horizon = 100;
  spec.finite = true;
  for (const char* name : {"goal_x", "goal_y"}) {
    spec.parameters.push_back({.name = name,
                               .unit = "",
                               .low = -2,
                               .high = 2,
                               .choices = {-2, 2},
                               .law = "-2 or 2, each with probability 1/2"});
  }
  spec.metrics = {"distance"};
  spec.state = {"x", "y"};
  spec.drawing = {.position = {"x", "y"}, .goal = {"goal_x", "goal_y"}};
  return definition;
}

}  // namespace fewstep
