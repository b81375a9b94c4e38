// Decision processes given by tables: what is planned in, enumerated and simulated.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "envs/worlds/world_family.h"

namespace fewstep {

// S states and A actions.
struct TabularMdp {
  int states = 0, actions = 0;
  std::vector<double> rewards;      // [S, A] means
  std::vector<double> transitions;  // [S, A, S] probabilities of the next state
  std::vector<double> start = {};   // [S] probabilities of the first state; empty: state 0

  size_t Pair(int state, int action) const { return static_cast<size_t>(state * actions + action); }
  double Reward(int state, int action) const { return rewards[Pair(state, action)]; }
  std::span<const double> Next(int state, int action) const {
    const auto size = static_cast<size_t>(states);
    return std::span(transitions).subspan(Pair(state, action) * size, size);
  }
};

// Its simulation: the observation is the state, one-hot. A reset to state 0 and a reward without
// noise draw nothing from the stream.
class TabularWorld : public World {
 public:
  // Rewards are normal with standard deviation `reward_noise` about their means.
  TabularWorld(TabularMdp mdp, double reward_noise)
      : mdp_(std::move(mdp)), reward_noise_(reward_noise) {}

  void Begin(std::span<const double> task) override;
  void Reset(Rng& rng, double* observation) noexcept override;
  WorldStep Step(const double* action, Rng& rng, double* observation,
                 double* metrics) noexcept override;
  void GetState(double* state) const noexcept override { *state = state_; }
  // A number that is no state is taken as the nearest one.
  void SetState(const double* state, double* observation) noexcept override;

 protected:
  TabularMdp mdp_;

 private:
  void Observe(double* observation) const noexcept;

  double reward_noise_;
  int state_ = 0;
};

// The layout of a task of tabular-mdp@rl2.
inline constexpr int kMdpStates = 10;
inline constexpr int kMdpActions = 5;

// The process that a task's values describe: 50 mean rewards, then 500 weights of next states,
// which are divided by the sum of their row. Allocates nothing when `mdp` held one before.
void ReadTask(std::span<const double> values, TabularMdp& mdp);

}  // namespace fewstep
