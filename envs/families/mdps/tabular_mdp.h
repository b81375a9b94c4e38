// The layout of a task of tabular-mdp@rl2, for whoever plans in it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace fewstep {

inline constexpr int kMdpStates = 10;
inline constexpr int kMdpActions = 5;

// A decision process with S states and A actions. Episodes start in state 0.
struct TabularMdp {
  int states = 0, actions = 0;
  std::vector<double> rewards;      // [S, A] means
  std::vector<double> transitions;  // [S, A, S] probabilities of the next state

  size_t Pair(int state, int action) const { return static_cast<size_t>(state * actions + action); }
  std::span<const double> Next(int state, int action) const {
    const auto size = static_cast<size_t>(states);
    return std::span(transitions).subspan(Pair(state, action) * size, size);
  }
};

// The process that a task's values describe: 50 mean rewards, then 500 weights of next states,
// which are divided by the sum of their row. Allocates nothing when `mdp` held one before.
void ReadTask(std::span<const double> values, TabularMdp& mdp);

}  // namespace fewstep
