#include "meta/estimator_check.h"

#include <algorithm>
#include <cmath>

namespace fewstep {
namespace {

// The inner loop whose expectation is known: returns to go, without baseline and normalisation,
// which would depend on how many episodes there are.
GradientAdaptationOptions InnerLoopOf(const EnumerableMdp& mdp, const Estimator& estimator) {
  GradientAdaptationOptions options;
  options.inner_steps = mdp.options().inner_steps;
  options.inner_learning_rate = mdp.options().inner_learning_rate;
  options.inner_order = estimator.inner_order;
  options.inner_surrogate = estimator.inner_surrogate;
  options.inner_reduction = "episodes";
  options.advantage.discount = 1;
  options.advantage.gae_lambda = 1;
  options.advantage.baseline = "none";
  options.advantage.normalize = false;
  return options;
}

// Episodes of one task acted by `row`, for inner step k, or for after the last.
using Collect = std::function<AdaptationData(const Parameters& row, int64_t k)>;

// The meta-gradient as an iteration of training computes it, from data that `collect` supplies.
std::vector<double> Estimate(const GradientAdaptation& adaptation, const Parameters& theta,
                             const Collect& collect) {
  const std::vector<Shard> shards = MakeShards(1, 1);
  const GradientAdaptationOptions& options = adaptation.options();
  const Policy& policy = adaptation.policy();
  std::vector<AdaptationData> data;
  Parameters row = theta;
  for (int64_t k = 0;; ++k) {
    data.push_back(collect(row, k));
    if (k == options.inner_steps) break;
    row = adaptation.Step(row, data.back(), shards, options.inner_learning_rate);
  }

  WorkerPool alone(1);
  const auto loss = [&](const Parameters& leaf, const Shard&, std::vector<double>&) {
    const Parameters adapted = Adapt(
        leaf,
        [&](const Parameters& rows, int64_t k) {
          const PolicyBatch& batch = data[static_cast<size_t>(k)].batches[0];
          return adaptation.Loss(policy.Forward(rows, batch.observations), batch);
        },
        options.inner_loop());
    const PolicyBatch& batch = data.back().batches[0];
    const torch::Tensor log_probs =
        policy.Forward(adapted, batch.observations).LogProb(batch.actions);
    return SurrogateObjective(Surrogate::kLikelihoodRatio, log_probs, batch).sum();
  };
  const torch::Tensor gradient = ComputeShardedGradient(theta, shards, 0, alone, loss)
                                     .gradient.to(torch::kFloat64)
                                     .contiguous();
  return {gradient.const_data_ptr<double>(), gradient.const_data_ptr<double>() + gradient.numel()};
}

double Norm(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

}  // namespace

std::vector<Estimator> AllEstimators() {
  return {{"dice", "dice", "second"},
          {"likelihood_ratio", "likelihood_ratio", "second"},
          {"log_likelihood", "log_likelihood", "second"},
          {"first order", "log_likelihood", "first"}};
}

std::vector<double> ExpectedEstimate(const EnumerableMdp& mdp, const Estimator& estimator) {
  WorkerPool alone(1);
  const auto policy = mdp.MakePolicy();
  const GradientAdaptation adaptation(*policy, InnerLoopOf(mdp, estimator), alone, torch::kCPU);
  return Estimate(adaptation, mdp.InitialParameters(*policy), [&](const Parameters& row, int64_t) {
    return AdaptationData{.batches = {mdp.Enumerate(*policy, row)}};
  });
}

MonteCarlo SampleEstimate(const EnumerableMdp& mdp, const Estimator& estimator,
                          const MonteCarloOptions& options, WorkerPool& pool, const Rng& rng) {
  const auto policy = mdp.MakePolicy();
  const auto family = mdp.MakeFamily();
  const std::vector<Task> tasks = {{family->spec().name, {}}};
  Parameters theta = mdp.InitialParameters(*policy);
  theta.flat = theta.flat.to(torch::kFloat32);

  // each replica is an iteration of training with one thread
  std::vector<std::vector<double>> estimates(static_cast<size_t>(options.replicas));
  pool.Run(static_cast<int>(options.replicas), [&](int replica, int) {
    WorkerPool alone(1);
    Sampler sampler(*family, alone, SamplingPlan::kEpisodes);
    const GradientAdaptation adaptation(*policy, InnerLoopOf(mdp, estimator), alone, torch::kCPU);
    const Rng stream = rng.Fork("replica", static_cast<uint64_t>(replica));
    const std::vector<Shard> shards = MakeShards(1, 1);
    estimates[static_cast<size_t>(replica)] =
        Estimate(adaptation, theta, [&](const Parameters& row, int64_t k) {
          const Rollouts rollouts =
              sampler.Collect(*policy, row, tasks, {.episodes = static_cast<int>(options.episodes)},
                              stream.Fork("rollouts", static_cast<uint64_t>(k)));
          return adaptation.Prepare(rollouts, row, shards);
        });
  });

  // mean and the standard error of the mean, component by component
  const double count = static_cast<double>(options.replicas);
  MonteCarlo result;
  for (size_t i = 0; i < mdp.options().policy.values.size(); ++i) {
    double mean = 0, squares = 0;
    for (const std::vector<double>& estimate : estimates) mean += estimate[i] / count;
    for (const std::vector<double>& estimate : estimates) {
      squares += (estimate[i] - mean) * (estimate[i] - mean);
    }
    result.mean.push_back(mean);
    result.standard_error.push_back(std::sqrt(squares / (count - 1) / count));
  }
  return result;
}

double RelativeError(const std::vector<double>& estimate, const std::vector<double>& truth) {
  std::vector<double> difference = estimate;
  for (size_t i = 0; i < truth.size(); ++i) difference[i] -= truth[i];
  const double error = Norm(difference);
  return error == 0 ? 0 : error / Norm(truth);
}

double Cosine(const std::vector<double>& estimate, const std::vector<double>& truth) {
  double dot = 0;
  for (size_t i = 0; i < truth.size(); ++i) dot += estimate[i] * truth[i];
  return dot / (Norm(estimate) * Norm(truth));
}

double DistanceInErrors(const MonteCarlo& sampled, const std::vector<double>& expected) {
  double farthest = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    // what single precision rounds away is no distance
    const double rounding = 1e-5 * Norm(expected);
    const double error = std::max(sampled.standard_error[i], rounding);
    const double distance = std::abs(sampled.mean[i] - expected[i]);
    if (distance > rounding) farthest = std::max(farthest, distance / error);
  }
  return farthest;
}

}  // namespace fewstep
