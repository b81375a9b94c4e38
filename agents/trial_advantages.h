// Advantages in trials: what an action is credited with when the agent remembers.
#pragma once

#include "agents/sampler.h"
#include "core/config.h"
#include "core/worker_pool.h"

namespace fewstep {

// The rewards that an action is credited with: all that follow in the trial, so that exploring in
// one episode is paid by what it brings in the next (Duan et al. 2016, section 2.2), or those of
// its own episode, as in some published code.
enum class Credit { kTrial, kEpisode };
inline constexpr ChoiceName<Credit> kCreditNames[] = {{"trial", Credit::kTrial},
                                                      {"episode", Credit::kEpisode}};

// Fields of [agent].
struct TrialAdvantageOptions : Options {
  Credit credit = Credit::kTrial;
  double discount = 0.99;
  double gae_lambda = 0.3;
  bool normalize = true;
  bool bootstrap_at_horizon = false;
  void Visit(FieldVisitor& visitor) override;
};

// N trials of S = E * H steps.
struct TrialAdvantages {
  torch::Tensor advantages;  // [N, S] float32, 0 where there is no step
  torch::Tensor targets;     // [N, S] float32 for the value function: lambda-returns
  // of discounted returns by the values
  double explained_variance = 0;
};

// Generalised advantage estimation (Schulman et al. 2016, eq. 16) over the steps that were taken,
// one after the other. With credit over the trial the value of an episode's first step follows the
// last reward of the episode before, whether that was terminated or cut off: what ends is the
// episode and not the trial. The trial itself ends with its last episode, and nothing follows,
// unless bootstrap_at_horizon puts the value of the last observation there when a time limit cut it
// off. With credit within episodes the same holds for every episode.
//
// `rewards` and `values` [N, S] float32; `mask` [N, S] float32; `final_values` [N, E] float32 of
// the observation after each episode's last step, 0 after a terminal state; undefined for 0.
// Normalised to mean 0 and standard deviation 1 over all steps. Trials are spread over `pool`.
TrialAdvantages ComputeTrialAdvantages(const torch::Tensor& rewards, const torch::Tensor& values,
                                       const torch::Tensor& mask, const torch::Tensor& final_values,
                                       int64_t horizon, const TrialAdvantageOptions& options,
                                       WorkerPool& pool);

// Values [N, S] float32 from a linear baseline (LinearBaseline: observation and time) fitted by
// ridge regression to the discounted returns of all these steps. `observations` [N, S, O].
torch::Tensor FitLinearValues(const torch::Tensor& observations, const torch::Tensor& rewards,
                              const torch::Tensor& mask, int64_t horizon,
                              const TrialAdvantageOptions& options);

}  // namespace fewstep
