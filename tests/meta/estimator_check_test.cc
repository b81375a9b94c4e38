// The verification itself: that what is sampled agrees with what is enumerated, and that a wrong
// estimator would be seen.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "meta/verification/verification.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

EnumerableMdp ThreeState() {
  return EnumerableMdp::Read(FEWSTEP_SOURCE_DIR "/experiments/mdps/three-state.toml");
}

EnumerableMdp WithRate(double rate) {
  MdpOptions options = TwoStateMdp();
  options.inner_learning_rate = rate;
  return EnumerableMdp(options);
}

TEST(EstimatorCheck, DiceIsExactOnThreeStatesThroughTwoSteps) {
  const EnumerableMdp mdp = ThreeState();
  const std::vector<double> truth = TrueMetaGradient(mdp).values;
  for (const Estimator& estimator : LimitEstimators()) {
    const double error = RelativeError(ExpectedEstimate(mdp, estimator), truth);
    if (estimator.inner_surrogate == Surrogate::kDice) {
      EXPECT_LT(error, 1e-9);
    } else {
      EXPECT_GT(error, 1e-3) << estimator.name;
    }
  }
}

TEST(EstimatorCheck, DiceIsExactThroughEveryInnerOptimizer) {
  for (const InnerOptimizer optimizer : {InnerOptimizer::kMomentum, InnerOptimizer::kAdam}) {
    MdpOptions options = TwoStateMdp();
    options.inner_optimizer = optimizer;
    options.inner_steps = 3;
    options.inner_learning_rate = 0.2;
    const EnumerableMdp mdp{options};
    const std::vector<double> truth = TrueMetaGradient(mdp).values;
    options.inner_optimizer = InnerOptimizer::kGradient;
    EXPECT_GT(RelativeError(TrueMetaGradient(EnumerableMdp(options)).values, truth), 0.05);
    for (const Estimator& estimator : LimitEstimators()) {
      const double error = RelativeError(ExpectedEstimate(mdp, estimator), truth);
      if (estimator.inner_surrogate == Surrogate::kDice) {
        EXPECT_LT(error, kExactTolerance) << NameOf(kInnerOptimizerNames, optimizer);
      } else {
        EXPECT_GT(error, 1e-3) << NameOf(kInnerOptimizerNames, optimizer) << " " << estimator.name;
      }
    }
  }
}

TEST(EstimatorCheck, OnSampledEpisodesTheCreditOfSamplingIsWhatMakesItExact) {
  const auto pool = MakePool(2);
  const EnumerableMdp mdp = WithRate(0.5);
  for (const int episodes : {1, 2}) {
    const std::vector<double> truth = TrueSampledMetaGradient(mdp, episodes).values;
    for (const Estimator& estimator : SampledStepEstimators()) {
      // two episodes can be drawn in a thousand ways: what no credit does is seen with one
      if (episodes == 2 && estimator.exploration_credit == ExplorationCredit::kNone) continue;
      const auto estimate = ExpectedSampledEstimate(mdp, estimator, episodes, *pool);
      const double error = RelativeError(estimate, truth);
      if (estimator.exploration_credit == ExplorationCredit::kExact) {
        EXPECT_LT(error, kExactTolerance) << estimator.name << ", " << episodes << " episodes";
      } else {
        EXPECT_GT(error, 0.01) << estimator.name << ", " << episodes << " episodes";
      }
    }
  }
}

TEST(EstimatorCheck, OnSampledEpisodesTrainingHasTheExpectationThatWasEnumerated) {
  const auto pool = MakePool(2);
  const EnumerableMdp mdp = WithRate(0.5);
  for (const Estimator& estimator : SampledStepEstimators()) {
    const auto expected = ExpectedSampledEstimate(mdp, estimator, 1, *pool);
    const MonteCarlo sampled = SampleEstimate(
        mdp, estimator, {.replicas = 32, .tasks = 5000, .episodes = 1}, *pool, Rng(2));
    EXPECT_LT(DistanceInErrors(sampled, expected), kMaxErrors) << estimator.name;
    // without the credit it would be elsewhere
    if (estimator.exploration_credit != ExplorationCredit::kExact) continue;
    const Estimator without = {"", estimator.inner_surrogate, estimator.inner_order};
    EXPECT_GT(DistanceInErrors(sampled, ExpectedSampledEstimate(mdp, without, 1, *pool)),
              kMaxErrors);
  }
}

