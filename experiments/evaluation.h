// The evaluator: one protocol for every kind of agent. Held-out tasks are drawn, and the agent
// adapts to each of them unit by unit from episodes that it acts itself. The episodes that a unit
// of adaptation learns from are also the ones on which what came before is judged: they were
// sampled after it, so nothing is judged on what it learned from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agents/sampler.h"
#include "core/metrics.h"
#include "experiments/statistics.h"
#include "meta/meta_agent.h"

namespace fewstep {

struct EvaluationOptions {
  Split split = Split::kTest;
  int tasks = 40;
  int units = -1;    // -1: as many as EvaluationUnits gives
  int episodes = 0;  // for each task and unit; 0: as many as the agent's unit of adaptation has
  bool deterministic = false;
  uint64_t seed = 0;  // of tasks, episodes and bootstrap
  // Whether the agent's returns go on past a time limit with a value; where it adapts by returns.
  // Recorded, not used: it was trained so.
  std::optional<bool> bootstrap_at_horizon = {};
};

// options.units, or when they are -1 as many as fill the family's trial with `episodes` after each
// unit, and 3 for a family without a trial.
int EvaluationUnits(const EvaluationOptions& options, const FamilySpec& spec, int episodes);

// The sum of the returns of all episodes that an agent spends on a task: what an agent that learns
// while it acts is judged by.
struct TrialReturn {
  int episodes = 0;             // of the trial
  std::vector<double> returns;  // [tasks]
  Interval mean;                // 95 % bootstrap interval over tasks
  double standard_error = 0;
  // Mean over tasks of what a policy that knows the task reaches in as many episodes; where it can
  // be computed.
  std::optional<double> optimum;
};

// Performance after 0, 1, ..., U units of adaptation.
struct AdaptationCurve {
  std::string family, family_hash, agent, unit;
  bool finite = false;  // the family has finitely many tasks: these were trained on
  EvaluationOptions options;
  std::vector<Task> tasks;
  std::vector<std::vector<double>> returns;  // [U + 1][tasks], means over a task's episodes
  std::vector<Interval> mean;                // [U + 1], 95 % intervals over tasks
  bool bootstrapped = true;                  // the intervals; false: 1.96 standard errors
  std::vector<Metrics> metrics;              // [U + 1], means over tasks of the family's metrics
  std::vector<int64_t> adaptation_episodes;  // [U + 1] for each task, used up to here
  int64_t steps = 0;
  int64_t diverged = 0;
  TrialReturn trial;
  bool is_trial = false;  // the family has a trial, or a unit is an episode
};
// Thousands of resamples for every point take long: longer curves, and trials with more returns,
// have intervals of 1.96 standard errors.
inline constexpr int kBootstrappedPoints = 50, kBootstrappedReturns = 10'000;

AdaptationCurve Evaluate(const MetaAgent& agent, const std::string& agent_name, Sampler& sampler,
                         const EvaluationOptions& options);

// "Tasks: ...": how many, of which split, and whether they were trained on. Belongs beside every
// figure that is shown.
std::string TasksNote(const AdaptationCurve& curve);

// "Trial return of 10 episodes: ..."; empty when the curve is no trial.
std::string TrialNote(const AdaptationCurve& curve);

// What is shown and saved. The table of a long curve has some of its rows, the JSON has all.
std::string CurveTable(const AdaptationCurve& curve, bool markdown);
std::string CurveJson(const AdaptationCurve& curve, int64_t iteration);
std::string CurveSvg(const AdaptationCurve& curve, const std::string& title);

}  // namespace fewstep
