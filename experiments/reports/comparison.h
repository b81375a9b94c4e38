// Several recipes side by side, each run with several seeds: which is better, where intervals allow
// to say so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/reports/statistics.h"
#include "experiments/reports/table.h"
#include "experiments/running/evaluation.h"

namespace fewstep {

// The evaluations of the runs of one recipe.
struct SeedReport {
  std::string name, folder;
  std::string family, family_hash, agent, unit;  // another hash where the task is observed
  std::string score = "return";                  // or accuracy, or error, of a learner on data
  std::string split;
  Measure measure = Measure::kEpisodes;
  bool deterministic = false;
  // Of a learner: what its episodes are, "5 ways, 1 shots, 15 queries", made of data with this
  // hash, and by which statistics it normalises.
  std::string shape, data_hash, norm_mode;
  int64_t iteration = 0, episodes = 0;  // of training; for each task and unit
  int64_t horizon = 0, trial_episodes = 0, tasks = 0, task_seed = 0;
  std::vector<int64_t> seeds;              // [runs]
  std::vector<std::vector<double>> means;  // [units + 1][runs]
  std::vector<double> trials;              // [runs] trial returns; empty where there is no trial
};

// From reports of several seeds, NAME-seeds.json (ReportSeeds), and from evaluations of single
// runs, of which those called NAME-seed1.json, NAME-seed2.json, ... in one folder become one
// report. In the order in which the names come first. Throws Error(kData) naming file and key, also
// when a name or a run comes twice.
std::vector<SeedReport> ReadSeedReports(const std::vector<std::string>& paths);

struct PairDifference {
  size_t first = 0, second = 0;  // indices of the reports
  Interval difference;           // first - second; bounds are NaN with a single run
  // Whether the interval leaves out 0.
  bool separated() const { return difference.low > 0 || difference.high < 0; }
};

struct Comparison {
  std::vector<SeedReport> reports;
  bool trials = false;       // whether trial returns are compared, or returns or scores ...
  int unit = 1;              // ... after so many units, or a report's last
  double confidence = 0.95;  // of each interval below, such that all hold together with 95 %
  std::vector<PairDifference> pairs;

  // The index of means that is compared, unless trials are.
  size_t UnitOf(size_t report) const;
  // What is compared, [runs].
  const std::vector<double>& ScoresOf(size_t report) const;
  bool larger_is_better() const { return reports.front().score != "error"; }
};

// Welch intervals of all pairs, with Bonferroni's correction for their number. Throws Error(kUsage)
// unless the reports were judged on the same tasks. Without a unit, trial returns are compared
// where all reports have them, as those of agents that learn while they act do, else what one unit
// of adaptation reaches, of learners on data their last one.
Comparison Compare(std::vector<SeedReport> reports, std::optional<int> unit);

// Tables in Markdown, or as text that fits into `width` columns where it can.
std::string ComparisonText(const Comparison& comparison, bool markdown, size_t width = kAnyWidth);
std::string ComparisonJson(const Comparison& comparison);

}  // namespace fewstep
