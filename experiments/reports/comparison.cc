#include "experiments/reports/comparison.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "experiments/output.h"
#include "experiments/reports/seeds.h"
#include "experiments/reports/table.h"

namespace fewstep {
namespace {

constexpr double kConfidence = 0.95;

// What a file is called: NAME-seeds.json, NAME-seed7.json, or otherwise.
struct FileName {
  std::string name;
  std::optional<int64_t> seed;
};
FileName ParseName(const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  const size_t end = stem.rfind("-seed");
  if (end == std::string::npos) return {stem, {}};
  const std::string rest = stem.substr(end + 5);
  if (rest == "s") return {stem.substr(0, end), {}};
  int64_t seed = 0;
  const auto [last, error] = std::from_chars(rest.data(), rest.data() + rest.size(), seed);
  if (rest.empty() || error != std::errc() || last != rest.data() + rest.size()) return {stem, {}};
  return {stem.substr(0, end), seed};
}

// The value of an enum that `key` names. Throws what nlohmann's accessors throw, or Error(kData).
template <typename E, size_t n>
E ReadChoice(const ChoiceName<E> (&names)[n], const nlohmann::json& json, const char* key,
             const std::string& path) {
  const std::string name = json.at(key);
  const std::optional<E> value = FindValue(names, name);
  if (!value) {
    throw Error(ErrorKind::kData, fmt::format("'{}' is no {}", name, key),
                {.file = path,
                 .key = key,
                 .remedy = fmt::format("Known: {}", fmt::join(NamesOf(names), ", "))});
  }
  return *value;
}

// How an agent that acts was judged.
void ReadActing(const nlohmann::json& json, const std::string& path, SeedReport& report) {
  report.family = json.at("family");
  report.family_hash = json.at("family_hash");
  report.agent = json.at("agent");
  report.split = NameOf(kSplitNames, ReadChoice(kSplitNames, json, "split", path));
  report.measure = ReadChoice(kMeasureNames, json, "measure", path);
  report.deterministic = json.at("deterministic");
  report.episodes = json.at("episodes_per_task_and_unit");
  report.horizon = json.at("horizon");
  report.trial_episodes = json.at("trial_episodes");
  report.tasks = json.at("tasks");
  report.task_seed = json.at("task_seed");
}

// How a few-shot learner was.
void ReadFewShot(const nlohmann::json& json, const std::string& path, SeedReport& report) {
  report.family = json.at("data");
  report.family_hash = json.at("data_hash");
  report.agent = json.at("learner");
  report.score = json.at("score");
  report.split = NameOf(kDataSplitNames, ReadChoice(kDataSplitNames, json, "split", path));
  report.tasks = json.at("episodes");
  report.task_seed = json.at("episode_seed");
  report.norm_mode = json.value("norm_mode", "");
  const EpisodeSize size = ReadChoice(kEpisodeSizeNames, json, "size", path);
  if (size == EpisodeSize::kVariable) {
    report.shape = "as many ways and shots as chance has it";
  } else {
    if (json.contains("ways")) report.shape = fmt::format("{} ways, ", json["ways"].get<int64_t>());
    report.shape += fmt::format("{} shots{}, {} queries", json.at("shots").get<int64_t>(),
                                size == EpisodeSize::kImbalanced ? " in the mean" : "",
                                json.at("queries").get<int64_t>());
  }
  if (json.at("within_group").get<bool>()) report.shape += ", of one group";
  report.data_hash = report.family_hash;  // turned pictures, or other splits, are other episodes
}

SeedReport ReadReport(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw Error(
        ErrorKind::kData, "cannot be read",
        {.file = path, .remedy = "fewstep train RECIPE --seeds 1..5 writes runs/NAME-seeds.json"});
  }
  try {
    const auto json = nlohmann::json::parse(file);
    const bool several = json.value("format", "") == kSeedReportFormat;
    const FileName file_name = ParseName(path);
    SeedReport report;
    report.name = file_name.name;
    report.folder = std::filesystem::path(path).parent_path().string();
    report.unit = json.at("unit");
    report.iteration = json.at("iteration");
    const bool few_shot = json.contains("learner");
    (few_shot ? ReadFewShot : ReadActing)(json, path, report);
    if (several) {
      report.seeds = json.at("seeds").get<std::vector<int64_t>>();
    } else if (file_name.seed) {
      report.seeds = {*file_name.seed};
    }
    const size_t runs = several ? report.seeds.size() : 1;
    for (const auto& point : json.at("curve")) {
      report.means.push_back(
          several ? point.at("run_means").get<std::vector<double>>()
                  : std::vector{point.at(few_shot ? "mean" : "mean_return").get<double>()});
      if (report.means.back().size() != runs || runs == 0) {
        throw Error(ErrorKind::kData, "a point without a mean of every run",
                    {.file = path, .key = "curve"});
      }
    }
    if (report.means.empty()) {
      throw Error(ErrorKind::kData, "no points", {.file = path, .key = "curve"});
    }
    if (several && json.contains("trial_returns")) {
      report.trials = json["trial_returns"].get<std::vector<double>>();
    } else if (!several && json.contains("trial")) {
      report.trials = {json["trial"].at("mean_return").get<double>()};
    }
    if (!report.trials.empty() && report.trials.size() != runs) {
      throw Error(ErrorKind::kData, "not a trial return of every run",
                  {.file = path, .key = "trial_returns"});
    }
    return report;
  } catch (const nlohmann::json::exception& problem) {
    throw Error(ErrorKind::kData,
                fmt::format("not an evaluation, nor a report of several seeds: {}", problem.what()),
                {.file = path});
  }
}

// What two reports have to share to be compared. Not a family's hash: an oracle has another one.
auto JudgedOn(const SeedReport& report) {
  return std::tie(report.family, report.horizon, report.trial_episodes, report.split, report.tasks,
                  report.task_seed, report.measure, report.deterministic, report.score,
                  report.shape, report.data_hash);
}

// What two runs of one recipe have to share besides.
auto MadeBy(const SeedReport& report) {
  return std::tie(report.folder, report.family_hash, report.agent, report.unit, report.iteration,
                  report.episodes, report.norm_mode);
}

// "-57.8 ± 4.2", half the width of the t interval.
std::string Text(const Interval& interval, int digits) {
  if (std::isnan(interval.low)) return fmt::format("{:.{}f}", interval.point, digits);
  return fmt::format("{:.{}f} ± {:.{}f}", interval.point, digits, interval.high - interval.point,
                     digits);
}

}  // namespace

