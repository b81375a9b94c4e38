#include "experiments/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool HasNaN(std::span<const double> values) {
  return std::ranges::any_of(values, [](double value) { return std::isnan(value); });
}

// NaN-free and ascending: the form that the order statistics below need.
double SortedQuantile(std::span<const double> sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double weight = position - static_cast<double>(below);
  // equal neighbours are their own interpolation, also when both are infinite
  if (weight == 0.0 || sorted[below] == sorted[above]) return sorted[below];
  return sorted[below] + weight * (sorted[above] - sorted[below]);
}

double SortedInterquartileMean(std::span<const double> sorted) {
  const size_t cut = sorted.size() / 4;
  return Mean(sorted.subspan(cut, sorted.size() - 2 * cut));
}

double InterquartileMeanInPlace(std::span<double> values) {
  std::ranges::sort(values);
  return SortedInterquartileMean(values);
}

// `statistic` may reorder the values it is given.
template <typename Statistic>
Interval StratifiedBootstrap(const ScoreMatrix& scores, Rng rng, const BootstrapOptions& options,
                             Statistic statistic) {
  FEWSTEP_CHECK(scores.seeds > 0 && scores.tasks > 0, "seeds = {}, tasks = {}", scores.seeds,
                scores.tasks);
  const size_t seeds = static_cast<size_t>(scores.seeds);
  const size_t tasks = static_cast<size_t>(scores.tasks);
  FEWSTEP_CHECK(scores.values.size() == seeds * tasks, "{} values for {} seeds and {} tasks",
                scores.values.size(), seeds, tasks);
  FEWSTEP_CHECK(options.resamples > 0, "resamples = {}", options.resamples);
  FEWSTEP_CHECK(options.confidence > 0.0 && options.confidence < 1.0, "confidence = {}",
                options.confidence);
  if (HasNaN(scores.values)) return {kNaN, kNaN, kNaN};

  std::vector<double> drawn(scores.values.begin(), scores.values.end());
  const double point = statistic(std::span<double>(drawn));

  // each resample: for every task, as many seeds as there are, with replacement
  std::vector<double> estimates(static_cast<size_t>(options.resamples));
  for (double& estimate : estimates) {
    for (size_t i = 0; i < drawn.size(); ++i) {
      drawn[i] = scores.values[rng.Below(seeds) * tasks + i % tasks];
    }
    estimate = statistic(std::span<double>(drawn));
  }

  // infinite scores can turn a resampled mean into inf - inf
  if (HasNaN(estimates)) return {point, kNaN, kNaN};
  std::ranges::sort(estimates);
  const double tail = (1.0 - options.confidence) / 2.0;
  return {point, SortedQuantile(estimates, tail), SortedQuantile(estimates, 1.0 - tail)};
}

// One stratum: every value is a seed of the same task.
ScoreMatrix Column(std::span<const double> values) {
  return {values, static_cast<int>(values.size()), 1};
}

}  // namespace

double Mean(std::span<const double> values) {
  FEWSTEP_CHECK(!values.empty(), "no values");
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double StandardError(std::span<const double> values) {
  const double mean = Mean(values);
  if (values.size() == 1) return kNaN;
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double n = static_cast<double>(values.size());
  return std::sqrt(squares / (n - 1.0) / n);
}

double InterquartileMean(std::span<const double> values) {
  FEWSTEP_CHECK(!values.empty(), "no values");
  if (HasNaN(values)) return kNaN;
  std::vector<double> copy(values.begin(), values.end());
  return InterquartileMeanInPlace(copy);
}

double Quantile(std::span<const double> values, double q) {
  FEWSTEP_CHECK(!values.empty(), "no values");
  FEWSTEP_CHECK(q >= 0.0 && q <= 1.0, "q = {}", q);
  if (HasNaN(values)) return kNaN;
  std::vector<double> copy(values.begin(), values.end());
  std::ranges::sort(copy);
  return SortedQuantile(copy, q);
}

Interval BootstrapMean(std::span<const double> values, const Rng& rng,
                       const BootstrapOptions& options) {
  return StratifiedBootstrapMean(Column(values), rng, options);
}

Interval BootstrapInterquartileMean(std::span<const double> values, const Rng& rng,
                                    const BootstrapOptions& options) {
  return StratifiedBootstrapInterquartileMean(Column(values), rng, options);
}

Interval StratifiedBootstrapMean(const ScoreMatrix& scores, const Rng& rng,
                                 const BootstrapOptions& options) {
  return StratifiedBootstrap(scores, rng, options, [](std::span<double> v) { return Mean(v); });
}

Interval StratifiedBootstrapInterquartileMean(const ScoreMatrix& scores, const Rng& rng,
                                              const BootstrapOptions& options) {
  return StratifiedBootstrap(scores, rng, options, InterquartileMeanInPlace);
}

}  // namespace fewstep