TEST(EstimatorCheck, WhatTrainingSamplesHasTheExpectationThatWasEnumerated) {
  const auto pool = MakePool(2);
  const EnumerableMdp two = WithRate(0.5);
  for (const Estimator& estimator : LimitEstimators()) {
    const std::vector<double> expected = ExpectedEstimate(two, estimator);
    const MonteCarlo sampled = SampleEstimate(two, estimator, {}, *pool, Rng(1));
    EXPECT_LT(DistanceInErrors(sampled, expected), kMaxErrors) << estimator.name;
    // fine enough to tell the estimators apart
    EXPECT_LT(sampled.standard_error[0], 0.01 * std::abs(expected[0])) << estimator.name;
  }
}

TEST(EstimatorCheck, AnotherInnerRateIsSeen) {
  const auto pool = MakePool(2);
  const std::vector<double> truth = TrueMetaGradient(WithRate(0.5)).values;
  for (const Estimator& estimator : LimitEstimators()) {
    const std::vector<double> wrong = ExpectedEstimate(WithRate(0.6), estimator);
    EXPECT_GT(RelativeError(wrong, truth), 1e-2) << estimator.name;
    const MonteCarlo sampled = SampleEstimate(WithRate(0.5), estimator, {}, *pool, Rng(1));
    EXPECT_GT(DistanceInErrors(sampled, wrong), kMaxErrors) << estimator.name;
  }
}

TEST(EstimatorCheck, TheSameAtAnyNumberOfThreads) {
  const auto one = MakePool(1), three = MakePool(3);
  const MonteCarloOptions options{.replicas = 5, .episodes = 50};
  const Estimator dice = LimitEstimators()[0];
  const MonteCarlo a = SampleEstimate(WithRate(0.5), dice, options, *one, Rng(3));
  const MonteCarlo b = SampleEstimate(WithRate(0.5), dice, options, *three, Rng(3));
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.standard_error, b.standard_error);
}

TEST(EstimatorCheck, ErrorsAndAngles) {
  EXPECT_DOUBLE_EQ(RelativeError({3, 4}, {3, 0}), 4.0 / 3);
  EXPECT_EQ(RelativeError({0, 0}, {0, 0}), 0);
  EXPECT_EQ(RelativeError({1, 0}, {0, 0}), INFINITY);
  EXPECT_DOUBLE_EQ(Cosine({1, 1}, {2, 0}), std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(Cosine({1, 0}, {-2, 0}), -1);
  EXPECT_DOUBLE_EQ(DistanceInErrors({.mean = {1, 2}, .standard_error = {0.1, 0.5}}, {1.2, 3.5}), 3);
  // without spread
  EXPECT_EQ(DistanceInErrors({.mean = {1 + 1e-7, 0}, .standard_error = {0, 0}}, {1, 0}), 0);
  EXPECT_GT(DistanceInErrors({.mean = {1.01, 0}, .standard_error = {0, 0}}, {1, 0}), 4);
}

TEST(Verification, AContradictionIsNamed) {
  // one component, estimated as 1 +- 0.1 by sampling
  const auto finding = [](double truth, double expected, bool exact) {
    return Finding{.estimator = {"it", Surrogate::kDice, GradientOrder::kSecond},
                   .truth = {truth},
                   .expected = {expected},
                   .offset_truth = {},
                   .offset_expected = {},
                   .sampled = {.mean = {1}, .standard_error = {0.1}},
                   .exact = exact};
  };
  EXPECT_TRUE(Contradictions({finding(1, 1, true), finding(2, 1, false)}).empty());
  EXPECT_THAT(Contradictions({finding(1, 1, true), finding(1.01, 1, true)}),
              ElementsAre(HasSubstr("off the truth")));
  EXPECT_THAT(Contradictions({finding(1, 1.39, false), finding(1, 1.41, false)}),
              ElementsAre(HasSubstr("4.1 standard errors")));
  EXPECT_EQ(Contradictions({finding(NAN, NAN, true)}).size(), 2);
}

}  // namespace
}  // namespace fewstep
