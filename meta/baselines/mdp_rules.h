// The classical agents for episodic decision processes. Their belief about a task is conjugate: a
// normal posterior of every mean reward and a Dirichlet posterior of every next state with
// concentration 1, which is the law of tabular-mdp@rl2.
#pragma once

#include <memory>
#include <vector>

#include "meta/baselines/tabular_learner.h"
#include "meta/baselines/value_iteration.h"

namespace fewstep {

class MdpPosterior {
 public:
  explicit MdpPosterior(const TabularFamily& family);

  void Observe(int state, int action, double reward, int next_state);

  // Posterior means of all rewards and transitions.
  void Mean(TabularMdp& mdp) const;
  // One process drawn from the posterior.
  void Sample(Rng& rng, TabularMdp& mdp) const;

  const RewardStatistics& seen(size_t pair) const { return rewards_[pair]; }
  const RewardPrior& prior() const { return prior_; }

 private:
  RewardPrior prior_;
  int states_, actions_;
  std::vector<RewardStatistics> rewards_;  // [S, A]
  std::vector<double> concentration_;      // [S, A, S]
};

// Acts optimally for the posterior mean, with probability epsilon at random.
std::unique_ptr<TabularLearner> MakeGreedyMdpLearner(const TabularFamily& family, double epsilon);

// Acts optimally for a process drawn from the posterior before every episode: Strens, "A Bayesian
// framework for reinforcement learning" (ICML 2000); Osband, Russo and Van Roy, "(More) efficient
// reinforcement learning via posterior sampling" (NeurIPS 2013). With several samples, for the one
// of them whose optimal policy promises the largest return: the optimistic variant of RL^2.
std::unique_ptr<TabularLearner> MakePosteriorSampling(const TabularFamily& family, int samples);

// Acts optimally for the best process that it does not exclude: UCRL2 (Jaksch et al. 2010), planned
// anew before every episode. The radii are those of the paper times `scale`,
//   reward      sqrt(7 ln(2 S A t / delta) / (2 max(1, N)))
//   transition  sqrt(14 S ln(2 A t / delta) / max(1, N)),   delta = 0.05
// about the posterior means; t counts steps and N those with the same state and action.
std::unique_ptr<TabularLearner> MakeUcrl2(const TabularFamily& family, double scale);

// Is told the task and acts optimally.
std::unique_ptr<TabularLearner> MakeOracle(const TabularFamily& family);

}  // namespace fewstep
