// point-robot@pearl and sparse-point-robot@pearl: a point walks to a goal that it is not told, from
// lists of goals that are the same for everybody.
// Rakelly et al., "Efficient Off-Policy Meta-Reinforcement Learning via Probabilistic Context
// Variables", ICML 2019; the definitions are those of katerakelly/oyster, rlkit/envs/point_robot.py
// under NormalizedBoxEnv, with the splits of configs/point-robot.json and sparse-point-robot.json.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "envs/families/legacy_numpy.h"
#include "envs/families/points/point_world.h"
#include "envs/families/points/points.h"

namespace fewstep {
namespace {

constexpr int kTrainTasks = 80, kTasks = 100;
constexpr uint32_t kSeed = 1337;
constexpr double kGoalRadius = 0.2;

class PointRobot : public PointWorld {
 public:
  void Reset(Rng& rng, double* observation) noexcept override {
    for (double& x : position_) x = rng.Uniform(-1, 1);
    std::copy_n(position_, 2, observation);
  }

  WorldStep Step(const double* action, Rng&, double* observation,
                 double* metrics) noexcept override {
    for (int i = 0; i < 2; ++i) position_[i] += 0.1 * std::clamp(action[i], -1.0, 1.0);
    std::copy_n(position_, 2, observation);
    metrics[0] = std::hypot(position_[0] - goal_[0], position_[1] - goal_[1]);
    return {.reward = -metrics[0]};
  }
};

class SparsePointRobot final : public PointRobot {
 public:
  void Reset(Rng&, double* observation) noexcept override {
    std::fill_n(position_, 2, 0.0);
    std::copy_n(position_, 2, observation);
  }

  WorldStep Step(const double* action, Rng& rng, double* observation,
                 double* metrics) noexcept override {
    const double dense = PointRobot::Step(action, rng, observation, metrics).reward;
    return {.reward = dense >= -kGoalRadius ? dense + 1 : 0, .dense_reward = dense};
  }
};

// The first 80 are trained on, the other 20 are held out.
std::map<Split, std::vector<std::vector<double>>> Lists(
    const std::vector<std::vector<double>>& goals) {
  return {{Split::kTrain, {goals.begin(), goals.begin() + kTrainTasks}},
          {Split::kTest, {goals.begin() + kTrainTasks, goals.end()}}};
}

// What both have.
WorldDefinition PointRobotFamily() {
  WorldDefinition definition;
  FamilySpec& spec = definition.spec;
  spec.model = "position' = position + step";
  spec.termination = "never";
  spec.action = "step = 0.1 clip(a, -1, 1)";
  spec.observation = {"position (2)"};
  spec.splits =
      "train: the first 80 of 100 goals; test: the other 20; ood: none published. The goals are "
      "those of numpy's generator with seed 1337";
  spec.observation_size = 2;
  spec.action_size = 2;
  spec.horizon = 20;
  spec.metrics = {"distance"};
  spec.state = {"x", "y"};
  spec.drawing = {.position = {"x", "y"}, .goal = {"goal_x", "goal_y"}};
  return definition;
}

}  // namespace

WorldDefinition PointRobotPearl() {
  WorldDefinition definition = PointRobotFamily();
  definition.make_world = []() -> std::unique_ptr<World> { return std::make_unique<PointRobot>(); };
  FamilySpec& spec = definition.spec;
  spec.name = "point-robot@pearl";
  spec.summary = "A point in the plane walks to one of a hundred goals that it is not told.";
  spec.source =
      "Rakelly et al., ICML 2019; katerakelly/oyster, rlkit/envs/point_robot.py (PointEnv)";
  spec.reset = "position ~ U(-1, 1), each coordinate by itself";
  spec.reward = "-|position' - goal|";
  for (const char* name : {"goal_x", "goal_y"}) {
    spec.parameters.push_back({.name = name,
                               .unit = "",
                               .low = -1,
                               .high = 1,
                               .choices = {},
                               .law = "100 draws of U(-1, 1)",
                               .valid = Range{-1.5, 1.5}});
  }
  LegacyNumpy numpy(kSeed);
  std::vector<std::vector<double>> goals;
  for (int i = 0; i < kTasks; ++i) {
    const double x = numpy.Uniform(-1, 1);
    goals.push_back({x, numpy.Uniform(-1, 1)});
  }
  definition.law.lists = Lists(goals);
  return definition;
}

WorldDefinition SparsePointRobotPearl() {
  WorldDefinition definition = PointRobotFamily();
  definition.make_world = []() -> std::unique_ptr<World> {
    return std::make_unique<SparsePointRobot>();
  };
  FamilySpec& spec = definition.spec;
  spec.name = "sparse-point-robot@pearl";
  spec.summary =
      "A point in the plane searches a goal on a half circle, and is paid near it alone.";
  spec.source =
      "Rakelly et al., ICML 2019; katerakelly/oyster, rlkit/envs/point_robot.py (SparsePointEnv)";
  spec.reset = "position = (0, 0)";
  spec.reward = "1 - |position' - goal| within 0.2 of the goal, else 0";
  spec.dense_reward = "-|position' - goal|";
  const char* law = "100 angles at equal distances from 0 to pi on the unit circle, shuffled";
  spec.parameters = {{.name = "goal_x",
                      .unit = "",
                      .low = -1,
                      .high = 1,
                      .choices = {},
                      .law = law,
                      .valid = Range{-1.5, 1.5}},
                     {.name = "goal_y",
                      .unit = "",
                      .low = 0,
                      .high = 1,
                      .choices = {},
                      .law = law,
                      .valid = Range{-1.5, 1.5}}};
  spec.drawing.goal_radius = kGoalRadius;
  std::vector<std::vector<double>> goals;
  for (int i = 0; i < kTasks; ++i) {
    const double angle = std::numbers::pi * i / (kTasks - 1);
    goals.push_back({std::cos(angle), std::sin(angle)});
  }
  LegacyNumpy(kSeed).Shuffle(goals);
  definition.law.lists = Lists(goals);
  return definition;
}

}  // namespace fewstep
