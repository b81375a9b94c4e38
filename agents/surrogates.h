// Surrogate objectives: functions of the policy's log-probabilities whose gradients estimate policy
// gradients, and their batches.
//
// What an inner-loop surrogate is differentiated *twice* for matters. With L = sum log pi * A,
// autodiff yields only the term of the Hessian that contains the Hessian of log pi (H2); the
// likelihood ratio pi / pi_old yields H1 + H2 up to terms of low variance (Rothfuss et al. 2019,
// "ProMP", section 4); DiCE (Foerster et al. 2018) yields the exact Hessian in expectation.
#pragma once

#include "agents/action_distribution.h"
#include "agents/policies/policy.h"
#include "agents/sampler.h"
#include "core/config.h"

namespace fewstep {

// How steps are averaged into a task's objective.
enum class Reduction {
  kSteps,     // mean over all steps of a task's episodes, as in the published codes
  kEpisodes,  // sum over the steps of an episode, mean over episodes: the expected return itself
};
inline constexpr ChoiceName<Reduction> kReductionNames[] = {{"steps", Reduction::kSteps},
                                                            {"episodes", Reduction::kEpisodes}};

// Steps of T tasks, B = E * H of them each, flattened episode by episode, with what was true when
// they were sampled.
struct PolicyBatch {
  torch::Tensor observations;   // [T, B, O]
  torch::Tensor actions;        // [T, B, A]
  torch::Tensor advantages;     // [T, B]
  torch::Tensor weights;        // [T, B] of each step in averages; 0 past an episode's end
  torch::Tensor old_log_probs;  // [T, B] under the sampling policy
  ActionDistribution old_distribution;
  int64_t horizon = 0;  // H: steps of one episode are consecutive

  int64_t num_tasks() const { return observations.size(0); }
};

// The batch of tasks [begin, end) of `rollouts`, sampled with `parameters` (rows of these tasks).
PolicyBatch MakePolicyBatch(const MemorylessPolicy& policy, const Parameters& parameters,
                            const Rollouts& rollouts, const torch::Tensor& advantages,
                            Reduction reduction, int64_t begin, int64_t end,
                            torch::Device device = torch::kCPU);

enum class Surrogate { kLogLikelihood, kLikelihoodRatio, kDice, kClipped };
inline constexpr ChoiceName<Surrogate> kSurrogateNames[] = {
    {"log_likelihood", Surrogate::kLogLikelihood},
    {"likelihood_ratio", Surrogate::kLikelihoodRatio},
    {"dice", Surrogate::kDice},
    {"clipped", Surrogate::kClipped}};

// The objective of every task, [T], to be maximised; `log_probs` [T, B] of the batch's actions.
//   log_likelihood    E[ sum log pi * A ]
//   likelihood_ratio  E[ sum (pi / pi_old) * A ]
//   dice              E[ sum_t (R_t - R_{t-1}) A_t ],  R_t = prod_{s <= t} pi_s / pi_old_s, the
//                     form of Farquhar et al. (2019) in which a baseline inside A stays unbiased
//                     at every order; without one it equals E[ sum_t R_t r_t ] up to a constant
//   clipped           PPO's (Schulman et al. 2017, eq. 7), ratios clipped to 1 -+ `clip`
torch::Tensor SurrogateObjective(Surrogate surrogate, const torch::Tensor& log_probs,
                                 const PolicyBatch& batch, double clip = 0.3);

// KL(pi_old || pi) of every task, [T], averaged over its steps.
torch::Tensor MeanKl(const ActionDistribution& distribution, const PolicyBatch& batch);

}  // namespace fewstep
