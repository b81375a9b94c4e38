// The ruler: every classical agent on the same tasks of a tabular family, under the evaluator of
// the meta-learners, beside what was published and what can be computed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/reports/table.h"
#include "experiments/running/catalog.h"
#include "experiments/running/evaluation.h"
#include "experiments/studies/ruler_rules.h"

namespace fewstep {

struct RulerOptions {
  std::string family;
  int64_t arms = 0, episodes = 0;  // of a bandit, of a trial; 0: the published
  int trials = 1000;
  uint64_t seed = 0;
  std::vector<std::string> agents;  // empty: all that play the family
  std::vector<std::string> runs;    // trained agents that play the same tasks: run directories
  bool deterministic = false;       // they act with the mode of their policy
  std::string against;              // the agent or run (by its name) that all others are compared
                                    // with, by its first row; empty: none
  bool control_variate = false;     // means also with one
  bool tune = false;                // choose constants on as many training tasks
  int threads = 0;                  // 0: one a processor
};

struct MeanAndError {
  double mean = 0, standard_error = 0;
};

struct RulerRow {
  std::string agent;
  std::string constant;  // what is set, "ties=lowest, epsilon=0.05"; empty if nothing
  bool at_edge = false;  // tuned, and the best value is the last of its grid
  TrialReturn trial;
  double seconds = 0;
  std::optional<PublishedCell> published;  // of rules that are as published
  // What compares with the published cell: the trial return, or for decision processes the return
  // over the discounted optimum; and its standard error.
  double comparable = 0, comparable_error = 0;
  double published_error = 0;        // of the published cell, estimated from our trials
  std::optional<double> difference;  // DifferenceInErrors of the two
  // Trial returns less those of RulerOptions::against, task by task.
  std::optional<MeanAndError> less;
  // Trial returns less what knowing the task gives and plus the mean of that over all tasks, which
  // is known: the same expectation, and a smaller error.
  std::optional<MeanAndError> controlled;
};

struct Ruler {
  RulerOptions options;
  std::string family_hash;
  bool bandit = true;
  int arms = 0, episodes = 0;  // of the family
  std::vector<RulerRow> rows;
  // Means over the tasks for a trial: of what knowing the task gives, and for decision processes of
  // the value with discount 0.99 a step; with standard errors.
  double optimum = 0, optimum_error = 0;
  double discounted_optimum = 0, discounted_error = 0;
  double random = 0;              // the exact mean of acting at random
  std::optional<double> ceiling;  // the exact Bayes-adaptive optimum, where it can be computed
};

// Throws Error(kUsage) on a family that is not tabular, on agents that do not play it, on runs of
// another definition, on a row to compare with that is not there, on a control variate where its
// mean is not known, and when it needs more memory than there is. Reports every agent as it is done
// through core/log.h.
Ruler MeasureRuler(const RulerOptions& options, const Catalog& catalog);

// With a table that fits into `width` columns where it can.
std::string RulerText(const Ruler& ruler, size_t width = kAnyWidth);
std::string RulerJson(const Ruler& ruler);

}  // namespace fewstep
