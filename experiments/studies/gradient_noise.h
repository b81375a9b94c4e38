// How noisy the meta-gradient is with each inner surrogate: the study of Rothfuss et al. 2019
// (ProMP), section 6.2. At one set of meta-parameters, meta-gradients are estimated again and again
// on fresh tasks and episodes; the surrogates see the same ones.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/surrogates.h"
#include "experiments/running/run_config.h"
#include "experiments/running/workbench.h"

namespace fewstep {

struct GradientNoise {
  Surrogate surrogate{};
  double mean_norm = 0;  // of the mean over rounds
  double deviation = 0;  // square root of the trace of the covariance of one estimate
  // The norm of the expected estimate. The squared norm of the mean over R rounds holds
  // deviation^2 / R of noise, which is taken off: what is left is the mean of the products g_i g_j
  // of different rounds. Nothing where noise alone gives as much once in twenty studies.
  std::optional<double> signal;
  std::optional<double> relative;  // deviation / signal: the noise of one estimate
  double agreement = 0;            // mean cosine between the estimates of two rounds
};

struct GradientNoiseOptions {
  std::vector<Surrogate> surrogates = {Surrogate::kLogLikelihood, Surrogate::kLikelihoodRatio,
                                       Surrogate::kDice};
  int rounds = 10;  // at least 3
  int tasks = 0;    // of each round; 0: as in training
  uint64_t seed = 0;
};

// One entry a surrogate, at the meta-parameters of `checkpoint`. Throws Error(kUsage) when the
// run's agent has no meta-gradient. `progress` is called after every estimate.
std::vector<GradientNoise> MeasureGradientNoise(RunConfig& config, const Catalog& catalog,
                                                const TensorFile& checkpoint,
                                                const GradientNoiseOptions& options,
                                                const std::function<void()>& progress);

// What `estimates` [rounds, M] show.
GradientNoise NoiseOf(const torch::Tensor& estimates);

}  // namespace fewstep
