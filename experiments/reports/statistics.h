// Point estimates and intervals for reports. Every randomness comes from the Rng that is passed in,
// so an interval is a function of its arguments. A NaN among the values makes the results NaN; what
// a diverged run counts for is the caller's decision. Pure functions, any thread.
//
// What an interval is worth is how often it covers: tests/experiments/coverage_test.cc holds each
// of them against simulated runs.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/rng.h"

namespace fewstep {

// A point estimate and its confidence bounds, in the unit of the values.
struct Interval {
  double point = 0.0;
  double low = 0.0;
  double high = 0.0;
};

// "1.5 to 2.5", or "-" where there are no bounds.
std::string BoundsText(const Interval& interval, int digits = 1);

// Digits after the point for scores of which this is the largest: as many as tell them apart.
int DigitsOf(double largest);

struct BootstrapOptions {
  int resamples = 10000;     // > 0
  double confidence = 0.95;  // in (0, 1); the bounds are the percentiles (1 -+ confidence) / 2
};

// Scores of several training runs on the same tasks, row-major.
struct ScoreMatrix {
  std::span<const double> values;  // [runs, tasks]
  int runs = 0;                    // > 0
  int tasks = 0;                   // > 0
};

// The functions below need at least one value.
double Mean(std::span<const double> values);

// Sample standard deviation (n - 1) over sqrt(n); NaN for a single value.
double StandardError(std::span<const double> values);

// The mean of what is left after dropping floor(n / 4) values at each end (Agarwal et al., "Deep
// reinforcement learning at the edge of the statistical precipice", NeurIPS 2021).
double InterquartileMean(std::span<const double> values);

// The quantile q in [0, 1], interpolated linearly between order statistics (numpy's default).
double Quantile(std::span<const double> values, double q);

// The half-width t of the central interval of Student's distribution that holds `confidence`:
// P(|T| <= t) = confidence. For a number of degrees of freedom > 0 that need not be whole.
double StudentQuantile(double degrees_of_freedom, double confidence);

// Mean +- t standard errors, with n - 1 degrees of freedom: exact for normal values at any n >= 2,
// where percentile bootstraps of few values are too narrow. Bounds are NaN for a single value.
Interval StudentMean(std::span<const double> values, double confidence = 0.95);

// mean(a) - mean(b) of independent groups of unequal variance (Welch 1947). Bounds are NaN unless
// both groups have two values and one of them varies.
Interval WelchDifference(std::span<const double> a, std::span<const double> b,
                         double confidence = 0.95);

// Percentile bootstrap over exchangeable values, such as one a task.
Interval BootstrapMean(std::span<const double> values, const Rng& rng,
                       const BootstrapOptions& options = {});

// The mean where values[i] belongs to stratum strata[i], 0 <= strata[i]: every stratum keeps its
// share, so that differences between strata stay out of the interval. Mean +- t standard errors
// with the degrees of freedom of Welch and Satterthwaite; bounds are NaN where a stratum has a
// single value, or no value differs.
Interval StratifiedMean(std::span<const double> values, std::span<const int> strata,
                        double confidence = 0.95);

// The mean of every run over its tasks, [runs].
std::vector<double> RunMeans(const ScoreMatrix& scores);

// The interquartile mean over all scores +- t standard errors. One run gives all of its tasks at
// once, so the standard error is that of the jackknife that leaves out whole runs (Efron and Stein
// 1981). Bounds are NaN for a single run.
Interval JackknifeInterquartileMean(const ScoreMatrix& scores, double confidence = 0.95);

}  // namespace fewstep
