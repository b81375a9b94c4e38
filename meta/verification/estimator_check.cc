#include "meta/verification/estimator_check.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fewstep {
namespace {

// The inner loop whose expectation is known: returns to go, without baseline and normalisation,
// which would depend on how many episodes there are.
GradientAdaptationOptions InnerLoopOf(const EnumerableMdp& mdp, const Estimator& estimator) {
  GradientAdaptationOptions options;
  options.inner_steps = mdp.options().inner_steps;
  options.inner_learning_rate = mdp.options().inner_learning_rate;
  options.inner_optimizer = mdp.options().inner_optimizer;
  options.inner_order = estimator.inner_order;
  options.inner_surrogate = estimator.inner_surrogate;
  options.inner_reduction = Reduction::kEpisodes;
  options.advantage.discount = 1;
  options.advantage.gae_lambda = 1;
  options.advantage.baseline = ReturnBaseline::kNone;
  options.advantage.normalize = false;
  return options;
}

// Enumerated episodes of one task as the learner prepares sampled ones.
AdaptationData DataOf(PolicyBatch batch) {
  const torch::Tensor weighted = (batch.weights * batch.advantages).view({1, -1, batch.horizon});
  return {.batches = {std::move(batch)}, .returns = weighted.select(2, 0).sum(1)};
}

// The meta-gradient as an iteration of training computes it, from data that `collect` supplies.
std::vector<double> Estimate(const GradientAdaptation& adaptation, const Estimator& estimator,
                             const torch::Tensor& meta, int64_t num_tasks,
                             const CollectData& collect) {
  const Shards shards(num_tasks, 1, adaptation.pool());
  MetaObjectiveOptions options;
  options.exploration_credit = estimator.exploration_credit;
  const MetaObjective objective(adaptation, options, shards,
                                DataAlongInnerLoop(adaptation, meta, shards, collect));
  const torch::Tensor gradient = objective.Gradient(meta, {}).to(torch::kFloat64).contiguous();
  return {gradient.const_data_ptr<double>(), gradient.const_data_ptr<double>() + gradient.numel()};
}

double Norm(const std::vector<double>& values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

}  // namespace

std::vector<Estimator> LimitEstimators() {
  using enum Surrogate;
  using enum GradientOrder;
  return {{"dice", kDice, kSecond},
          {"likelihood_ratio", kLikelihoodRatio, kSecond},
          {"log_likelihood", kLogLikelihood, kSecond},
          {"first order", kLogLikelihood, kFirst}};
}

std::vector<Estimator> SampledStepEstimators() {
  using enum Surrogate;
  using enum GradientOrder;
  return {{"exact credit (E-MAML)", kLogLikelihood, kSecond, ExplorationCredit::kExact},
          {"no credit, log_likelihood", kLogLikelihood, kSecond},
          {"no credit, likelihood_ratio", kLikelihoodRatio, kSecond},
          {"no credit, dice", kDice, kSecond},
          {"no credit, first order", kLogLikelihood, kFirst}};
}

std::vector<double> ExpectedEstimate(const EnumerableMdp& mdp, const Estimator& estimator) {
  WorkerPool alone(1);
  const auto policy = mdp.MakePolicy();
  const GradientAdaptation adaptation(*policy, InnerLoopOf(mdp, estimator), alone, torch::kCPU);
  return Estimate(
      adaptation, estimator, mdp.InitialParameters(*policy).flat, 1,
      [&](const Parameters& row, int64_t) { return DataOf(mdp.Enumerate(*policy, row)); });
}

std::vector<double> ExpectedSampledEstimate(const EnumerableMdp& mdp, const Estimator& estimator,
                                            int episodes, WorkerPool& pool) {
  FEWSTEP_CHECK(mdp.options().inner_steps == 1, "{} steps", mdp.options().inner_steps);
  const auto policy = mdp.MakePolicy();
  const Parameters theta = mdp.InitialParameters(*policy);
  const torch::Tensor probabilities =
      mdp.Enumerate(*policy, theta).weights.view({-1, mdp.options().horizon}).select(1, 0);
  const int64_t size = mdp.trajectories().size();
  const GradientAdaptationOptions options = InnerLoopOf(mdp, estimator);

  // one estimate for every way to draw the episodes, and how likely that is
  const auto ways = static_cast<size_t>(std::pow(static_cast<double>(size), episodes));
  std::vector<std::vector<double>> estimates(ways);
  std::vector<double> likelihoods(ways, 1.0);
  pool.Run(static_cast<int>(ways), [&](int way, int) {
    const auto item = static_cast<size_t>(way);
    std::vector<int64_t> drawn;
    for (int64_t rest = way; static_cast<int>(drawn.size()) < episodes; rest /= size) {
      drawn.push_back(rest % size);
      likelihoods[item] *= probabilities[drawn.back()].item<double>();
    }
    WorkerPool alone(1);
    const GradientAdaptation adaptation(*policy, options, alone, torch::kCPU);
    estimates[item] =
        Estimate(adaptation, estimator, theta.flat, 1, [&](const Parameters& row, int64_t k) {
          return DataOf(k == 0 ? mdp.Episodes(*policy, row, drawn) : mdp.Enumerate(*policy, row));
        });
  });

  std::vector<double> expected(mdp.options().policy.values.size());
  for (size_t way = 0; way < ways; ++way) {
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i] += likelihoods[way] * estimates[way][i];
    }
  }
  return expected;
}

MonteCarlo SampleEstimate(const EnumerableMdp& mdp, const Estimator& estimator,
                          const MonteCarloOptions& options, WorkerPool& pool, const Rng& rng) {
  const auto policy = mdp.MakePolicy();
  const auto family = mdp.MakeFamily();
  const std::vector<Task> tasks(static_cast<size_t>(options.tasks), {family->spec().name, {}});
  const torch::Tensor meta = mdp.InitialParameters(*policy).flat.to(torch::kFloat32);

  // each replica is an iteration of training with one thread
  std::vector<std::vector<double>> estimates(static_cast<size_t>(options.replicas));
  pool.Run(static_cast<int>(options.replicas), [&](int replica, int) {
    WorkerPool alone(1);
    Sampler sampler(*family, alone, SamplingPlan::kEpisodes);
    const GradientAdaptation adaptation(*policy, InnerLoopOf(mdp, estimator), alone, torch::kCPU);
    const Rng stream = rng.Fork("replica", static_cast<uint64_t>(replica));
    estimates[static_cast<size_t>(replica)] = Estimate(
        adaptation, estimator, meta, options.tasks, [&](const Parameters& rows, int64_t k) {
          const Rollouts rollouts = sampler.Collect(
              *policy, rows, tasks, {.episodes = static_cast<int>(options.episodes)},
              stream.Fork("rollouts", static_cast<uint64_t>(k)));
          return adaptation.Prepare(rollouts, rows, Shards(options.tasks, 1, alone));
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
    if (std::isnan(distance)) return distance;  // no maximum would show it
    if (distance > rounding) farthest = std::max(farthest, distance / error);
  }
  return farthest;
}

}  // namespace fewstep
