// Plots below the panes.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "viewer/plot.h"
#include "viewer/stage.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

double MeanOf(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

// "quickstart" of "quickstart: promp on half-cheetah-dir@promp".
std::string ShortName(const Subject& subject) {
  return subject.name().substr(0, subject.name().find(':'));
}

}  // namespace

void Stage::DrawPlots(const Rect& rect) {
  Canvas& canvas = screen_.canvas();
  const float unit = canvas.scale(), gap = 6 * unit;
  std::vector<std::function<void(const Rect&)>> plots;
  if (show_.units() > 0) {
    plots.emplace_back([this](const Rect& place) { DrawScores(place); });
  }
  for (size_t i = 0; i < show_.num_subjects(); ++i) {
    const auto& units = show_.progress(i).units;
    if (units.empty() || units.back()->beliefs.empty()) continue;
    plots.emplace_back([this, i](const Rect& place) { DrawBeliefs(place, i); });
  }
  // the panes' curves, those of one name in one plot
  std::vector<std::string> names;
  for (const auto& [pane, picture] : drawn_) {
    for (const Curve& curve : pane->Curves()) {
      if (std::ranges::find(names, curve.name) == names.end()) names.push_back(curve.name);
    }
  }
  for (const std::string& name : names) {
    plots.emplace_back([this, name](const Rect& place) { DrawCurves(place, name); });
  }

  // as many as there is room for
  constexpr size_t kMost = 5;
  const auto fit = static_cast<size_t>(std::max(1.f, rect.width / (190 * unit)));
  const size_t count = std::min({plots.size(), fit, kMost});
  const float width =
      (rect.width - gap * static_cast<float>(count - 1)) / static_cast<float>(count);
  for (size_t i = 0; i < count; ++i) {
    const Rect place = {rect.x + static_cast<float>(i) * (width + gap), rect.y, width, rect.height};
    Note(fmt::format("plot {}", i), place);
    canvas.Box(place, theme::kPane, 0);
    plots[i](place.Inner(5 * unit));
  }
}

// Scores of what was adapted on, unit by unit: a dot each, the mean as a line.
void Stage::DrawScores(const Rect& rect) {
  const std::string unit = show_.subject(0).unit();
  bool alike = true;
  for (size_t i = 1; i < show_.num_subjects(); ++i)
    alike = alike && show_.subject(i).unit() == unit;
  Plot plot{.title = fmt::format("{} while adapting", show_.subject(0).score()),
            .x_label = alike ? unit + "s" : "units",
            .x_max = static_cast<double>(show_.units()),
            .counts = true};
  // of thousands of dots some show where they lie
  constexpr size_t kMostDots = 4000;
  std::vector<std::vector<double>> means(show_.num_subjects());
  for (size_t i = 0; i < show_.num_subjects(); ++i) {
    const Color color = SubjectColor(i);
    const auto& scores = show_.progress(i).scores;
    size_t dots = 0;
    for (const auto& of_unit : scores) dots += of_unit.size();
    const size_t stride = 1 + dots / kMostDots;
    size_t next = 0;
    for (size_t k = 0; k < scores.size(); ++k) {
      means[i].push_back(MeanOf(scores[k]));
      for (size_t e = 0; scores[k].size() > 1 && e < scores[k].size(); ++e) {
        if (next++ % stride != 0) continue;
        plot.dots.push_back({static_cast<double>(k), scores[k][e], color.Faded(0.35f)});
      }
    }
    plot.lines.push_back({.values = means[i],
                          .color = color,
                          .dots = show_.units() <= 100,
                          .name = show_.num_subjects() > 1 ? ShortName(show_.subject(i)) : ""});
  }
  DrawPlot(screen_.canvas(), rect, plot);
}

// What is believed, dimension by dimension, and the truth where a parameter of the task has its
// name.
void Stage::DrawBeliefs(const Rect& rect, size_t subject) {
  const AdaptationProgress& progress = show_.progress(subject);
  Plot plot{.title = "belief, mean ± deviation",
            .x_label = show_.subject(subject).unit() + "s",
            .x_max = static_cast<double>(std::max(1, show_.units())),
            .counts = true};
  constexpr size_t kMost = 6;
  const size_t count = std::min(kMost, progress.units.back()->beliefs.size());
  std::vector<std::vector<double>> means(count), spreads(count), truths(count);
  for (size_t k = 0; k < count; ++k) {
    for (const auto& unit : progress.units) {
      if (k >= unit->beliefs.size()) continue;
      means[k].push_back(unit->beliefs[k].mean);
      spreads[k].push_back(unit->beliefs[k].spread);
    }
    const std::string& name = progress.units.back()->beliefs[k].name;
    plot.lines.push_back({.values = means[k],
                          .color = PaneColor(k + 1),
                          .dots = true,
                          .spread = spreads[k],
                          .name = Spaced(name)});
    const auto& controls = show_.controls();
    const auto named = std::ranges::find(controls, name, &Control::name);
    if (named == controls.end()) continue;
    truths[k].assign(static_cast<size_t>(show_.units()) + 1,
                     progress.task[static_cast<size_t>(named - controls.begin())]);
    plot.lines.push_back(
        {.values = truths[k], .color = PaneColor(k + 1).Faded(0.7f), .dashed = true});
  }
  DrawPlot(screen_.canvas(), rect, plot);
}

// One curve of every pane that has it, as far as is shown; axes have room for what was played.
void Stage::DrawCurves(const Rect& rect, const std::string& name) {
  Plot plot{.title = Spaced(name), .x_label = "steps"};
  for (const auto& [pane, picture] : drawn_) {
    plot.x_max = std::max(plot.x_max, static_cast<double>(pane->longest()));
  }
  std::vector<PlotLine> lines;
  for (size_t i = 0; i < drawn_.size(); ++i) {
    for (const Curve& curve : drawn_[i].first->Curves()) {
      if (curve.name != name) continue;
      const auto until = static_cast<size_t>(show_.StepOf(*drawn_[i].first)) + 1;
      if (!curve.target.empty() && plot.lines.empty()) {
        plot.lines.push_back(
            {.values = curve.target, .color = theme::kTarget, .dashed = true, .until = until});
      }
      // of few steps each is seen
      lines.push_back({.values = curve.values,
                       .color = PaneColor(i),
                       .dots = plot.x_max <= 20,
                       .until = until});
    }
  }
  plot.lines.insert(plot.lines.end(), lines.begin(), lines.end());
  DrawPlot(screen_.canvas(), rect, plot);
}

}  // namespace fewstep
