#include "experiments/reports/fit_report.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "experiments/reports/svg_plot.h"

namespace fewstep {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

PlotSeries Line(std::string name, const FewShotScene& scene, const std::vector<double>& y,
                std::string color, bool dashed) {
  PlotSeries line{.name = std::move(name),
                  .points = {},
                  .style = PlotStyle::kBand,
                  .color = std::move(color),
                  .dashed = dashed};
  for (size_t i = 0; i < y.size(); ++i)
    line.points.push_back({scene.grid_x[i], y[i], kNone, kNone});
  return line;
}

PlotSeries Points(const std::string& name, const std::vector<float>& x, const std::vector<float>& y,
                  std::string color) {
  PlotSeries points{.name = fmt::format("{} {}", x.size(), name),
                    .points = {},
                    .style = PlotStyle::kPoints,
                    .color = std::move(color)};
  for (size_t i = 0; i < x.size(); ++i) points.points.push_back({x[i], y[i], kNone, kNone});
  return points;
}

}  // namespace

std::string FitsSvg(const AdaptationCurve& curve, const std::string& title) {
  constexpr int kColumns = 3;
  // grey for what is known, then from pale to strong
  constexpr const char *kTruth = "#1a1a1a", *kBefore = "#9a9a9a", *kFirst = "#56b4e9",
                       *kLast = "#d55e00";
  std::vector<Plot> plots;
  for (size_t i = 0; i < curve.few_shot->fits.size(); ++i) {
    const auto& [scene, units] = curve.few_shot->fits[i];
    Plot plot{.title = scene.task.empty() ? fmt::format("episode {}", i)
                                          : fmt::format("{}: {}", i, scene.task),
              .x_label = "x",
              .y_label = "y",
              .series = {},
              .width = 480,
              .height = 380};
    if (scene.grid_y.empty()) {  // of rows queries are all that is known
      plot.series.push_back(Points("queries", scene.query_x, scene.query_y, kBefore));
    } else {
      plot.series.push_back(Line("truth", scene, scene.grid_y, kTruth, true));
    }
    PlotSeries points = Points("points", scene.support_x, scene.support_y, kTruth);
    const size_t last = units.size() - 1;
    const auto fit = [&](size_t unit, const char* color) {
      const std::string name =
          unit == 0 ? "before" : fmt::format("{} {}{}", unit, curve.unit, unit == 1 ? "" : "s");
      plot.series.push_back(Line(fmt::format("{}: {:.3g}", name, units[unit].score), scene,
                                 units[unit].grid, color, false));
    };
    fit(0, kBefore);
    if (last > 1) fit(1, kFirst);
    if (last > 0) fit(last, kLast);
    plot.series.push_back(std::move(points));
    plots.push_back(std::move(plot));
  }
  return RenderSvgGrid(title + ": fits before and after adapting, with their errors", plots,
                       kColumns);
}

}  // namespace fewstep
