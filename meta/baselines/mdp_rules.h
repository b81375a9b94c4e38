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
  // Its mode, the MAP process: the frequencies of the next states seen, uniform where none was
  // seen, as the prior is flat; the mode of a normal posterior is its mean.
  void Mode(TabularMdp& mdp) const;
  // The frequencies of the next states and the mean rewards seen; uniform rows and the prior's mean
  // where nothing was seen. That is the posterior of a prior without weight.
  void Frequencies(TabularMdp& mdp) const;
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

// A process that stands for a belief.
enum class MdpModel { kMean, kMode, kFrequencies };

// Acts optimally for one process, with probability epsilon at random.
struct GreedyMdpChoice {
  MdpModel model = MdpModel::kMean;
  double epsilon = 0;
  Ties ties = Ties::kEven;
};
std::unique_ptr<TabularLearner> MakeGreedyMdpLearner(const TabularFamily& family,
                                                     const GreedyMdpChoice& choice);

// Acts optimally for a process drawn from the posterior before every episode: Strens, "A Bayesian
// framework for reinforcement learning" (ICML 2000); Osband, Russo and Van Roy, "(More) efficient
// reinforcement learning via posterior sampling" (NeurIPS 2013). With several samples, for the one
// of them whose optimal policy promises the largest return, or with PlanEnvelope or
// PlanLargestValue of all of them.
enum class Optimism { kBestSample, kEnvelope, kLargestValue };
std::unique_ptr<TabularLearner> MakePosteriorSampling(const TabularFamily& family, int samples,
                                                      Optimism optimism = Optimism::kBestSample);

// Acts optimally for the best process that it does not exclude: UCRL2 (Jaksch et al. 2010), planned
// anew before every episode. The radii are those of the paper times `scale`,
//   reward      sqrt(7 ln(2 S A t / delta) / (2 max(1, N)))
//   transition  sqrt(14 S ln(2 A t / delta) / max(1, N)),   delta = 0.05
// about `centre`, which in the paper is the frequencies seen; t counts steps and N those with the
// same state and action.
std::unique_ptr<TabularLearner> MakeUcrl2(const TabularFamily& family, double scale,
                                          MdpModel centre = MdpModel::kMean);

// Is told the task and acts optimally.
std::unique_ptr<TabularLearner> MakeOracle(const TabularFamily& family, const Task& task);

}  // namespace fewstep
