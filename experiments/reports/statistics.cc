#include "experiments/reports/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

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

double InterquartileMeanInPlace(std::span<double> values) {
  std::ranges::sort(values);
  const size_t cut = values.size() / 4;
  return Mean(values.subspan(cut, values.size() - 2 * cut));
}

void CheckShape(const ScoreMatrix& scores) {
  FEWSTEP_CHECK(scores.runs > 0 && scores.tasks > 0, "runs = {}, tasks = {}", scores.runs,
                scores.tasks);
  FEWSTEP_CHECK(scores.values.size() == static_cast<size_t>(scores.runs * scores.tasks),
                "{} values for {} runs and {} tasks", scores.values.size(), scores.runs,
                scores.tasks);
}

// I_x(a, b), the regularised incomplete beta function, by the continued fraction of DLMF 8.17.22
// in Lentz's form; it converges fast for x < (a + 1) / (a + b + 2), and the symmetry
// I_x(a, b) = 1 - I_{1-x}(b, a) brings every x there.
double IncompleteBeta(double x, double a, double b) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - IncompleteBeta(1 - x, b, a);
  constexpr double kTiny = 1e-300;
  // lgamma alone writes to a global variable
  const auto log_gamma = [](double value) {
    int sign = 0;
    return lgamma_r(value, &sign);
  };
  const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) +
                                b * std::log1p(-x)) /
                       a;
  double c = 1, d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::abs(d) < kTiny ? kTiny : d);
  double fraction = d;
  const auto apply = [&](double term) {
    d = 1 + term * d;
    c = 1 + term / c;
    d = 1 / (std::abs(d) < kTiny ? kTiny : d);
    if (std::abs(c) < kTiny) c = kTiny;
    fraction *= c * d;
  };
  for (int m = 1; m < 10'000; ++m) {
    const double before = fraction;
    apply(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)));
    apply(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)));
    if (std::abs(fraction - before) <= 1e-15 * std::abs(fraction)) break;
  }
  return front * fraction;
}

}  // namespace

std::string BoundsText(const Interval& interval, int digits) {
  if (std::isnan(interval.low)) return "-";
  return fmt::format("{:.{}f} to {:.{}f}", interval.low, digits, interval.high, digits);
}

int DigitsOf(double largest) { return std::abs(largest) < 2 ? 3 : 1; }

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

double StudentQuantile(double degrees_of_freedom, double confidence) {
  const double nu = degrees_of_freedom;
  FEWSTEP_CHECK(nu > 0 && confidence > 0 && confidence < 1, "{} degrees, confidence {}", nu,
                confidence);
  // P(|T| > t) = I_{nu / (nu + t^2)}(nu / 2, 1 / 2); bisection on its argument
  double low = 0, high = 1;
  for (int i = 0; i < 200 && high - low > 0; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle == low || middle == high) break;
    (IncompleteBeta(middle, nu / 2, 0.5) < 1 - confidence ? low : high) = middle;
  }
  return std::sqrt(nu * (1 - low) / low);
}

Interval StudentMean(std::span<const double> values, double confidence) {
  const double mean = Mean(values);
  if (values.size() < 2) return {mean, kNaN, kNaN};
  const double half =
      StudentQuantile(static_cast<double>(values.size() - 1), confidence) * StandardError(values);
  return {mean, mean - half, mean + half};
}

Interval WelchDifference(std::span<const double> a, std::span<const double> b, double confidence) {
  const double difference = Mean(a) - Mean(b);
  if (a.size() < 2 || b.size() < 2) return {difference, kNaN, kNaN};
  // squared standard errors, and the degrees of freedom of their sum (Welch and Satterthwaite)
  const double va = std::pow(StandardError(a), 2), vb = std::pow(StandardError(b), 2);
  if (va + vb == 0) return {difference, kNaN, kNaN};  // runs that do not differ say nothing
  const double degrees =
      (va + vb) * (va + vb) /
      (va * va / static_cast<double>(a.size() - 1) + vb * vb / static_cast<double>(b.size() - 1));
  if (std::isnan(degrees)) return {difference, kNaN, kNaN};
  const double half = StudentQuantile(degrees, confidence) * std::sqrt(va + vb);
  return {difference, difference - half, difference + half};
}

