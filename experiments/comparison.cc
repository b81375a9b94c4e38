#include "experiments/comparison.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "experiments/output.h"
#include "experiments/seeds.h"
#include "experiments/table.h"

namespace fewstep {
namespace {

constexpr double kConfidence = 0.95;

std::string NameOf(const std::string& path) {
  std::string name = std::filesystem::path(path).stem().string();
  if (name.ends_with("-seeds")) name.resize(name.size() - std::string("-seeds").size());
  return name;
}

std::string Text(const Interval& interval) {
  if (std::isnan(interval.low)) return fmt::format("{:.1f}", interval.point);
  return fmt::format("{:.1f} ({:.1f} to {:.1f})", interval.point, interval.low, interval.high);
}

}  // namespace

SeedReport ReadSeedReport(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    throw Error(
        ErrorKind::kData, "cannot be read",
        {.file = path, .remedy = "fewstep train RECIPE --seeds 1..5 writes runs/NAME-seeds.json"});
  }
  try {
    const auto json = nlohmann::json::parse(file);
    if (json.value("format", "") != kSeedReportFormat) {
      throw Error(ErrorKind::kData, "not a report of several seeds of this version",
                  {.file = path,
                   .key = "format",
                   .remedy = "Make it again: fewstep train RECIPE --seeds ... --resume"});
    }
    SeedReport report{.name = NameOf(path),
                      .family = json.at("family"),
                      .family_hash = json.at("family_hash"),
                      .agent = json.at("agent"),
                      .unit = json.at("unit"),
                      .split = json.at("split"),
                      .tasks = json.at("tasks"),
                      .task_seed = json.at("task_seed"),
                      .means = {}};
    const size_t runs = json.at("seeds").size();
    for (const auto& point : json.at("curve")) {
      report.means.push_back(point.at("run_means").get<std::vector<double>>());
      if (report.means.back().size() != runs || runs == 0) {
        throw Error(ErrorKind::kData, "a point without a mean of every run",
                    {.file = path, .key = "curve"});
      }
    }
    if (report.means.empty()) {
      throw Error(ErrorKind::kData, "no points", {.file = path, .key = "curve"});
    }
    return report;
  } catch (const nlohmann::json::exception& problem) {
    throw Error(ErrorKind::kData, fmt::format("not a report of several seeds: {}", problem.what()),
                {.file = path});
  }
}

size_t Comparison::UnitOf(size_t report) const {
  return std::min(static_cast<size_t>(unit), reports[report].means.size() - 1);
}

Comparison Compare(std::vector<SeedReport> reports, int unit) {
  FEWSTEP_CHECK(!reports.empty() && unit >= 0, "{} reports, unit {}", reports.size(), unit);
  for (const SeedReport& report : reports) {
    const SeedReport& first = reports.front();
    if (report.family == first.family && report.tasks == first.tasks &&
        report.task_seed == first.task_seed && report.split == first.split) {
      continue;
    }
    throw Error(
        ErrorKind::kUsage,
        fmt::format("'{}' and '{}' were not judged on the same tasks", first.name, report.name),
        {.remedy = "Runs that are compared share the family, run.evaluation_tasks and "
                   "run.evaluation_seed"});
  }
  Comparison comparison{.reports = std::move(reports), .unit = unit, .pairs = {}};
  const size_t count = comparison.reports.size();
  const double pairs = static_cast<double>(count * (count - 1)) / 2;
  comparison.confidence = 1 - (1 - kConfidence) / std::max(1.0, pairs);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = i + 1; j < count; ++j) {
      comparison.pairs.push_back({i, j,
                                  WelchDifference(comparison.reports[i].means[comparison.UnitOf(i)],
                                                  comparison.reports[j].means[comparison.UnitOf(j)],
                                                  comparison.confidence)});
    }
  }
  return comparison;
}

std::string ComparisonText(const Comparison& comparison, bool markdown) {
  const std::vector<SeedReport>& reports = comparison.reports;
  const SeedReport& first = reports.front();
  const auto render = [&](const Table& table) {
    return markdown ? table.Markdown() : table.Text();
  };

  // every recipe's means
  size_t points = 0;
  for (const SeedReport& report : reports) points = std::max(points, report.means.size());
  std::vector<TableColumn> columns = {{"recipe"}, {"runs", Align::kRight}};
  for (size_t unit = 0; unit < points; ++unit) {
    columns.push_back({fmt::format("after {}", unit), Align::kRight});
  }
  Table means(columns);
  for (const SeedReport& report : reports) {
    std::vector<std::string> row = {report.name, fmt::format("{}", report.means[0].size())};
    for (size_t unit = 0; unit < points; ++unit) {
      row.push_back(unit < report.means.size() ? Text(StudentMean(report.means[unit])) : "");
    }
    means.AddRow(std::move(row));
  }
  std::string text = fmt::format(
      "{}: mean return on the same {} {} tasks after so many units of adaptation, with 95 % t "
      "intervals over runs\n\n{}",
      first.family, first.tasks, first.split, render(means));
  if (comparison.pairs.empty()) return text;

  // and their differences
  Table pairs({{"pair"}, {"difference", Align::kRight}, {"interval", Align::kRight}, {"so"}});
  for (const PairDifference& pair : comparison.pairs) {
    const Interval& d = pair.difference;
    const SeedReport &a = reports[pair.first], &b = reports[pair.second];
    pairs.AddRow({fmt::format("{} - {}", a.name, b.name), fmt::format("{:.1f}", d.point),
                  std::isnan(d.low) ? "-" : fmt::format("{:.1f} to {:.1f}", d.low, d.high),
                  pair.separated() ? fmt::format("{} is better", d.point > 0 ? a.name : b.name)
                                   : "cannot be told apart"});
  }
  return text + fmt::format(
                    "\nAfter {} (or a recipe's last): differences with intervals that all hold "
                    "together with 95 %\n(Welch, each of {:.2f} % after Bonferroni)\n\n{}",
                    comparison.unit, 100 * comparison.confidence, render(pairs));
}

std::string ComparisonJson(const Comparison& comparison) {
  const SeedReport& first = comparison.reports.front();
  nlohmann::ordered_json json = {{"family", first.family},
                                 {"tasks", first.tasks},
                                 {"task_seed", first.task_seed},
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
