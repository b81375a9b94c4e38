#include "experiments/reports/learning_curve.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "core/metrics.h"
#include "experiments/reports/svg_plot.h"

namespace fewstep {
namespace {

using Run = std::vector<Metrics>;  // one an iteration

// The largest k for which the runs have return_k.
int LastUnit(const Run& run) {
  int unit = 0;
  while (!run.empty() && run.front().Has(fmt::format("return_{}", unit + 1))) ++unit;
  return unit;
}

PlotSeries Series(const std::vector<Run>& runs, size_t iterations, const std::string& metric,
                  const std::string& name) {
  PlotSeries series{.name = name, .points = {}, .style = PlotStyle::kBand};
  double steps = 0;
  for (size_t i = 0; i < iterations; ++i) {
    double sum = 0, low = std::numeric_limits<double>::infinity(), high = -low;
    for (const Run& run : runs) {
      const double value = run[i].Get(metric);
      sum += value;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    steps += runs.front()[i].GetOr("environment_steps", 1);
    series.points.push_back({steps, sum / static_cast<double>(runs.size()), low, high});
  }
  return series;
}

}  // namespace

std::string LearningCurveSvg(const std::vector<std::string>& run_paths, const std::string& title) {
  std::vector<Run> runs;
  size_t iterations = std::numeric_limits<size_t>::max();
  for (const std::string& path : run_paths) {
    runs.push_back(ReadJsonLines(path + "/metrics.jsonl"));
    iterations = std::min(iterations, runs.back().size());
  }
  Plot plot{.title = title, .x_label = "environment steps", .y_label = "mean return", .series = {}};
  if (iterations > 0) {
    const int last = LastUnit(runs.front());
    plot.series.push_back(Series(runs, iterations, fmt::format("return_{}", last),
                                 last == 0 ? "return" : "after adaptation"));
    if (last > 0) plot.series.push_back(Series(runs, iterations, "return_0", "before adaptation"));
  }
  return RenderSvg(plot);
}

}  // namespace fewstep
