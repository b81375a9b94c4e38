// A small world for tests of memory: episodes end at random, and now and then the simulation
// breaks. What is seen and earned is a sum that actions move.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>

#include "envs/worlds/world_family.h"

namespace fewstep {

class Stakes final : public World {
 public:
  Stakes(bool discrete, double breaks) : discrete_(discrete), breaks_(breaks) {}
  void Begin(std::span<const double> task) override { bias_ = task[0]; }
  void Reset(Rng& rng, double* observation) noexcept override {
    *observation = sum_ = rng.Uniform(-1, 1);
  }
  WorldStep Step(const double* action, Rng& rng, double* observation, double*) noexcept override {
    const double move = discrete_ ? *action - 1 : std::clamp(*action, -1.0, 1.0);
    sum_ += (rng.Uniform() < bias_ ? 1 : -1) * move * 0.5;
    *observation = sum_;
    const bool terminated = rng.Uniform() < 0.15, broken = rng.Uniform() < breaks_;
    return {.reward = broken ? std::nan("") : sum_, .terminated = terminated};
  }
  void GetState(double* state) const noexcept override { *state = sum_; }
  void SetState(const double* state, double* observation) noexcept override {
    *observation = sum_ = *state;
  }

 private:
  bool discrete_;
  double breaks_, bias_ = 0, sum_ = 0;
};

// Three choices, or one number.
inline std::unique_ptr<TaskFamily> MakeStakes(double breaks, bool discrete = true,
                                              int horizon = 12) {
  WorldDefinition definition;
  definition.make_world = [breaks, discrete]() -> std::unique_ptr<World> {
    return std::make_unique<Stakes>(discrete, breaks);
  };
  FamilySpec& spec = definition.spec;
  spec.name = "stakes@test";
  spec.summary = spec.source = spec.model = spec.reset = spec.reward = spec.termination =
      spec.action = spec.splits = "test";
  spec.observation = {"sum"};
  spec.observation_size = 1;
  spec.action_size = discrete ? 3 : 1;
  spec.action_kind = discrete ? ActionKind::kDiscrete : ActionKind::kContinuous;
  spec.horizon = horizon;
  spec.terminates = true;
  spec.parameters = {
      {.name = "bias", .unit = "", .low = 0, .high = 1, .choices = {}, .law = "U(0, 1)"}};
  spec.state = {"sum"};
  return MakeWorldFamily(std::move(definition), {});
}

}  // namespace fewstep
