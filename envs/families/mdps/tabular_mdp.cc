#include "envs/families/mdps/tabular_mdp.h"

#include <algorithm>
#include <cmath>

namespace fewstep {
namespace {

// A state with the probabilities [S].
int Draw(std::span<const double> probabilities, Rng& rng) {
  return static_cast<int>(
      InvertCumulative(rng.Uniform(), static_cast<int64_t>(probabilities.size()),
                       [&](int64_t state) { return probabilities[static_cast<size_t>(state)]; }));
}

}  // namespace

void TabularWorld::Begin(std::span<const double> /*task*/) {}

void TabularWorld::Reset(Rng& rng, double* observation) noexcept {
  state_ = mdp_.start.empty() ? 0 : Draw(mdp_.start, rng);
  Observe(observation);
}

WorldStep TabularWorld::Step(const double* action, Rng& rng, double* observation,
                             double* /*metrics*/) noexcept {
  const int chosen = static_cast<int>(*action);
  double reward = mdp_.Reward(state_, chosen);
  if (reward_noise_ > 0) reward += reward_noise_ * rng.Normal();
  state_ = Draw(mdp_.Next(state_, chosen), rng);
  Observe(observation);
  return {.reward = reward};
}

void TabularWorld::SetState(const double* state, double* observation) noexcept {
  state_ = static_cast<int>(std::clamp(std::round(*state), 0.0, mdp_.states - 1.0));
  Observe(observation);
}

void TabularWorld::Observe(double* observation) const noexcept {
  std::fill_n(observation, mdp_.states, 0.0);
  observation[state_] = 1;
}

}  // namespace fewstep
