// The meta-gradient estimators of fewstep against the truth, on an enumerable decision process.
// What is checked is the code that trains: policy, surrogates, inner loop, meta-objective, sampler.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "core/worker_pool.h"
#include "meta/gradient/gradient_adaptation.h"
#include "meta/gradient/meta_objective.h"
#include "meta/verification/enumerable_mdp.h"
#include "meta/verification/exact_gradient.h"

namespace fewstep {

// One way to estimate the meta-gradient, by the keys of [agent] that choose it.
struct Estimator {
  std::string name;
  Surrogate inner_surrogate;
  GradientOrder inner_order;
  ExplorationCredit exploration_credit = ExplorationCredit::kNone;
};

// Those that are checked in the limit of many episodes: dice, likelihood_ratio and log_likelihood
// in second order, and first order, in which the surrogates do not differ.
std::vector<Estimator> LimitEstimators();

// The estimator's exact expectation in the limit of many episodes: every batch holds all
// trajectories with their probabilities. [S * A].
std::vector<double> ExpectedEstimate(const EnumerableMdp& mdp, const Estimator& estimator);

// Those that are checked on few sampled episodes: E-MAML's exact credit, and every surrogate
// without credit.
std::vector<Estimator> SampledStepEstimators();

// The estimator's exact expectation on `episodes` sampled episodes, for a process with one inner
// step: the sum over every way to draw them, of which there are M^episodes. [S * A].
std::vector<double> ExpectedSampledEstimate(const EnumerableMdp& mdp, const Estimator& estimator,
                                            int episodes, WorkerPool& pool);

struct MonteCarloOptions {
  int64_t replicas = 64;     // independent estimates, one an iteration of training
  int64_t tasks = 1;         // of an iteration
  int64_t episodes = 10000;  // of a task, for every inner step and after the last
};

struct MonteCarlo {
  std::vector<double> mean, standard_error;  // [S * A], over replicas
};

// The estimate as training makes it: episodes from the sampler, adaptation, more episodes. A
// replica's bias is O(1 / episodes), from the sampled inner step, and its standard error
// O(episodes^-1/2): with many more episodes than replicas the bias is lost in the error of the
// mean.
MonteCarlo SampleEstimate(const EnumerableMdp& mdp, const Estimator& estimator,
                          const MonteCarloOptions& options, WorkerPool& pool, const Rng& rng);

// What verification asks: of the estimators that are exact, this relative error at most; of every
// Monte-Carlo mean, at most so many standard errors from the exact expectation.
inline constexpr double kExactTolerance = 1e-6;
inline constexpr double kMaxErrors = 4;

// |estimate - truth| / |truth|, infinite when only the truth is 0, and the cosine of their angle,
// NaN when either is 0.
double RelativeError(const std::vector<double>& estimate, const std::vector<double>& truth);
double Cosine(const std::vector<double>& estimate, const std::vector<double>& truth);

// The largest distance of a component of the mean from `expected`, in standard errors; a standard
// error is taken to be at least 1e-5 |expected|, the rounding of single precision. NaN where a
// component is no number.
double DistanceInErrors(const MonteCarlo& sampled, const std::vector<double>& expected);

}  // namespace fewstep
