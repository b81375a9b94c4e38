// The meta-gradient estimators on the decision process that has published figures: 2 states, 2
// actions, horizon 3. Every trajectory is fed to the production code with its probability as
// weight, so what comes out is the exact expectation of an estimator, and the truth is known from
// finite differences of the exact objective.
//
// Figures: relative errors and cosines of DiCE, likelihood ratio, log-likelihood (the H2 term only)
// and first order, and how the log-likelihood form moves with a constant added to the reward.
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "meta/verification/estimator_check.h"

namespace fewstep {
namespace {

EnumerableMdp Mdp(int steps = 1, double rate = 0.5) {
  MdpOptions options = TwoStateMdp();
  options.inner_steps = steps;
  options.inner_learning_rate = rate;
  return EnumerableMdp(options);
}

const Estimator kDice = {"dice", Surrogate::kDice, GradientOrder::kSecond};
const Estimator kLikelihoodRatio = {"likelihood_ratio", Surrogate::kLikelihoodRatio,
                                    GradientOrder::kSecond};
const Estimator kLogLikelihood = {"log_likelihood", Surrogate::kLogLikelihood,
                                  GradientOrder::kSecond};

TEST(TinyMdp, TheTruthIsThePublishedOne) {
  const std::vector<double> truth = TrueMetaGradient(Mdp()).values;
  const std::array published = {-.6945, .6945, .7714, -.7714};
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(truth[i], published[i], 5e-5);
}

TEST(TinyMdp, WeightsOfTheEnumerationSumToOne) {
  const EnumerableMdp mdp = Mdp();
  const auto policy = mdp.MakePolicy();
  const PolicyBatch batch = mdp.Enumerate(*policy, mdp.InitialParameters(*policy));
  EXPECT_EQ(mdp.trajectories().size(), 32);
  EXPECT_NEAR(batch.weights.sum().item<double>(), 3, 1e-12);
}

TEST(TinyMdp, DiceIsExact) {
  const std::vector<double> truth = TrueMetaGradient(Mdp()).values;
  const auto dice = ExpectedEstimate(Mdp(), kDice);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(dice[i], truth[i], 1e-6);
}

TEST(TinyMdp, DiceIsExactThroughTwoAndThreeInnerSteps) {
  for (const int steps : {2, 3}) {
    const std::vector<double> truth = TrueMetaGradient(Mdp(steps)).values;
    const auto dice = ExpectedEstimate(Mdp(steps), kDice);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(dice[i], truth[i], 1e-6) << steps << " steps";
  }
}

struct Row {
  Estimator estimator;
  double relative_error, cosine;
};

TEST(TinyMdp, TheTableOfEstimators) {
  const std::vector<double> truth = TrueMetaGradient(Mdp()).values;
  const Row rows[] = {
      {kLikelihoodRatio, .113, .9997},
      {kLogLikelihood, .433, .968},
      {{"first order", Surrogate::kLikelihoodRatio, GradientOrder::kFirst}, .156, 1.0000},
  };
  for (const Row& row : rows) {
    const auto estimate = ExpectedEstimate(Mdp(), row.estimator);
    EXPECT_NEAR(RelativeError(estimate, truth), row.relative_error, 5e-4);
    EXPECT_NEAR(Cosine(estimate, truth), row.cosine, 5e-4);
  }
}

TEST(TinyMdp, AConstantAddedToTheRewardMovesTheLogLikelihoodFormOnly) {
  const std::vector<double> truth = TrueMetaGradient(Mdp()).values;
  // log-likelihood: the published errors and cosines
  for (const auto& [constant, error, cosine] :
       {std::array{1.0, 1.115, .025}, std::array{5.0, 3.861, -.762}}) {
    const auto estimate = ExpectedEstimate(Mdp().WithRewardOffset(constant), kLogLikelihood);
    EXPECT_NEAR(RelativeError(estimate, truth), error, 5e-4);
    EXPECT_NEAR(Cosine(estimate, truth), cosine, 5e-4);
  }
  // the others and the truth stay
  for (const double constant : {1.0, 5.0}) {
    const EnumerableMdp mdp = Mdp().WithRewardOffset(constant);
    const std::vector<double> moved = TrueMetaGradient(mdp).values;
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(moved[i], truth[i], 1e-7);
    for (const Estimator& estimator :
         {kLikelihoodRatio, kDice,
          Estimator{"first order", Surrogate::kLogLikelihood, GradientOrder::kFirst}}) {
      const auto before = ExpectedEstimate(Mdp(), estimator);
      const auto after = ExpectedEstimate(mdp, estimator);
      for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(after[i], before[i], 1e-10);
    }
  }
}

TEST(TinyMdp, WithInnerRateZeroTheMetaGradientIsThePolicyGradient) {
  const std::vector<double> gradient = PolicyGradient(Mdp(), TwoStateMdp().policy.values);
  for (const Estimator& estimator : {kLogLikelihood, kLikelihoodRatio, kDice}) {
    const auto estimate = ExpectedEstimate(Mdp(2, /*rate=*/0), estimator);
    for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(estimate[i], gradient[i], 1e-9);
  }
}

}  // namespace
}  // namespace fewstep
