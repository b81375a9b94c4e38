#include "experiments/reports/statistics.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

namespace fewstep {
namespace {

std::vector<double> NormalValues(int n, Rng rng) {
  std::vector<double> values(static_cast<size_t>(n));
  for (double& value : values) value = rng.Normal();
  return values;
}

TEST(Statistics, ClosedForms) {
  const std::vector<double> values = {4.0, 1.0, 3.0, 2.0};
  EXPECT_DOUBLE_EQ(Mean(values), 2.5);
  // sample variance of 1..4 is 5/3
  EXPECT_DOUBLE_EQ(StandardError(values), std::sqrt(5.0 / 3.0 / 4.0));
  EXPECT_TRUE(std::isnan(StandardError(std::vector<double>{1.0})));
  EXPECT_DOUBLE_EQ(Quantile(values, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(Quantile(values, 0.9), 3.7);
  EXPECT_DOUBLE_EQ(Quantile(values, 1.0), 4.0);
}

TEST(Statistics, InterquartileMeanDropsFloorOfAQuarterAtEachEnd) {
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{7.0}), 7.0);
  // three values: nothing is dropped
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{0.0, 100.0, 200.0}), 100.0);
  // seven values: one at each end
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{1e6, 3, 1, 2, 5, 4, -1e6}), 3.0);
  // eight values: two at each end
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{9, -9, 1, 2, 3, 4, 99, -99}), 2.5);
}

// The mean of n draws out of {0, 1} is binomial: both bounds are known quantiles.
TEST(Statistics, BootstrapMeanOfTwoValuesIsBinomial) {
  std::vector<double> values(100, 0.0);
  for (size_t i = 0; i < 50; ++i) values[i] = 1.0;
  const Interval interval = BootstrapMean(values, Rng(3), {.resamples = 100000});
  EXPECT_DOUBLE_EQ(interval.point, 0.5);
  // 2.5 % and 97.5 % quantiles of Binomial(100, 1/2), whose neighbours are 1 % of mass away
  EXPECT_DOUBLE_EQ(interval.low, 0.40);
  EXPECT_DOUBLE_EQ(interval.high, 0.60);
}

// The percentile interval of a normal mean is about mean +- 1.96 sqrt((n - 1) / n) standard errors,
// so it covers with the probability that |t(39)| stays under 1.9353: 93.98 %, not 95 %.
TEST(Statistics, BootstrapMeanCoversAsOften) {
  constexpr int kTrials = 2000, kValues = 40;
  constexpr double kExpected = 0.9398;
  int covered = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const Rng rng = Rng(17).Fork("trial", static_cast<uint64_t>(trial));
    const Interval interval =
        BootstrapMean(NormalValues(kValues, rng.Fork("data")), rng, {.resamples = 1000});
    covered += interval.low <= 0.0 && 0.0 <= interval.high;
  }
  const double share = static_cast<double>(covered) / kTrials;
  const double deviation = std::sqrt(kExpected * (1.0 - kExpected) / kTrials);
  EXPECT_NEAR(share, kExpected, 3.0 * deviation);
  EXPECT_GE(share, 0.93);
  EXPECT_LE(share, 0.97);
}

TEST(Statistics, HigherConfidenceIsWider) {
  const std::vector<double> values = NormalValues(30, Rng(5));
  const Interval half = BootstrapMean(values, Rng(1), {.confidence = 0.5});
  const Interval most = BootstrapMean(values, Rng(1), {.confidence = 0.99});
  EXPECT_LT(most.low, half.low);
  EXPECT_LT(half.low, half.point);
  EXPECT_LT(half.point, half.high);
  EXPECT_LT(half.high, most.high);
}

TEST(Statistics, SameStreamSameInterval) {
  const std::vector<double> values = NormalValues(25, Rng(5));
  const Interval a = BootstrapMean(values, Rng(8));
  const Interval b = BootstrapMean(values, Rng(8));
  const Interval other = BootstrapMean(values, Rng(9));
  EXPECT_EQ(a.low, b.low);
  EXPECT_EQ(a.high, b.high);
  EXPECT_NE(a.low, other.low);
}

// Strata differ wildly, their own values hardly: the difference stays out of the interval.
TEST(Statistics, StrataKeepTheirDifferenceOutOfTheInterval) {
  const std::vector<double> values = {0, 1000, 2, 1002, 4, 1004};
  const std::vector<int> strata = {0, 1, 0, 1, 0, 1};
  // each stratum's half of the mean has the squared error (1/2)^2 4 / 3; four degrees of freedom
  const Interval interval = StratifiedMean(values, strata);
  EXPECT_DOUBLE_EQ(interval.point, 502);
  EXPECT_NEAR(interval.high - 502, StudentQuantile(4, 0.95) * std::sqrt(2.0 / 3), 1e-9);
  EXPECT_NEAR(502 - interval.low, StudentQuantile(4, 0.95) * std::sqrt(2.0 / 3), 1e-9);
  EXPECT_LT(BootstrapMean(values, Rng(1)).low, 400);

  // one stratum: the mean with its t interval; a single value tells nothing
  const std::vector<int> one(6);
  EXPECT_DOUBLE_EQ(StratifiedMean(values, one).low, StudentMean(values).low);
  EXPECT_TRUE(std::isnan(StratifiedMean(values, std::vector{0, 1, 2, 3, 4, 5}).low));
  EXPECT_EQ(BoundsText(StratifiedMean(values, std::vector{0, 1, 2, 3, 4, 5})), "-");
  EXPECT_EQ(BoundsText({.point = 0, .low = -1.25, .high = 3}), "-1.2 to 3.0");
}

