#include "experiments/reports/seeds.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"
#include "experiments/output.h"
#include "experiments/reports/curve_report.h"
#include "experiments/reports/learning_curve.h"
#include "experiments/reports/svg_plot.h"
#include "experiments/reports/table.h"

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

// The mean over runs of what each has with other statistics of batch normalisation.
std::vector<FewShotProtocol::OtherMode> OtherModes(const std::vector<SeedResult>& results) {
  std::vector<FewShotProtocol::OtherMode> modes;
  if (!results.front().curve.few_shot) return modes;
  const std::vector<FewShotProtocol::OtherMode>& first = results.front().curve.few_shot->others;
  for (size_t i = 0; i < first.size(); ++i) {
    FewShotProtocol::OtherMode& mode = modes.emplace_back(first[i].norm_mode);
    for (size_t unit = 0; unit < first[i].mean.size(); ++unit) {
      std::vector<double> means;
      for (const SeedResult& result : results) {
        means.push_back(result.curve.few_shot->others.at(i).mean.at(unit).point);
      }
      mode.mean.push_back(StudentMean(means));
    }
  }
  return modes;
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

void ReportSeeds(const std::vector<SeedResult>& results, const LearningCurve& learning_curve,
                 const std::string& base, bool json) {
  const AdaptationCurve& first = results.front().curve;
  const int runs = static_cast<int>(results.size());
  const int tasks = static_cast<int>(first.returns.front().size());
  std::vector<std::string> paths;
  std::vector<int64_t> seeds;
  for (const SeedResult& result : results) {
    if (result.curve.tasks != first.tasks) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("it was judged on other tasks than {}", results.front().path),
                  {.file = result.path,
                   .key = "run.evaluation_seed",
                   .remedy = "Runs that are reported together share it and run.evaluation_tasks"});
    }
    paths.push_back(result.path);
    seeds.push_back(result.seed);
  }

  // one row a unit: the mean over runs with its interval, and every run's own mean
  const size_t shown = std::min<size_t>(results.size(), kShownRuns);
  std::vector<TableColumn> columns = {{UnitName(first), Align::kRight},
                                      {fmt::format("mean {}", first.score), Align::kRight},
                                      {"95 % interval", Align::kRight},
                                      {"IQM", Align::kRight},
                                      {"95 % interval", Align::kRight}};
  for (size_t i = 0; i < shown; ++i) {
    columns.push_back({fmt::format("seed {}", seeds[i]), Align::kRight});
  }
  Table table(columns);
  PlotSeries series{
      .name = fmt::format("{} runs", runs), .points = {}, .style = PlotStyle::kErrorBars};
  const std::string method =
      fmt::format("95 % t intervals over {} runs on the same {} tasks", runs, tasks);
  nlohmann::ordered_json document = {{"format", kSeedReportFormat}};
  document.update(ProtocolJson(first, results.front().iteration));
  document.erase("seed");  // every run has its own
  document["interval"] = method;
  document["seeds"] = seeds;
  document["runs"] = paths;
  double largest = 0;
  for (const Interval& mean : first.mean) largest = std::max(largest, std::abs(mean.point));
  const int digits = first.few_shot ? 4 : DigitsOf(largest);
  for (size_t unit = 0; unit < first.returns.size(); ++unit) {
    std::vector<double> scores;
    for (const SeedResult& result : results) {
      const std::vector<double>& returns = result.curve.returns[unit];
      scores.insert(scores.end(), returns.begin(), returns.end());
    }
    const ScoreMatrix matrix{.values = scores, .runs = runs, .tasks = tasks};
    const std::vector<double> means = RunMeans(matrix);
    const Interval mean = StudentMean(means);
    const Interval iqm = JackknifeInterquartileMean(matrix);
    std::vector<std::string> row = {
        fmt::format("{}", unit), fmt::format("{:.{}f}", mean.point, digits),
        BoundsText(mean, digits), fmt::format("{:.{}f}", iqm.point, digits),
        BoundsText(iqm, digits)};
    nlohmann::ordered_json point = {
        {"units", unit},    {"mean", mean.point}, {"low", mean.low},     {"high", mean.high},
        {"iqm", iqm.point}, {"iqm_low", iqm.low}, {"iqm_high", iqm.high}};
    point["run_means"] = means;
    for (size_t i = 0; i < shown; ++i) row.push_back(fmt::format("{:.{}f}", means[i], digits));
    table.AddRow(std::move(row));
    series.points.push_back({static_cast<double>(unit), mean.point, mean.low, mean.high});
    document["curve"].push_back(std::move(point));
  }
  std::string note = runs > 1 ? fmt::format("Intervals: {}; IQM: interquartile mean.\n", method)
                              : "One run: nothing can be said of others.\n";
  for (const FewShotProtocol::OtherMode& mode : OtherModes(results)) {
    note += OtherModeNote(mode);
    nlohmann::ordered_json points = nlohmann::ordered_json::array();
    for (size_t unit = 0; unit < mode.mean.size(); ++unit) {
      const Interval& mean = mode.mean[unit];
      points.push_back(
          {{"units", unit}, {"mean", mean.point}, {"low", mean.low}, {"high", mean.high}});
    }
    document["other_norm_modes"][mode.norm_mode] = std::move(points);
  }
  std::vector<const AdaptationCurve*> curves;
  for (const SeedResult& result : results) curves.push_back(&result.curve);
  note += TrialNote(curves, document);

  const std::string title =
      fmt::format("{}, {}, {} {}{}", first.family, first.agent, runs, runs == 1 ? "run" : "runs",
                  first.finite ? " (tasks of training)" : "");
  WriteFileAtomically(base + ".json", ToText(document));
  WriteFileAtomically(base + ".md",
                      fmt::format("# {}\n\nDefinition {}. {}.\n\n{}\n{}", title, first.family_hash,
                                  TasksNote(first), table.Markdown(), note));
  WriteFileAtomically(base + "-learning.svg", LearningCurveSvg(paths, title, learning_curve));
  WriteFileAtomically(base + ".svg",
                      RenderSvg({.title = title,
                                 .x_label = fmt::format("{}s of adaptation", first.unit),
                                 .y_label = fmt::format("mean {}", first.score),
                                 .series = {std::move(series)},
                                 .integer_x = true}));
  if (json) {
    Print(ToText(document));
  } else {
    Print("{}\n{}\n{}{}Saved as {}.{{json,md,svg}} and {}-learning.svg\n", title, TasksNote(first),
          FittedText(table), note, base, base);
  }
}

}  // namespace fewstep
