// Point estimates and bootstrap intervals for reports. Every randomness comes from the Rng that is
// passed in, so an interval is a function of its arguments. A NaN among the values makes the
// results NaN; what a diverged run counts for is the caller's decision. Pure functions, any thread.
//
// Interquartile mean and stratified bootstrap follow Agarwal et al., "Deep reinforcement learning
// at the edge of the statistical precipice" (NeurIPS 2021), and agree with their package rliable.
#pragma once

#include <span>

#include "core/rng.h"

namespace fewstep {

// A point estimate and its confidence bounds, in the unit of the values.
struct Interval {
  double point = 0.0;
  double low = 0.0;
  double high = 0.0;
};

struct BootstrapOptions {
  int resamples = 10000;     // > 0
  double confidence = 0.95;  // in (0, 1); the bounds are the percentiles (1 -+ confidence) / 2
};

// Scores of several training seeds on the same tasks, row-major.
struct ScoreMatrix {
  std::span<const double> values;  // [seeds, tasks]
  int seeds = 0;                   // > 0
  int tasks = 0;                   // > 0
};

// The functions below need at least one value.
double Mean(std::span<const double> values);

// Sample standard deviation (n - 1) over sqrt(n); NaN for a single value.
double StandardError(std::span<const double> values);

// The mean of what is left after dropping floor(n / 4) values at each end.
double InterquartileMean(std::span<const double> values);

// The quantile q in [0, 1], interpolated linearly between order statistics (numpy's default).
double Quantile(std::span<const double> values, double q);

// Percentile bootstrap over exchangeable values: one per task, or one per seed.
Interval BootstrapMean(std::span<const double> values, const Rng& rng,
                       const BootstrapOptions& options = {});
Interval BootstrapInterquartileMean(std::span<const double> values, const Rng& rng,
                                    const BootstrapOptions& options = {});

// Stratified percentile bootstrap: each task draws its own seeds with replacement, the tasks stay
// fixed; the statistic is taken over all seeds * tasks scores. With one seed there is nothing to
// resample and the bounds equal the point: use the functions above over tasks instead.
Interval StratifiedBootstrapMean(const ScoreMatrix& scores, const Rng& rng,
                                 const BootstrapOptions& options = {});
Interval StratifiedBootstrapInterquartileMean(const ScoreMatrix& scores, const Rng& rng,
                                              const BootstrapOptions& options = {});

}  // namespace fewstep