std::vector<SeedReport> ReadSeedReports(const std::vector<std::string>& paths) {
  std::vector<SeedReport> reports;
  for (const std::string& path : paths) {
    SeedReport report = ReadReport(path);
    const auto same = std::ranges::find(reports, report.name, &SeedReport::name);
    if (same == reports.end()) {
      reports.push_back(std::move(report));
      continue;
    }
    const bool twice = report.seeds.size() != 1 || same->seeds.empty() ||
                       std::ranges::count(same->seeds, report.seeds.front()) > 0;
    if (twice || report.means.size() != same->means.size() || MadeBy(report) != MadeBy(*same) ||
        JudgedOn(report) != JudgedOn(*same)) {
      throw Error(ErrorKind::kData,
                  twice ? fmt::format("'{}', or this run of it, is given twice", same->name)
                        : fmt::format("it is no other run of '{}': it was trained or evaluated "
                                      "otherwise",
                                      same->name),
                  {.file = path,
                   .remedy = "Runs of one recipe are NAME-seed1.json, NAME-seed2.json, ... in one "
                             "folder; different recipes have different names"});
    }
    same->seeds.push_back(report.seeds.front());
    for (size_t unit = 0; unit < report.means.size(); ++unit) {
      std::ranges::copy(report.means[unit], std::back_inserter(same->means[unit]));
    }
    std::ranges::copy(report.trials, std::back_inserter(same->trials));
  }
  return reports;
}

size_t Comparison::UnitOf(size_t report) const {
  return std::min(static_cast<size_t>(unit), reports[report].means.size() - 1);
}

const std::vector<double>& Comparison::ScoresOf(size_t report) const {
  return trials ? reports[report].trials : reports[report].means[UnitOf(report)];
}

Comparison Compare(std::vector<SeedReport> reports, std::optional<int> unit) {
  FEWSTEP_CHECK(!reports.empty() && unit.value_or(0) >= 0, "{} reports", reports.size());
  for (const SeedReport& report : reports) {
    const SeedReport& first = reports.front();
    if (JudgedOn(report) == JudgedOn(first)) continue;
    throw Error(
        ErrorKind::kUsage,
        fmt::format("'{}' and '{}' were not judged on the same tasks", first.name, report.name),
        {.remedy = "Runs that are compared share the family or [data], run.evaluation_tasks, "
                   "run.evaluation_seed and how they were judged"});
  }
  Comparison comparison{.reports = std::move(reports), .unit = unit.value_or(1), .pairs = {}};
  if (!unit && !comparison.reports.front().shape.empty()) {
    comparison.unit = 0;
    for (const SeedReport& report : comparison.reports) {
      comparison.unit = std::max(comparison.unit, static_cast<int>(report.means.size()) - 1);
    }
  }
  comparison.trials =
      !unit && std::ranges::all_of(comparison.reports, [](const SeedReport& report) {
        return report.trials.size() == report.means.front().size();
      });
  const size_t count = comparison.reports.size();
  const double pairs = static_cast<double>(count * (count - 1)) / 2;
  comparison.confidence = 1 - (1 - kConfidence) / std::max(1.0, pairs);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      comparison.pairs.push_back(
          {i, j,
           WelchDifference(comparison.ScoresOf(i), comparison.ScoresOf(j), comparison.confidence)});
    }
  }
  return comparison;
}