// Quantiles of Student's distribution that have closed forms, and those of the usual tables.
TEST(Statistics, StudentQuantiles) {
  EXPECT_NEAR(StudentQuantile(1, 0.95), std::tan(0.475 * std::numbers::pi), 1e-9);
  EXPECT_NEAR(StudentQuantile(1, 0.5), 1, 1e-12);
  const double p = 0.95;  // two degrees: p sqrt(2 / (1 - p^2))
  EXPECT_NEAR(StudentQuantile(2, p), p * std::sqrt(2 / (1 - p * p)), 1e-11);
  EXPECT_NEAR(StudentQuantile(4, 0.95), 2.7764451, 1e-7);
  EXPECT_NEAR(StudentQuantile(9, 0.95), 2.2621572, 1e-7);
  EXPECT_NEAR(StudentQuantile(30, 0.99), 2.7499957, 1e-7);
  EXPECT_NEAR(StudentQuantile(1e6, 0.95), 1.959966, 1e-5);
  EXPECT_LT(StudentQuantile(3, 0.95), StudentQuantile(2.5, 0.95));
}

TEST(Statistics, StudentMeanAndWelchDifferenceByHand) {
  const std::vector<double> a = {1, 2, 3}, b = {10, 14};
  const Interval mean = StudentMean(a);
  EXPECT_DOUBLE_EQ(mean.point, 2);
  EXPECT_NEAR(mean.high - 2, 4.3026527 / std::sqrt(3), 1e-7);
  EXPECT_NEAR(2 - mean.low, 4.3026527 / std::sqrt(3), 1e-7);
  EXPECT_TRUE(std::isnan(StudentMean(std::vector{1.0}).low));

  // squared errors 1/3 and 4; degrees (13/3)^2 / (1/18 + 16) = 1.16955
  const Interval difference = WelchDifference(a, b);
  EXPECT_DOUBLE_EQ(difference.point, -10);
  const double half = StudentQuantile(169.0 / 9 / (1.0 / 18 + 16), 0.95) * std::sqrt(13.0 / 3);
  EXPECT_NEAR(difference.high, -10 + half, 1e-9);
  EXPECT_NEAR(difference.low, -10 - half, 1e-9);
  EXPECT_TRUE(std::isnan(WelchDifference(a, std::vector{1.0}).low));
  EXPECT_TRUE(std::isnan(WelchDifference(std::vector{1.0, 1.0}, std::vector{0.0, 0.0}).low));
}

TEST(Statistics, RunsAreRowsOfTheMatrix) {
  const std::vector<double> values = {1, 2, 3, 10, 20, 30};
  EXPECT_EQ(RunMeans({values, 2, 3}), (std::vector<double>{2, 20}));
}

TEST(Statistics, JackknifeInterquartileMeanByHand) {
  // of eight scores 3, 4, 5 and 6 are left; without a run the two in the middle of its four
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 9};
  const Interval iqm = JackknifeInterquartileMean({values, 2, 4});
  EXPECT_DOUBLE_EQ(iqm.point, 4.5);
  // 6.5 and 2.5: squared error (1/2) (2^2 + 2^2), one degree of freedom
  EXPECT_NEAR(iqm.high - 4.5, StudentQuantile(1, 0.95) * 2, 1e-9);
  EXPECT_NEAR(4.5 - iqm.low, StudentQuantile(1, 0.95) * 2, 1e-9);
  EXPECT_TRUE(std::isnan(JackknifeInterquartileMean({values, 1, 8}).low));

  // with so few scores that nothing is cut off it is the mean with its t interval
  const std::vector<double> few = {1, 4, 10};
  const Interval all = JackknifeInterquartileMean({few, 3, 1}), student = StudentMean(few);
  EXPECT_NEAR(all.low, student.low, 1e-9);
  EXPECT_NEAR(all.high, student.high, 1e-9);
}

TEST(Statistics, NaNInNaNOut) {
  const std::vector<double> values = {1.0, std::numeric_limits<double>::quiet_NaN(), 2.0};
  EXPECT_TRUE(std::isnan(InterquartileMean(values)));
  EXPECT_TRUE(std::isnan(Quantile(values, 0.5)));
  const Interval interval = BootstrapMean(values, Rng(1), {.resamples = 10});
  EXPECT_TRUE(std::isnan(interval.point));
  EXPECT_TRUE(std::isnan(interval.low));
  EXPECT_TRUE(std::isnan(interval.high));
}

TEST(StatisticsDeathTest, RefusesShapesThatDoNotFit) {
  const std::vector<double> values = {1.0, 2.0, 3.0};
  EXPECT_DEATH(RunMeans({values, 2, 2}), "3 values for 2 runs and 2 tasks");
  EXPECT_DEATH(Mean({}), "no values");
}

}  // namespace
}  // namespace fewstep
