// point-nav@maml: a point walks to a goal that it is not told.
// Finn et al., "Model-Agnostic Meta-Learning", ICML 2017; the definition is that of cbfinn/maml_rl,
// maml_examples/point_env_randgoal.py under rllab's action normalisation.
#include <algorithm>
#include <cmath>

#include "envs/families/points/point_world.h"
#include "envs/families/points/points.h"

namespace fewstep {
namespace {

class PointNav final : public PointWorld {
 public:
  void Reset(Rng&, double* observation) noexcept override {
    std::fill_n(position_, 2, 0.0);
    std::copy_n(position_, 2, observation);
  }

  WorldStep Step(const double* action, Rng&, double* observation,
                 double* metrics) noexcept override {
    for (int i = 0; i < 2; ++i) position_[i] += 0.1 * std::clamp(action[i], -1.0, 1.0);
    std::copy_n(position_, 2, observation);

    // distance of the new position; the goal is a box
    const double dx = position_[0] - goal_[0], dy = position_[1] - goal_[1];
    metrics[0] = std::sqrt(dx * dx + dy * dy);
    return {.reward = -metrics[0], .terminated = std::abs(dx) < 0.01 && std::abs(dy) < 0.01};
  }
};

}  // namespace

WorldDefinition PointNavMaml() {
  WorldDefinition definition;
  definition.make_world = []() -> std::unique_ptr<World> { return std::make_unique<PointNav>(); };

  FamilySpec& spec = definition.spec;
  spec.name = "point-nav@maml";
  spec.summary = "A point in the plane walks to a goal that it is not told.";
  spec.source = "Finn et al., ICML 2017; cbfinn/maml_rl, maml_examples/point_env_randgoal.py";
  spec.model = "position' = position + step";
  spec.reset = "position = (0, 0)";
  spec.reward = "-|position' - goal|";
  spec.terminates = true;
  spec.termination = "both coordinates within 0.01 of the goal's";
  spec.action = "step = 0.1 clip(a, -1, 1)";
  spec.observation = {"position (2)"};
  spec.splits = "train, test: separate draws of the law; ood: none published";
  spec.observation_size = 2;
  spec.action_size = 2;
  spec.horizon = 100;
  for (const char* name : {"goal_x", "goal_y"}) {
    spec.parameters.push_back({.name = name,
                               .unit = "",
                               .low = -0.5,
                               .high = 0.5,
                               .choices = {},
                               .law = "U(-0.5, 0.5)",
                               .valid = Range{-1, 1}});
  }
  spec.metrics = {"distance"};
  spec.state = {"x", "y"};
  spec.drawing = {.position = {"x", "y"}, .goal = {"goal_x", "goal_y"}};
  return definition;
}

}  // namespace fewstep
