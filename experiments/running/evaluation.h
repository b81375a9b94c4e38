// The evaluator: one protocol for every kind of agent. Held-out tasks are drawn, and the agent
// adapts to each of them unit by unit from episodes that it acts itself. The episodes that a unit
// of adaptation learns from are also the ones on which what came before is judged: they were
// sampled after it, so nothing is judged on what it learned from. Where an agent is judged acting
// otherwise than its adaptation needs (EvaluationOptions::deterministic), it is judged on episodes
// of their own.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/sampler.h"
#include "core/metrics.h"
#include "data/episodes.h"
#include "data/few_shot_scene.h"
#include "experiments/reports/statistics.h"
#include "meta/meta_agent.h"

namespace fewstep {

// What the return of a task is measured on.
enum class Measure {
  kEpisodes,  // a number of episodes
  kRllab,     // rllab's rule: experiments/running/rllab_rule.h
};
inline constexpr ChoiceName<Measure> kMeasureNames[] = {{"episodes", Measure::kEpisodes},
                                                        {"rllab", Measure::kRllab}};

struct EvaluationOptions {
  Split split = Split::kTest;
  int tasks = 40;
  int units = -1;    // -1: as many as EvaluationUnits gives
  int episodes = 0;  // for each task and unit; 0: as many as the agent's unit of adaptation has
  // Judged acting with the mode of the policy. What is adapted on is acted as the agent says
  // (MetaAgent::support).
  bool deterministic = false;
  Measure measure = Measure::kEpisodes;
  // Of the tasks: the same number gives the same tasks, whatever the agent.
  uint64_t task_seed = 0;
  uint64_t seed = 0;  // of episodes, of what an agent draws, and of bootstraps
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

// Which distinct task each evaluation task of a finite family repeats.
struct DistinctTasks {
  std::vector<std::string> names;  // "direction=-1"
  std::vector<int> of;             // [tasks], an index of names
};

// What was judged where tasks are episodes of few-shot learning.
struct FewShotProtocol {
  DataSplit split = DataSplit::kTest;
  EpisodeOptions episodes;
  bool classifies = true;
  // Where the network has batch normalisation: the statistics that the curve was predicted with,
  // and the mean scores with others.
  std::string norm_mode;  // "" without batch normalisation
  struct OtherMode {
    std::string norm_mode;
    std::vector<Interval> mean;  // [U + 1]
  };
  std::vector<OtherMode> others;
  // Of functions of one number to one number: the first episodes, as pictures.
  struct Fit {
    FewShotScene scene;
    std::vector<FewShotPrediction> units;  // [U + 1]
  };
  std::vector<Fit> fits;  // [kShownFits], or all episodes
};
inline constexpr size_t kShownFits = 6;

// The column of a training run's metrics that holds an evaluation after so many units.
std::string EvaluationColumn(std::string_view score, size_t unit);

// What is believed of each task after so many units, by an agent that has such beliefs.
struct CurveBelief {
  std::vector<std::vector<double>> mean, deviation;  // [tasks][L] of a latent variable
  // [kShownGoals or all tasks] places that the agent would walk to, where tasks are goals in the
  // plane (believed_goals.h).
  std::vector<std::vector<std::array<double, 2>>> goals;
};
inline constexpr size_t kShownGoals = 4;

// Performance after 0, 1, ..., U units of adaptation.
struct AdaptationCurve {
  std::string score = "return";  // what is judged: "return", "accuracy", "error"
  std::optional<FewShotProtocol> few_shot;
  std::string family, family_hash, agent, unit;
  bool finite = false;  // the family has finitely many tasks: these were trained on
  // The tasks are repeats of those of a finite family, or of a list that is shorter than half of
  // them.
  bool repeats = false;
  int horizon = 0, trial_episodes = 1;  // of the family
  EvaluationOptions options;
  Support support = Support::kSampled;
  std::vector<Fact> facts;  // that the agent has beside every result
  std::vector<Task> tasks;
  DistinctTasks distinct;                    // where there are repeats; else empty
  std::vector<std::vector<double>> returns;  // [U + 1][tasks], means over a task's episodes
  // [U + 1], 95 % intervals over tasks; where there are repeats, over those of each task.
  std::vector<Interval> mean;
  bool bootstrapped = true;          // the intervals; false: 1.96 standard errors
  std::vector<Metrics> metrics;      // [U + 1], means over tasks of the family's metrics
  std::vector<CurveBelief> beliefs;  // [U + 1], or none
  // Of the family, for pictures of what is believed: names of parameters, and which two are a goal.
  std::vector<std::string> parameters;
  std::vector<size_t> goal_parameters;
  std::vector<int64_t> adaptation_episodes;  // [U + 1] for each task, used up to here
  int64_t steps = 0;
  int64_t diverged = 0;
  TrialReturn trial;
  // The judged episodes are a trial: the family has one, or the agent learns while it acts, and
  // nothing else was adapted on.
  bool is_trial = false;

  // Whether the judged episodes are others than those adapted on.
  bool judged_apart() const { return options.deterministic && support == Support::kSampled; }
};
// Thousands of resamples for every point take long: longer curves, and trials with more returns,
// have intervals of 1.96 standard errors.
inline constexpr int kBootstrappedPoints = 50, kBootstrappedReturns = 10'000;

// Throws Error(kUsage) when the agent cannot be measured so.
AdaptationCurve Evaluate(const MetaAgent& agent, const std::string& agent_name, Sampler& sampler,
                         const EvaluationOptions& options);

// `options` with the numbers that -1 units and 0 episodes stand for.
EvaluationOptions Resolved(EvaluationOptions options, const MetaAgent& agent,
                           const FamilySpec& spec);

// What sets an evaluation apart from that of its run, `own`, both resolved:
// "-train-tasks100-deterministic"; empty when nothing does. Part of its file's name, so that
// different evaluations have files of their own.
std::string EvaluationSuffix(const EvaluationOptions& options, const EvaluationOptions& own);

// Finds the distinct tasks among `tasks`. MeansOfDistinct: the mean of `values` [tasks] over the
// repeats of each.
DistinctTasks FindDistinct(const FamilySpec& spec, std::span<const Task> tasks);
std::vector<double> MeansOfDistinct(const DistinctTasks& distinct, std::span<const double> values);

}  // namespace fewstep
