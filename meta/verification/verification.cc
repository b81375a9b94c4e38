#include "meta/verification/verification.h"

#include <algorithm>
#include <cmath>

namespace fewstep {
namespace {

// The estimators of the limit of many episodes.
std::vector<Finding> CheckLimit(const EnumerableMdp& mdp, const std::vector<double>& truth,
                                const VerificationOptions& options, WorkerPool& pool,
                                const Rng& rng,
                                const std::function<void(const std::string&)>& progress) {
  std::vector<EnumerableMdp> moved;
  std::vector<std::vector<double>> moved_truth;
  for (const double offset : options.offsets) {
    moved.push_back(mdp.WithRewardOffset(offset));
    moved_truth.push_back(TrueMetaGradient(moved.back()).values);
  }
  std::vector<Finding> findings;
  for (const Estimator& estimator : LimitEstimators()) {
    progress(fmt::format("Sampling {}: {} replicas of {} batches of {} episodes ...",
                         estimator.name, options.sampling.replicas, mdp.options().inner_steps + 1,
                         options.sampling.episodes));
    Finding finding{
        .estimator = estimator,
        .truth = truth,
        .expected = ExpectedEstimate(mdp, estimator),
        .offset_truth = moved_truth,
        .offset_expected = {},
        .sampled = SampleEstimate(mdp, estimator, options.sampling, pool, rng.Fork(estimator.name)),
        .exact = estimator.inner_surrogate == Surrogate::kDice};
    for (const EnumerableMdp& other : moved) {
      finding.offset_expected.push_back(ExpectedEstimate(other, estimator));
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

// The estimators of one step on few sampled episodes.
std::vector<Finding> CheckSampledStep(const EnumerableMdp& mdp, const std::vector<double>& truth,
                                      const VerificationOptions& options, WorkerPool& pool,
                                      const Rng& rng,
                                      const std::function<void(const std::string&)>& progress) {
  MonteCarloOptions sampling = options.sampling;
  sampling.episodes = options.support;
  sampling.tasks = std::max<int64_t>(1, options.sampling.episodes / options.support);
  std::vector<Finding> findings;
  for (const Estimator& estimator : SampledStepEstimators()) {
    progress(fmt::format("Sampling {}: {} replicas of {} tasks ...", estimator.name,
                         sampling.replicas, sampling.tasks));
    findings.push_back(
        {.estimator = estimator,
         .truth = truth,
         .expected =
             ExpectedSampledEstimate(mdp, estimator, static_cast<int>(options.support), pool),
         .offset_truth = {},
         .offset_expected = {},
         .sampled = SampleEstimate(mdp, estimator, sampling, pool, rng.Fork(estimator.name)),
         .exact = estimator.exploration_credit == ExplorationCredit::kExact});
  }
  return findings;
}

}  // namespace

Verification Verify(const EnumerableMdp& mdp, const VerificationOptions& options, WorkerPool& pool,
                    const Rng& rng, const std::function<void(const std::string&)>& progress) {
  Verification found;
  found.truth = TrueMetaGradient(mdp);
  found.limit = CheckLimit(mdp, found.truth.values, options, pool, rng, progress);

  const EnumerableMdp one_step = mdp.WithOneInnerStep();
  found.ways = std::pow(static_cast<double>(mdp.trajectories().size()),
                        static_cast<double>(options.support));
  if (found.ways > kMaxWays) return found;
  found.sampled_truth = TrueSampledMetaGradient(mdp, static_cast<int>(options.support));
  found.sampled_step =
      CheckSampledStep(one_step, found.sampled_truth.values, options, pool, rng, progress);
  return found;
}

std::vector<std::string> Contradictions(const std::vector<Finding>& findings) {
  std::vector<std::string> found;
  for (const Finding& f : findings) {
    const double error = RelativeError(f.expected, f.truth);
    if (f.exact && !(error < kExactTolerance)) {
      found.push_back(fmt::format("{} is {:.2g} off the truth, more than {:g}", f.estimator.name,
                                  error, kExactTolerance));
    }
    const double distance = DistanceInErrors(f.sampled, f.expected);
    if (!(distance < kMaxErrors)) {
      found.push_back(fmt::format("{} as sampled is {:.3g} standard errors off its expectation",
                                  f.estimator.name, distance));
    }
  }
  return found;
}

}  // namespace fewstep
