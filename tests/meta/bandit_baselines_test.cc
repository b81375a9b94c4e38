// The mathematics of the classical rules for bandits: indices, posteriors and the exact optimum
// against enumeration, closed forms and published values.
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <gtest/gtest.h>

#include "core/error.h"
#include "meta/baselines/bandit_rules.h"
#include "meta/baselines/bayes_optimal.h"
#include "meta/baselines/gittins.h"
#include "meta/baselines/variates.h"

namespace fewstep {
namespace {

constexpr RewardPrior kBernoulli{RewardPrior::Kind::kBernoulli, 0.5, 2};
constexpr RewardPrior kNormal{RewardPrior::Kind::kNormal, 0.5, 12};

// What pulling once and then stopping at will is worth at a charge, by recursion.
double WorthOfPulling(int s, int f, int remaining, double charge) {
  const double p = (1.0 + s) / (2 + s + f);
  double worth = p - charge;
  if (remaining > 1) {
    worth += p * std::max(0.0, WorthOfPulling(s + 1, f, remaining - 1, charge)) +
             (1 - p) * std::max(0.0, WorthOfPulling(s, f + 1, remaining - 1, charge));
  }
  return worth;
}

TEST(Gittins, FiniteHorizonIndicesAreRootsOfTheStoppingProblem) {
  constexpr int kPulls = 12;
  WorkerPool pool(2);
  const GittinsTable table = GittinsTable::FiniteHorizon(kPulls, pool);
  for (int s = 0; s < kPulls; ++s) {
    for (int f = 0; s + f < kPulls; ++f) {
      for (int remaining = 1; s + f + remaining <= kPulls; ++remaining) {
        double low = 0, high = 1;
        for (int halving = 0; halving < 30; ++halving) {
          const double middle = (low + high) / 2;
          (WorthOfPulling(s, f, remaining, middle) > 0 ? low : high) = middle;
        }
        ASSERT_NEAR(table.Index(s, f, remaining), low, 3e-5) << s << " " << f << " " << remaining;
      }
    }
  }
  // the last pull is worth its mean
  EXPECT_NEAR(table.Index(3, 1, 1), 4.0 / 6, 1e-6);
}

TEST(Gittins, DiscountedIndicesAreThePublishedOnes) {
  WorkerPool pool(2);
  // Gittins, Glazebrook and Weber, "Multi-armed Bandit Allocation Indices", 2011, tables 8.4, 8.8
  const GittinsTable nine = GittinsTable::Discounted(20, 0.9, pool);
  EXPECT_NEAR(nine.Index(0, 0, 1), 0.7029, 6e-5);
  EXPECT_NEAR(nine.Index(1, 1, 1), 0.6346, 6e-5);
  EXPECT_NEAR(nine.Index(2, 2, 1), 0.6010, 6e-5);
  EXPECT_NEAR(nine.Index(9, 1, 1), 0.8695, 6e-5);
  const GittinsTable most = GittinsTable::Discounted(2, 0.99, pool);
  EXPECT_NEAR(most.Index(0, 0, 1), 0.8699, 6e-5);
}

TEST(Gittins, TheSameBitsAtAnyNumberOfThreads) {
  WorkerPool one(1), four(4);
  const GittinsTable a = GittinsTable::FiniteHorizon(30, one);
  const GittinsTable b = GittinsTable::FiniteHorizon(30, four);
  for (int s = 0; s < 30; ++s) {
    for (int f = 0; s + f < 30; ++f) EXPECT_EQ(a.Index(s, f, 1), b.Index(s, f, 1));
    EXPECT_EQ(a.Index(s, 0, 30 - s), b.Index(s, 0, 30 - s));
  }
}

// The best expected return of a bandit, over ordered arms and without a table.
double BestReturn(std::vector<std::pair<int, int>> arms, int remaining) {
  if (remaining == 0) return 0;
  double best = 0;
  for (size_t i = 0; i < arms.size(); ++i) {
    auto& [s, f] = arms[i];
    const double p = (1.0 + s) / (2 + s + f);
    ++s;
    const double success = 1 + BestReturn(arms, remaining - 1);
    --s, ++f;
    const double failure = BestReturn(arms, remaining - 1);
    --f;
    best = std::max(best, p * success + (1 - p) * failure);
  }
  return best;
}

TEST(BayesOptimal, EqualsEnumeration) {
  EXPECT_EQ(BayesOptimalReturn(3, 0), 0);
  EXPECT_DOUBLE_EQ(BayesOptimalReturn(4, 1).value(), 0.5);
  // two arms, two pulls: stay after a success (2/3), change after a failure (1/2)
  EXPECT_DOUBLE_EQ(BayesOptimalReturn(2, 2).value(), 0.5 + 0.5 * 2 / 3 + 0.5 / 2);
  for (int arms = 1; arms <= 3; ++arms) {
    for (int pulls = 1; pulls <= 5; ++pulls) {
      const std::vector<std::pair<int, int>> fresh(static_cast<size_t>(arms), {0, 0});
      EXPECT_NEAR(BayesOptimalReturn(arms, pulls).value(), BestReturn(fresh, pulls), 1e-12)
          << arms << " arms, " << pulls << " pulls";
    }
  }
}

TEST(BayesOptimal, TenPullsAsPublished) {
  EXPECT_NEAR(BayesOptimalReturn(5, 10).value(), 6.660, 5e-4);
  EXPECT_NEAR(BayesOptimalReturn(10, 10).value(), 6.714, 5e-4);
  EXPECT_NEAR(BayesOptimalReturn(50, 10).value(), 6.714, 5e-4);
}

TEST(BayesOptimal, RefusesWhatIsTooLarge) {
  EXPECT_FALSE(BayesOptimalReturn(5, 100).has_value());
  EXPECT_FALSE(BayesOptimalReturn(50, 500).has_value());
  // one arm: s + f < n, every pair once
  EXPECT_EQ(BayesOptimalStates(1, 10), 55);
  // multisets of pairs that add up to 0, 1, 2: {}, {10}, {01}, three of one arm and three of two
  EXPECT_EQ(BayesOptimalStates(5, 3), 9);
}

double Index(const ArmIndex& index, double count, double sum, int64_t pulls) {
  Rng rng(1);
  return index({.count = count, .sum = sum}, pulls, rng);
}

TEST(BanditRules, MeansAndBoundsByHand) {
  EXPECT_DOUBLE_EQ(Index(PosteriorMeanIndex(kBernoulli), 3, 2, 7), 3.0 / 5);
  EXPECT_DOUBLE_EQ(Index(PosteriorMeanIndex(kNormal), 3, 4.5, 7), (6 + 4.5) / 15);
  // the eighth pull; an arm of three pulls and the two of its prior
  EXPECT_DOUBLE_EQ(Index(Ucb1Index(kBernoulli, 0.3), 3, 2, 7),
                   0.6 + 0.3 * std::sqrt(2 * std::log(8.0) / 5));
  EXPECT_DOUBLE_EQ(Index(Ucb1Index(kBernoulli, 1), 0, 0, 0), 0.5);
  WorkerPool pool(1);
  const auto table = std::make_shared<const GittinsTable>(GittinsTable::FiniteHorizon(10, pool));
  const ArmIndex gittins = GittinsIndex(kBernoulli, table, 10);
  EXPECT_EQ(Index(gittins, 3, 2, 7), table->Index(2, 1, 3));
  EXPECT_DOUBLE_EQ(Index(gittins, 9, 5, 10), 6.0 / 11);  // after the trial
}

struct Moments {
  double mean = 0, variance = 0;
};
Moments MomentsOf(const std::function<double(Rng&)>& draw, int n) {
  Rng rng(3);
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double x = draw(rng);
    sum += x;
    squares += x * x;
  }
  const double mean = sum / n;
  return {mean, squares / n - mean * mean};
}

TEST(Variates, HaveTheirMoments) {
  constexpr int kDraws = 200000;
  for (const double shape : {1.0, 1.5, 7.0, 300.0}) {
    const Moments m = MomentsOf([&](Rng& rng) { return SampleGamma(shape, rng); }, kDraws);
    EXPECT_NEAR(m.mean, shape, 5 * std::sqrt(shape / kDraws));
    EXPECT_NEAR(m.variance / shape, 1, 0.03);
  }
  for (const auto& [a, b] : {std::pair{1.0, 1.0}, {3.0, 1.0}, {40.0, 60.0}}) {
    const Moments m = MomentsOf([&](Rng& rng) { return SampleBeta(a, b, rng); }, kDraws);
    const double mean = a / (a + b), variance = mean * (1 - mean) / (a + b + 1);
    EXPECT_NEAR(m.mean, mean, 5 * std::sqrt(variance / kDraws));
    EXPECT_NEAR(m.variance / variance, 1, 0.03);
  }
}

TEST(Variates, SamplesFollowThePosterior) {
  constexpr int kDraws = 200000;
  const RewardStatistics seen{.count = 5, .sum = 4};
  // Beta(5, 2)
  Moments m = MomentsOf([&](Rng& rng) { return SamplePosterior(kBernoulli, seen, rng); }, kDraws);
  EXPECT_NEAR(m.mean, 5.0 / 7, 2e-3);
  EXPECT_NEAR(m.variance, 10.0 / 49 / 8, 5e-4);
  // precision 12 + 5, mean (6 + 4) / 17
  m = MomentsOf([&](Rng& rng) { return SamplePosterior(kNormal, seen, rng); }, kDraws);
  EXPECT_NEAR(m.mean, 10.0 / 17, 2e-3);
  EXPECT_NEAR(m.variance, 1.0 / 17, 1e-3);
  // the largest of three uniform numbers has mean 3/4; a clipped one of U(0, 1) has 5/8
  const ArmIndex best = BestOfSamplesIndex(kBernoulli, 3), clipped = ClippedSampleIndex(kBernoulli);
  EXPECT_NEAR(MomentsOf([&](Rng& rng) { return best({}, 0, rng); }, kDraws).mean, 0.75, 2e-3);
  EXPECT_NEAR(MomentsOf([&](Rng& rng) { return clipped({}, 0, rng); }, kDraws).mean, 0.625, 2e-3);
}

TEST(BanditRules, TiesAndExplorationAreSpreadEvenly) {
  const auto learner =
      MakeBanditLearner(3, ArmByArm(PosteriorMeanIndex(kBernoulli)), {.epsilon = 0.3});
  Rng rng(1);
  std::vector<float> table(3);
  learner->Choose(rng, table);
  for (const float p : table) EXPECT_FLOAT_EQ(p, 1.0f / 3);
  learner->Observe(0, 1, 0, 0);
  learner->Choose(rng, table);
  EXPECT_FLOAT_EQ(table[0], 0.45f);
  EXPECT_FLOAT_EQ(table[1], 0.1f);
  EXPECT_FLOAT_EQ(table[2], 0.45f);
}

TEST(BanditRules, TiesOfTheLowestIndex) {
  const auto learner = MakeBanditLearner(4, ArmByArm(PosteriorMeanIndex(kBernoulli)),
                                         {.epsilon = 0.2, .ties = Ties::kLowest});
  Rng rng(1);
  std::vector<float> table(4);
  const auto expect_chosen = [&](size_t arm) {
    learner->Choose(rng, table);
    for (size_t i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(table[i], i == arm ? 0.85f : 0.05f) << i;
  };
  expect_chosen(0);
  learner->Observe(0, 0, 0, 0);  // the first arm is worth 1/3, the others 1/2
  expect_chosen(1);
  learner->Observe(0, 1, 1, 0);
  learner->Observe(0, 1, 0, 0);  // one success and one failure: 1/2 again, tied with two fresh arms
  expect_chosen(1);
  learner->Observe(0, 3, 1, 0);
  expect_chosen(3);
}

TEST(BanditRules, DensitiesOfThePosteriorByHand) {
  // Beta(5, 2) is proportional to x^4 (1 - x)
  const RewardStatistics seen{.count = 5, .sum = 4};
  const auto apart = [&](const RewardPrior& prior, double x, double y) {
    return LogPosteriorDensity(prior, seen, x) - LogPosteriorDensity(prior, seen, y);
  };
  EXPECT_NEAR(apart(kBernoulli, 0.3, 0.6), 4 * std::log(0.3 / 0.6) + std::log(0.7 / 0.4), 1e-12);
  // N(10/17, 1/17)
  EXPECT_NEAR(apart(kNormal, 1, 0), 17 * (100.0 / 289 - 49.0 / 289) / 2, 1e-12);
  // an arm that was never pulled may be anything
  for (const double x : {0.0, 0.4, 1.0}) EXPECT_EQ(LogPosteriorDensity(kBernoulli, {}, x), 0);
}

// The mean index of an arm under a rule.
double MeanIndex(const BanditRule& rule, const std::vector<RewardStatistics>& arms, size_t arm,
                 int draws) {
  std::vector<double> indices(arms.size());
  return MomentsOf(
             [&](Rng& rng) {
               rule(arms, 0, rng, indices);
               return indices[arm];
             },
             draws)
      .mean;
}

TEST(BanditRules, TheLikeliestOfOneSampleIsThompsonSampling) {
  const std::vector<RewardStatistics> arms{{3, 1}, {0, 0}, {7, 6}};
  const BanditRule likeliest = LikeliestSampleRule(kBernoulli, 1);
  const BanditRule thompson = ArmByArm(ThompsonIndex(kBernoulli));
  std::vector<double> a(3), b(3);
  Rng one(5), other(5);
  for (int i = 0; i < 100; ++i) {
    likeliest(arms, 0, one, a);
    thompson(arms, 0, other, b);
    EXPECT_EQ(a, b);
  }
}

TEST(BanditRules, TheLikeliestOfSeveralSamplesInClosedForm) {
  constexpr int kDraws = 200000;
  // Beta(2, 1) has the density 2x, which grows: the likeliest is the largest, with the mean of the
  // largest of n, 2n / (2n + 1)
  for (const int n : {2, 4}) {
    EXPECT_NEAR(MeanIndex(LikeliestSampleRule(kBernoulli, n), {{1, 1}}, 0, kDraws),
                2.0 * n / (2 * n + 1), 2e-3);
  }
  // Two such arms are judged together: of two samples the one with the larger product x y. With
  // t = -ln(x y), of density 4t exp(-2t), x has the mean (1 - exp(-t)) / t given t, so that under
  // the smaller of two t it is 8 [(1/4 + 2/16) - (1/5 + 2/25)] = 0.76, not the 0.8 of an arm alone.
  EXPECT_NEAR(MeanIndex(LikeliestSampleRule(kBernoulli, 2), {{1, 1}, {1, 1}}, 0, kDraws), 0.76,
              2e-3);
}

TEST(BanditRules, TheLikeliestOfManySamplesIsTheMode) {
  const std::vector<RewardStatistics> arms{{4, 3}, {5, 1}};
  std::vector<double> indices(2);
  Rng rng(2);
  LikeliestSampleRule(kBernoulli, 100000)(arms, 0, rng, indices);
  EXPECT_NEAR(indices[0], 3.0 / 4, 0.02);
  EXPECT_NEAR(indices[1], 1.0 / 5, 0.02);
  LikeliestSampleRule(kNormal, 100000)(arms, 0, rng, indices);
  EXPECT_NEAR(indices[0], (6 + 3) / 16.0, 0.02);
  EXPECT_NEAR(indices[1], (6 + 1) / 17.0, 0.02);
}

}  // namespace
}  // namespace fewstep