Interval BootstrapMean(std::span<const double> values, const Rng& rng,
                       const BootstrapOptions& options) {
  FEWSTEP_CHECK(options.resamples > 0, "resamples = {}", options.resamples);
  FEWSTEP_CHECK(options.confidence > 0.0 && options.confidence < 1.0, "confidence = {}",
                options.confidence);
  const double point = Mean(values);
  if (std::isnan(point)) return {kNaN, kNaN, kNaN};
  Rng stream = rng;
  std::vector<double> estimates(static_cast<size_t>(options.resamples));
  for (double& estimate : estimates) {
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += values[stream.Below(values.size())];
    estimate = sum / static_cast<double>(values.size());
  }
  // infinite scores can turn a resampled mean into inf - inf
  if (HasNaN(estimates)) return {point, kNaN, kNaN};
  std::ranges::sort(estimates);
  const double tail = (1.0 - options.confidence) / 2.0;
  return {point, SortedQuantile(estimates, tail), SortedQuantile(estimates, 1.0 - tail)};
}

Interval StratifiedMean(std::span<const double> values, std::span<const int> strata,
                        double confidence) {
  FEWSTEP_CHECK(values.size() == strata.size(), "{} values, {} strata", values.size(),
                strata.size());
  std::vector<std::vector<double>> groups;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto stratum = static_cast<size_t>(strata[i]);
    if (groups.size() <= stratum) groups.resize(stratum + 1);
    groups[stratum].push_back(values[i]);
  }

  // the squared error of the mean is the sum of those of its parts
  const double point = Mean(values), count = static_cast<double>(values.size());
  double variance = 0, spread = 0;
  for (const std::vector<double>& group : groups) {
    if (group.empty()) continue;
    if (group.size() == 1) return {point, kNaN, kNaN};
    const double share = static_cast<double>(group.size()) / count;
    const double part = std::pow(share * StandardError(group), 2);
    variance += part;
    spread += part * part / static_cast<double>(group.size() - 1);
  }
  if (!(spread > 0)) return {point, kNaN, kNaN};
  const double half =
      StudentQuantile(variance * variance / spread, confidence) * std::sqrt(variance);
  return {point, point - half, point + half};
}

std::vector<double> RunMeans(const ScoreMatrix& scores) {
  CheckShape(scores);
  const auto tasks = static_cast<size_t>(scores.tasks);
  std::vector<double> means;
  for (size_t run = 0; run < static_cast<size_t>(scores.runs); ++run) {
    means.push_back(Mean(scores.values.subspan(run * tasks, tasks)));
  }
  return means;
}

Interval JackknifeInterquartileMean(const ScoreMatrix& scores, double confidence) {
  CheckShape(scores);
  const auto runs = static_cast<size_t>(scores.runs), tasks = static_cast<size_t>(scores.tasks);
  const double point = InterquartileMean(scores.values);
  if (runs < 2) return {point, kNaN, kNaN};

  // the statistic without each of the runs
  std::vector<double> without;
  for (size_t run = 0; run < runs; ++run) {
    std::vector<double> rest(scores.values.begin(), scores.values.end());
    const auto first = rest.begin() + static_cast<std::ptrdiff_t>(run * tasks);
    rest.erase(first, first + static_cast<std::ptrdiff_t>(tasks));
    without.push_back(InterquartileMean(rest));
  }
  // (n - 1) / n sum (x - mean)^2 = (n - 1)^2 times the squared standard error of their mean
  const double n = static_cast<double>(runs);
  const double half = StudentQuantile(n - 1, confidence) * (n - 1) * StandardError(without);
  return {point, point - half, point + half};
}

}  // namespace fewstep
