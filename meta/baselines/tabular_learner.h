// A classical agent on one task of a tabular family: it observes transitions, and before every
// episode writes a table of action probabilities. Without LibTorch.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "core/rng.h"
#include "envs/task_family.h"

namespace fewstep {

// A conjugate prior over the mean of one reward:
//   Bernoulli rewards              Beta(mean * weight, (1 - mean) * weight)
//   normal rewards of variance 1   N(mean, 1 / weight)
// In both the posterior mean is that of the rewards seen and `weight` more of value `mean`.
struct RewardPrior {
  enum class Kind { kBernoulli, kNormal };
  Kind kind = Kind::kBernoulli;
  double mean = 0.5;
  double weight = 2;
};

// Rewards seen so far of one arm, or of one state and action.
struct RewardStatistics {
  double count = 0, sum = 0;
};

double PosteriorMean(const RewardPrior& prior, const RewardStatistics& seen);
double SamplePosterior(const RewardPrior& prior, const RewardStatistics& seen, Rng& rng);
// The logarithm of the posterior's density at `value`, but for a term that does not depend on it.
double LogPosteriorDensity(const RewardPrior& prior, const RewardStatistics& seen, double value);

// The mean of a mean reward of tabular-mdp@rl2 under its law.
inline constexpr double kMdpRewardMean = 1;

// What a classical agent knows of a family: its sizes and its prior.
struct TabularFamily {
  bool bandit = true;
  int states = 1, actions = 0;
  int horizon = 1;         // of an episode
  int trial_episodes = 1;  // of a trial
  RewardPrior prior;
};

// Whether TabularFamilyOf knows the family.
bool IsTabular(const FamilySpec& spec);

// bandit-bernoulli@rl2: Beta(1, 1), its law. bandit-gaussian@maml: N(1/2, 1/12), with the moments
// of its law U(0, 1). tabular-mdp@rl2: N(1, 1), its law. Throws Error(kUsage) naming `agent` on any
// other family.
TabularFamily TabularFamilyOf(const FamilySpec& spec, std::string_view agent);

// Owned by one thread at a time.
class TabularLearner {
 public:
  virtual ~TabularLearner() = default;
  // One step of an episode; `next_state` is the state after it.
  virtual void Observe(int state, int action, double reward, int next_state) = 0;
  // The policy of the next episode: probabilities [H, S, A] of each action at each step and state.
  virtual void Choose(Rng& rng, std::span<float> table) = 0;
};

// A learner that has seen nothing, and one that is told the task.
using LearnerFactory = std::function<std::unique_ptr<TabularLearner>()>;
using OracleFactory = std::function<std::unique_ptr<TabularLearner>(const Task& task)>;

// Which of several actions of equal value is taken: each as often, or the one with the lowest
// index.
enum class Ties { kEven, kLowest };

// Gives probability 1 to the largest of `values`.
void SpreadOverBest(std::span<const double> values, std::span<float> probabilities,
                    Ties ties = Ties::kEven);

}  // namespace fewstep
