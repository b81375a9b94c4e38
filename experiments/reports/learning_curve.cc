#include "experiments/reports/learning_curve.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "experiments/reports/statistics.h"
#include "experiments/reports/svg_plot.h"

namespace fewstep {
namespace {

using Run = std::vector<Metrics>;  // one an iteration

PlotSeries Series(const std::vector<Run>& runs, size_t iterations, const std::string& effort,
                  const LearningCurve::Line& line) {
  PlotSeries series{.name = line.name, .points = {}, .style = PlotStyle::kBand};
  double spent = 0;
  for (size_t i = 0; i < iterations; ++i) {
    double sum = 0, low = std::numeric_limits<double>::infinity(), high = -low;
    for (const Run& run : runs) {
      const double value = run[i].GetOr(line.column, std::nan(""));
      sum += value;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    spent += runs.front()[i].GetOr(effort, 1);
    // iterations without it, in which nothing was collected, do not interrupt the line
    if (!std::isfinite(sum)) continue;
    series.points.push_back({spent, sum / static_cast<double>(runs.size()), low, high});
  }
  return series;
}

}  // namespace

std::string Summary(const LearningCurve& curve, const Metrics& metrics) {
  const auto number = [&](const LearningCurve::Line& line) {
    return metrics.GetOr(line.column, std::nan(""));
  };
  double largest = 0;
  for (const LearningCurve::Line& line : curve.lines) {
    if (std::isfinite(number(line))) largest = std::max(largest, std::abs(number(line)));
  }
  const auto value = [&](const LearningCurve::Line& line) {
    return std::isfinite(number(line)) ? fmt::format("{:.{}f}", number(line), DigitsOf(largest))
                                       : std::string("-");
  };
  if (curve.lines.empty()) return "";
  std::string text = fmt::format("{} {}", curve.score, value(curve.lines.back()));
  if (curve.lines.size() > 1) text += fmt::format(" -> {}", value(curve.lines.front()));
  return text;
}

std::string LearningCurveSvg(const std::vector<std::string>& run_paths, const std::string& title,
                             const LearningCurve& curve) {
  std::vector<Run> runs;
  size_t iterations = std::numeric_limits<size_t>::max();
  for (const std::string& path : run_paths) {
    runs.push_back(ReadJsonLines(path + "/metrics.jsonl"));
    iterations = std::min(iterations, runs.back().size());
  }
  Plot plot{.title = title,
            .x_label = curve.effort_label,
            .y_label = fmt::format("mean {}", curve.score),
            .series = {}};
  if (iterations > 0) {
    for (const LearningCurve::Line& line : curve.lines) {
      plot.series.push_back(Series(runs, iterations, curve.effort, line));
    }
  }
  return RenderSvg(plot);
}

}  // namespace fewstep
