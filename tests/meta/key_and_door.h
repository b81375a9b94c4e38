// A family that only credit over the whole trial can solve.
//
// Behind one of two doors is a prize, behind the other a loss, and the same through both episodes
// of a trial. A door can be opened as the first thing of an episode, which ends it. Searching costs
// a little and shows at the next step which door it is, too late for this episode. So whoever looks
// no further than the episode waits (0 in all), and whoever looks at the trial searches in the
// first and opens in the second (0.8).
#pragma once

#include <memory>

#include "envs/worlds/world_family.h"

namespace fewstep {

class KeyAndDoor final : public World {
 public:
  static constexpr double kPrize = 1, kLoss = -2, kSearch = -0.2;
  enum Action { kOpenLeft, kOpenRight, kSearchForKey, kWait };

  void Begin(std::span<const double> task) override { prize_ = task[0]; }
  void Reset(Rng&, double* observation) noexcept override {
    step_ = 0;
    shown_ = 0;
    *observation = 0;
  }
  WorldStep Step(const double* action, Rng&, double* observation, double*) noexcept override {
    WorldStep step;
    const int chosen = static_cast<int>(*action);
    if (step_ == 0 && chosen <= kOpenRight) {
      step.reward = (chosen == kOpenRight) == (prize_ > 0) ? kPrize : kLoss;
      step.terminated = true;
    } else if (step_ == 0 && chosen == kSearchForKey) {
      step.reward = kSearch;
      shown_ = prize_;
    }
    ++step_;
    *observation = shown_;
    return step;
  }
  void GetState(double* state) const noexcept override {
    state[0] = step_;
    state[1] = shown_;
  }
  void SetState(const double* state, double* observation) noexcept override {
    step_ = static_cast<int>(state[0]);
    *observation = shown_ = state[1];
  }

 private:
  double prize_ = 0, shown_ = 0;
  int step_ = 0;
};

inline std::unique_ptr<TaskFamily> MakeKeyAndDoor() {
  WorldDefinition definition;
  definition.make_world = []() -> std::unique_ptr<World> { return std::make_unique<KeyAndDoor>(); };
  FamilySpec& spec = definition.spec;
  spec.name = "key-and-door@test";
  spec.summary = spec.source = spec.model = spec.reset = spec.reward = spec.termination =
      spec.action = spec.splits = "test";
  spec.observation = {"what is shown"};
  spec.observation_size = 1;
  spec.action_size = 4;
  spec.action_kind = ActionKind::kDiscrete;
  spec.horizon = 2;
  spec.trial_episodes = 2;
  spec.terminates = true;
  spec.parameters = {
      {.name = "prize", .unit = "", .low = -1, .high = 1, .choices = {-1, 1}, .law = "+-1"}};
  spec.state = {"step", "shown"};
  return MakeWorldFamily(std::move(definition), {});
}

}  // namespace fewstep
