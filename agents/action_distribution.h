// Distributions over actions, batched over tasks: what a policy gives for every observation.
#pragma once

#include <vector>

#include "agents/torch.h"

namespace fewstep {

// A diagonal Gaussian with a standard deviation that does not depend on the state; one whose
// standard deviation does, squashed by tanh into a range; or a categorical distribution. Actions
// are [T, B, A], or [T, B, 1] indices (categorical).
struct ActionDistribution {
  enum class Kind { kGaussian, kSquashed, kCategorical };
  Kind kind = Kind::kGaussian;
  torch::Tensor mean;        // [T, B, A] Gaussian, and what is squashed
  torch::Tensor log_std;     // [T, 1, A] Gaussian, [T, B, A] squashed
  torch::Tensor log_probs;   // [T, B, A] categorical, normalised
  double low = 0, high = 0;  // squashed: the range of actions

  static ActionDistribution Gaussian(torch::Tensor mean, torch::Tensor log_std);
  static ActionDistribution SquashedGaussian(torch::Tensor mean, torch::Tensor log_std, double low,
                                             double high);
  static ActionDistribution Categorical(torch::Tensor logits);  // [T, B, A]
  // The tasks of all of them, one after the other.
  static ActionDistribution Joined(const std::vector<ActionDistribution>& parts);
  // The same tasks; the steps of all parts, one after the other.
  static ActionDistribution JoinedSteps(const std::vector<ActionDistribution>& parts);

  // Actions [T, B, A] from draws of the Gaussian: themselves, unless they are squashed.
  torch::Tensor Squashed(const torch::Tensor& draws) const;
  torch::Tensor Mode() const { return Squashed(mean); }  // of a Gaussian; squashed, its image

  torch::Tensor LogProb(const torch::Tensor& actions) const;  // [T, B]
  torch::Tensor Entropy() const;  // [T, B]; squashed: has no closed form

  // KL(this || other), [T, B]. Of two squashed by the same range: that of their Gaussians.
  torch::Tensor Kl(const ActionDistribution& other) const;

  ActionDistribution Detach() const;
  ActionDistribution Rows(int64_t begin, int64_t end) const;     // tasks [begin, end)
  ActionDistribution Select(const torch::Tensor& rows) const;    // tasks with these numbers
  ActionDistribution Steps(int64_t first, int64_t count) const;  // of every task's B

  // The same actions, trial by trial: [T, N / T * steps] as [N, steps].
  ActionDistribution OfTrials(int64_t num_trials, int64_t steps) const;
};

}  // namespace fewstep
