#include "experiments/seeds.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "experiments/learning_curve.h"
#include "experiments/output.h"
#include "experiments/svg_plot.h"
#include "experiments/table.h"

namespace fewstep {
namespace {

int64_t ParseSeed(std::string_view text, const std::string& whole) {
  int64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size() || seed < 0) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is not a list of seeds", whole),
                {.key = "--seeds", .remedy = "Write 1..3 or 1,2,5"});
  }
  return seed;
}

std::string UnitName(const AdaptationCurve& curve) { return fmt::format("{}s", curve.unit); }

}  // namespace

std::vector<int64_t> ParseSeeds(const std::string& text) {
  const size_t dots = text.find("..");
  std::vector<int64_t> seeds;
  if (dots != std::string::npos) {
    const int64_t first = ParseSeed(std::string_view(text).substr(0, dots), text);
    const int64_t last = ParseSeed(std::string_view(text).substr(dots + 2), text);
    if (last < first || last - first >= 1000) ParseSeed("", text);
    for (int64_t seed = first; seed <= last; ++seed) seeds.push_back(seed);
    return seeds;
  }
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    seeds.push_back(ParseSeed(std::string_view(text).substr(begin, end - begin), text));
    if (std::ranges::count(seeds, seeds.back()) > 1) {
      throw Error(ErrorKind::kUsage, fmt::format("seed {} is given twice", seeds.back()),
                  {.key = "--seeds"});
    }
    begin = end + 1;
  }
  return seeds;
}

void ReportSeeds(const std::vector<SeedResult>& results, const std::string& base, bool json) {
  const AdaptationCurve& first = results.front().curve;
  const int seeds = static_cast<int>(results.size()), tasks = first.options.tasks;

  // one row a unit: interquartile mean over all scores, and each seed's mean
  std::vector<TableColumn> columns = {{UnitName(first), Align::kRight},
                                      {"IQM return", Align::kRight},
                                      {"95 % interval", Align::kRight}};
  for (const SeedResult& result : results) {
    columns.push_back({fmt::format("seed {}", result.seed), Align::kRight});
  }
  Table table(columns);
  PlotSeries series{
      .name = fmt::format("{} seeds", seeds), .points = {}, .style = PlotStyle::kErrorBars};
  nlohmann::ordered_json document;
  document["family"] = first.family;
  document["family_hash"] = first.family_hash;
  document["same_tasks_in_training"] = first.finite;
  document["agent"] = first.agent;
  document["unit"] = first.unit;
  document["interval"] = "95 % stratified bootstrap over seeds";
  for (size_t unit = 0; unit < first.returns.size(); ++unit) {
    std::vector<double> scores;
    for (const SeedResult& result : results) {
      const std::vector<double>& returns = result.curve.returns[unit];
      scores.insert(scores.end(), returns.begin(), returns.end());
    }
    const Interval iqm = StratifiedBootstrapInterquartileMean(
        {.values = scores, .seeds = seeds, .tasks = tasks}, Rng(unit).Fork("seeds"));
    std::vector<std::string> row = {fmt::format("{}", unit), fmt::format("{:.1f}", iqm.point),
                                    fmt::format("{:.1f} to {:.1f}", iqm.low, iqm.high)};
    nlohmann::ordered_json point = {
        {"units", unit}, {"iqm", iqm.point}, {"low", iqm.low}, {"high", iqm.high}};
    for (const SeedResult& result : results) {
      row.push_back(fmt::format("{:.1f}", result.curve.mean[unit].point));
      point[fmt::format("seed_{}", result.seed)] = result.curve.mean[unit].point;
    }
    table.AddRow(std::move(row));
    series.points.push_back({static_cast<double>(unit), iqm.point, iqm.low, iqm.high});
    document["curve"].push_back(std::move(point));
  }
  // what a task brought in all, where that is what counts
  std::string trial;
  if (first.is_trial) {
    std::vector<double> means;
    for (const SeedResult& result : results) means.push_back(result.curve.trial.mean.point);
    trial = fmt::format("Trial return of {} episodes by seed: {:.2f}; mean {:.2f}\n",
                        first.trial.episodes, fmt::join(means, ", "), Mean(means));
    document["trial_returns"] = means;
  }
  std::vector<std::string> paths;
  for (const SeedResult& result : results) paths.push_back(result.path);
  document["runs"] = paths;

  const std::string title = fmt::format("{}, {}, {} seeds{}", first.family, first.agent, seeds,
                                        first.finite ? " (tasks of training)" : "");
  WriteFileAtomically(base + ".json", ToText(document));
  WriteFileAtomically(
      base + ".md",
      fmt::format("# {}\n\nDefinition {}. {}.\n\n{}{}{}", title, first.family_hash,
                  TasksNote(first), table.Markdown(), trial.empty() ? "" : "\n", trial));
  WriteFileAtomically(base + "-learning.svg", LearningCurveSvg(paths, title));
  WriteFileAtomically(base + ".svg",
                      RenderSvg({.title = title,
                                 .x_label = fmt::format("{}s of adaptation", first.unit),
                                 .y_label = "interquartile mean return",
                                 .series = {std::move(series)},
                                 .integer_x = true}));
  if (json) {
    Print(ToText(document));
  } else {
    Print("{}\n{}\n{}{}Saved as {}.{{json,md,svg}} and {}-learning.svg\n", title, TasksNote(first),
          table.Text(), trial, base, base);
  }
}

void PrintCurve(const AdaptationCurve& curve, int64_t iteration) {
  Print("{} on {} ({}), iteration {}\n{}\n", curve.agent, curve.family, curve.family_hash,
        iteration, TasksNote(curve));
  Print(CurveTable(curve, false) + TrialNote(curve));
  if (curve.diverged > 0) {
    Print("{} episodes ended because the simulation diverged.\n", curve.diverged);
  }
}

}  // namespace fewstep
