// What simulations of a family give under given actions: what the rules of families, and tests,
// look at.
#pragma once

#include <cstdint>
#include <vector>

#include "envs/task_family.h"

namespace fewstep {

// Random actions [steps, B, A], a little beyond the range in which they are not clipped; exactly
// representable as float, so that runners and environments get the same numbers.
std::vector<double> RandomActions(const FamilySpec& spec, int steps, int num_envs, uint64_t seed);

// Everything that B simulations gave over some steps, in order.
struct Trajectory {
  std::vector<float> first;           // [B, O] of the reset
  std::vector<double> observations;   // [T, B, O]
  std::vector<double> rewards;        // [T, B]
  std::vector<double> dense_rewards;  // [T, B], or empty
  std::vector<double> metrics;        // [T, B, M]
  std::vector<uint8_t> flags;         // [T, B, 3] terminated, truncated, diverged
  // To the bit, so that what is no number equals itself.
  bool operator==(const Trajectory& other) const;
};

// Resets every simulation and steps through `actions` [T, B, A].
Trajectory Roll(VectorEnv& env, const Rng& rng, const std::vector<double>& actions);
// The same without the reset.
Trajectory Continue(VectorEnv& env, const std::vector<double>& actions);

}  // namespace fewstep