std::string ComparisonText(const Comparison& comparison, bool markdown, size_t width) {
  const std::vector<SeedReport>& reports = comparison.reports;
  const SeedReport& first = reports.front();
  const auto render = [&](const Table& table) {
    return markdown ? table.Markdown() : table.Text(width);
  };

  // every recipe's means
  size_t points = 0;
  double largest = 0;
  for (size_t i = 0; i < reports.size(); ++i) {
    points = std::max(points, reports[i].means.size());
    for (const double score : comparison.ScoresOf(i)) {
      largest = std::max(largest, std::abs(score));
    }
  }
  constexpr int kDigitsOfScores = 4;
  const bool few_shot = !first.shape.empty();
  constexpr double kLarge = 100;  // an error, of what has not learned
  const int digits = few_shot && largest < kLarge ? kDigitsOfScores
                     : comparison.trials          ? std::max(2, DigitsOf(largest))
                                                  : DigitsOf(largest);
  std::vector<TableColumn> columns = {{"recipe"}, {"runs", Align::kRight}};
  if (comparison.trials) columns.push_back({"trial return", Align::kRight});
  const std::vector<size_t> shown = ShownPoints(points);
  for (const size_t unit : shown) {
    columns.push_back({fmt::format("after {}", unit), Align::kRight});
  }
  const bool normalised = std::ranges::any_of(
      reports, [](const SeedReport& report) { return !report.norm_mode.empty(); });
  if (normalised) columns.insert(columns.begin() + 2, {"statistics"});
  Table means(columns);
  for (const SeedReport& report : reports) {
    std::vector<std::string> row = {report.name, fmt::format("{}", report.means[0].size())};
    if (normalised) row.push_back(report.norm_mode);
    if (comparison.trials) row.push_back(Text(StudentMean(report.trials), digits));
    for (const size_t unit : shown) {
      if (unit >= report.means.size()) {
        row.emplace_back();
        continue;
      }
      const Interval mean = StudentMean(report.means[unit]);
      row.push_back(Text(mean, comparison.trials ? DigitsOf(mean.point) : digits));
    }
    means.AddRow(std::move(row));
  }
  std::string text = fmt::format(
      "{}: mean {} on the same {} {} {} after so many units of adaptation,\n"
      "± 95 % t intervals over runs{}{}{}\n\n{}",
      first.family, first.score, first.tasks, first.split, few_shot ? "episodes" : "tasks",
      few_shot ? "; " + first.shape : "",
      first.deterministic ? "; judged acting with the mode" : "",
      first.measure == Measure::kEpisodes
          ? ""
          : fmt::format("; measured by the rule of {}", NameOf(kMeasureNames, first.measure)),
      render(means));
  if (comparison.pairs.empty()) return text;

  // and their differences
  Table pairs({{"difference", Align::kRight}, {"interval", Align::kRight}, {"pair"}});
  for (const PairDifference& pair : comparison.pairs) {
    const Interval& d = pair.difference;
    const SeedReport &a = reports[pair.first], &b = reports[pair.second];
    const std::string verdict =
        pair.separated()
            ? fmt::format("{} is better",
                          (d.point > 0) == comparison.larger_is_better() ? a.name : b.name)
            : "cannot be told apart";
    pairs.AddRow({fmt::format("{:.{}f}", d.point, digits), BoundsText(d, digits),
                  fmt::format("{} - {}: {}", a.name, b.name, verdict)});
  }
  return text + fmt::format(
                    "\n{}: differences with intervals that all hold together with 95 %\n(Welch, "
                    "each of {:.2f} % after Bonferroni)\n\n{}",
                    comparison.trials
                        ? std::string("Trial returns")
                        : fmt::format("After {} (or a recipe's last)", comparison.unit),
                    100 * comparison.confidence, render(pairs));
}

std::string ComparisonJson(const Comparison& comparison) {
  const SeedReport& first = comparison.reports.front();
  nlohmann::ordered_json json = {{"family", first.family},
                                 {"tasks", first.tasks},
                                 {"task_seed", first.task_seed},
                                 {"compared", comparison.trials ? "trial return" : first.score},
                                 {"unit", comparison.unit},
                                 {"confidence", comparison.confidence}};
  for (const SeedReport& report : comparison.reports) {
    nlohmann::ordered_json row = {{"name", report.name},
                                  {"agent", report.agent},
                                  {"family_hash", report.family_hash},
                                  {"runs", report.means[0].size()}};
    for (const std::vector<double>& means : report.means) {
      const Interval mean = StudentMean(means);
      row["curve"].push_back({{"mean", mean.point}, {"low", mean.low}, {"high", mean.high}});
    }
    if (comparison.trials) {
      const Interval mean = StudentMean(report.trials);
      row["trial_return"] = {{"mean", mean.point}, {"low", mean.low}, {"high", mean.high}};
    }
    json["recipes"].push_back(std::move(row));
  }
  json["pairs"] = nlohmann::ordered_json::array();
  for (const PairDifference& pair : comparison.pairs) {
    json["pairs"].push_back({{"first", comparison.reports[pair.first].name},
                             {"second", comparison.reports[pair.second].name},
                             {"difference", pair.difference.point},
                             {"low", pair.difference.low},
                             {"high", pair.difference.high},
                             {"separated", pair.separated()}});
  }
  return ToText(json);
}

}  // namespace fewstep
