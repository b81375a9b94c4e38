#include "experiments/reports/belief_report.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "experiments/reports/svg_plot.h"

namespace fewstep {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Units of which there is room to show some.
std::vector<size_t> ShownUnits(size_t units, size_t most) {
  std::vector<size_t> shown;
  for (size_t unit = 0; unit < units; ++unit) {
    if (unit + 1 < most || unit + 1 == units) shown.push_back(unit);
  }
  return shown;
}

std::string After(const AdaptationCurve& curve, size_t units) {
  return fmt::format("after {} {}{}", units, curve.unit, units == 1 ? "" : "s");
}

}  // namespace

std::string PosteriorSvg(const AdaptationCurve& curve, const std::string& title) {
  constexpr size_t kMostParameters = 3, kMostLatents = 8, kMostTasks = 100;
  const size_t parameters = std::min(kMostParameters, curve.parameters.size());
  const size_t latents = std::min(kMostLatents, curve.beliefs[0].mean[0].size());
  const size_t last = curve.beliefs.size() - 1;
  std::vector<size_t> units = {std::min<size_t>(1, last)};
  if (last > 1) units.push_back(last);
  std::vector<Plot> plots;
  for (size_t latent = 0; latent < latents; ++latent) {
    for (size_t parameter = 0; parameter < parameters; ++parameter) {
      Plot plot{.title = "",
                .x_label = curve.parameters[parameter],
                .y_label = fmt::format("z{}", latent),
                .series = {},
                .width = 420,
                .height = 260};
      for (const size_t unit : units) {
        const CurveBelief& belief = curve.beliefs[unit];
        PlotSeries series{.name = After(curve, unit), .points = {}, .style = PlotStyle::kPoints};
        for (size_t task = 0; task < std::min(kMostTasks, curve.tasks.size()); ++task) {
          const double mean = belief.mean[task][latent], sd = belief.deviation[task][latent];
          series.points.push_back(
              {curve.tasks[task].values[parameter], mean, mean - sd, mean + sd});
        }
        plot.series.push_back(std::move(series));
      }
      plots.push_back(std::move(plot));
    }
  }
  return RenderSvgGrid(title + ": posterior, mean and one standard deviation", plots,
                       static_cast<int>(parameters));
}

std::string GoalsSvg(const AdaptationCurve& curve, const std::string& title) {
  constexpr size_t kMostUnits = 4;
  const std::vector<size_t> units = ShownUnits(curve.beliefs.size(), kMostUnits);
  std::vector<double> x_shown, y_shown;  // the same in all
  for (const CurveBelief& belief : curve.beliefs) {
    for (const auto& of_task : belief.goals) {
      for (const auto& [x, y] : of_task) {
        x_shown.push_back(x);
        y_shown.push_back(y);
      }
    }
  }
  for (const Task& task : curve.tasks) {
    x_shown.push_back(task.values[curve.goal_parameters[0]]);
    y_shown.push_back(task.values[curve.goal_parameters[1]]);
  }
  std::vector<Plot> plots;
  for (size_t task = 0; task < curve.beliefs[0].goals.size(); ++task) {
    for (const size_t unit : units) {
      PlotSeries walked{.name = "walks to", .points = {}, .style = PlotStyle::kPoints};
      for (const auto& [x, y] : curve.beliefs[unit].goals[task]) {
        walked.points.push_back({x, y, kNone, kNone});
      }
      const std::vector<double>& values = curve.tasks[task].values;
      PlotSeries goal{.name = "goal",
                      .points = {{values[curve.goal_parameters[0]],
                                  values[curve.goal_parameters[1]], kNone, kNone}},
                      .style = PlotStyle::kErrorBars};
      plots.push_back({.title = After(curve, unit),
                       .x_label = curve.parameters[curve.goal_parameters[0]],
                       .y_label = curve.parameters[curve.goal_parameters[1]],
                       .series = {std::move(walked), std::move(goal)},
                       .x_shown = x_shown,
                       .y_shown = y_shown,
                       .width = 340,
                       .height = 320});
    }
  }
  return RenderSvgGrid(title + ": goals that it would walk to", plots,
                       static_cast<int>(units.size()));
}

}  // namespace fewstep
