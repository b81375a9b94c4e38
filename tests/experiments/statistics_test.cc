#include "experiments/statistics.h"

#include <cmath>
#include <limits>
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
  const Interval half = BootstrapInterquartileMean(values, Rng(1), {.confidence = 0.5});
  const Interval most = BootstrapInterquartileMean(values, Rng(1), {.confidence = 0.99});
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

// Tasks differ wildly, seeds hardly: strata keep the difference between tasks out of the interval.
TEST(Statistics, StrataKeepTasksApart) {
  const std::vector<double> values = {0.0, 1000.0, 2.0, 1002.0, 4.0, 1004.0};  // [3 seeds, 2 tasks]
  const Interval strata = StratifiedBootstrapMean({values, 3, 2}, Rng(1));
  EXPECT_DOUBLE_EQ(strata.point, 502.0);
  EXPECT_GE(strata.low, 500.0);
  EXPECT_LE(strata.high, 504.0);
  EXPECT_LT(strata.low, strata.high);
  EXPECT_LT(BootstrapMean(values, Rng(1)).low, 400.0);

  // one seed leaves nothing to resample
  const Interval single = StratifiedBootstrapMean({values, 1, 6}, Rng(1));
  EXPECT_EQ(single.low, single.point);
  EXPECT_EQ(single.high, single.point);
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
  EXPECT_DEATH(StratifiedBootstrapMean({values, 2, 2}, Rng(1)), "3 values for 2 seeds and 2 tasks");
  EXPECT_DEATH(Mean({}), "no values");
}

}  // namespace
}  // namespace fewstep
