#include "experiments/running/evaluation.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "experiments/running/believed_goals.h"
#include "experiments/running/rllab_rule.h"
#include "experiments/running/unit_by_unit.h"
#include "meta/baselines/optimum.h"

namespace fewstep {
namespace {

Interval MeanInterval(const AdaptationCurve& curve, std::span<const double> values, bool bootstrap,
                      const Rng& rng) {
  if (curve.repeats) return StratifiedMean(values, curve.distinct.of);
  if (bootstrap) return BootstrapMean(values, rng);
  const double mean = Mean(values), half = 1.96 * StandardError(values);
  return {mean, mean - half, mean + half};
}

TrialReturn MakeTrial(const AdaptationCurve& curve, const FamilySpec& spec,
                      std::vector<double> returns, const Rng& rng) {
  TrialReturn trial{.episodes = curve.options.episodes * (curve.options.units + 1),
                    .returns = std::move(returns)};
  trial.mean = MeanInterval(curve, trial.returns, true, rng);
  trial.standard_error = StandardError(trial.returns);
  double optimum = 0;
  for (const Task& task : curve.tasks) {
    const std::optional<double> best = OptimalReturn(spec, task);
    if (!best) return trial;
    optimum += *best * trial.episodes;
  }
  trial.optimum = optimum / static_cast<double>(curve.tasks.size());
  return trial;
}

std::vector<std::vector<double>> RowsOf(const torch::Tensor& values) {
  const torch::Tensor rows = values.to(torch::kCPU, torch::kFloat64).contiguous();
  std::vector<std::vector<double>> out;
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const double* row = rows.const_data_ptr<double>() + i * rows.size(1);
    out.emplace_back(row, row + rows.size(1));
  }
  return out;
}

// Where the agent stands before the present unit's episodes; nothing if it has no beliefs.
std::optional<CurveBelief> BeliefOf(const UnitByUnit& adapting, const TaskFamily& family,
                                    std::span<const Task> tasks) {
  const TaskBelief belief = adapting.belief();
  if (!belief.mean.defined()) return std::nullopt;
  CurveBelief out{.mean = RowsOf(belief.mean), .deviation = RowsOf(belief.deviation), .goals = {}};
  if (!HasPlaces(family.spec())) return out;
  const TrialStates trials = adapting.CloneTrials();
  const torch::Tensor rows = adapting.parameters().flat.to(torch::kCPU, torch::kFloat32);
  for (size_t task = 0; task < std::min(kShownGoals, tasks.size()); ++task) {
    const auto at = static_cast<int64_t>(task);
    out.goals.push_back(BelievedGoals(adapting.policy(),
                                      rows.narrow(0, rows.size(0) == 1 ? 0 : at, 1).contiguous(),
                                      trials.memory.narrow(0, at, 1), family, tasks[task],
                                      kGoalDraws, adapting.Stream("goals").Fork("task", task)));
  }
  return out;
}

// What the options cannot ask of this agent.
void CheckMeasurable(const EvaluationOptions& options, const MetaAgent& agent,
                     const std::string& name) {
  if (options.measure == Measure::kEpisodes || agent.support() == Support::kSampled ||
      !agent.adapts()) {
    return;
  }
  throw Error(ErrorKind::kUsage,
              fmt::format("'{}' learns while it acts: none of its episodes can be dropped", name),
              {.key = "--measure", .remedy = "Use --measure episodes"});
}

}  // namespace

int EvaluationUnits(const EvaluationOptions& options, const FamilySpec& spec, int episodes) {
  constexpr int kWithoutTrial = 3;
  if (options.units >= 0) return options.units;
  if (spec.trial_episodes <= 1) return kWithoutTrial;
  return std::max(0, (spec.trial_episodes + episodes - 1) / episodes - 1);
}

std::string EvaluationColumn(std::string_view score, size_t unit) {
  return fmt::format("evaluation_{}_{}", score, unit);
}

DistinctTasks FindDistinct(const FamilySpec& spec, std::span<const Task> tasks) {
  DistinctTasks distinct;
  std::vector<std::vector<double>> known;
  for (const Task& task : tasks) {
    auto found = std::ranges::find(known, task.values);
    if (found == known.end()) {
      known.push_back(task.values);
      distinct.names.push_back(ToString(spec, task));
      found = known.end() - 1;
    }
    distinct.of.push_back(static_cast<int>(found - known.begin()));
  }
  return distinct;
}

std::vector<double> MeansOfDistinct(const DistinctTasks& distinct, std::span<const double> values) {
  std::vector<double> sums(distinct.names.size()), counts(distinct.names.size());
  for (size_t i = 0; i < values.size(); ++i) {
    sums[static_cast<size_t>(distinct.of[i])] += values[i];
    ++counts[static_cast<size_t>(distinct.of[i])];
  }
  for (size_t i = 0; i < sums.size(); ++i) sums[i] /= counts[i];
  return sums;
}

EvaluationOptions Resolved(EvaluationOptions options, const MetaAgent& agent,
                           const FamilySpec& spec) {
  if (options.episodes == 0) options.episodes = agent.episodes_per_unit();
  if (options.units < 0 && !agent.adapts()) options.units = 0;
  options.units = EvaluationUnits(options, spec, options.episodes);
  return options;
}

std::string EvaluationSuffix(const EvaluationOptions& options, const EvaluationOptions& own) {
  std::string suffix;
  if (options.split != own.split) suffix += fmt::format("-{}", NameOf(kSplitNames, options.split));
  if (options.tasks != own.tasks) suffix += fmt::format("-tasks{}", options.tasks);
  if (options.units != own.units) suffix += fmt::format("-units{}", options.units);
  if (options.episodes != own.episodes) suffix += fmt::format("-episodes{}", options.episodes);
  if (options.task_seed != own.task_seed) suffix += fmt::format("-seed{}", options.task_seed);
  if (options.measure != own.measure) suffix += "-rllab";
  if (options.deterministic != own.deterministic) {
    suffix += options.deterministic ? "-deterministic" : "-sampled";
  }
  return suffix;
}

AdaptationCurve Evaluate(const MetaAgent& agent, const std::string& agent_name, Sampler& sampler,
                         const EvaluationOptions& options) {
  const TaskFamily& family = sampler.family();
  const FamilySpec& spec = family.spec();
  const Rng rng(options.seed);
  CheckMeasurable(options, agent, agent_name);
  AdaptationCurve curve{
      .family = spec.name,
      .family_hash = family.hash(),
      .agent = agent_name,
      .unit = agent.unit(),
      .finite = spec.finite,
      .horizon = spec.horizon,
      .trial_episodes = spec.trial_episodes,
      .options = Resolved(options, agent, spec),
      .support = agent.support(),
      .facts = agent.facts(),
      .tasks = family.Sample(options.split, options.tasks, Rng(options.task_seed).Fork("tasks"))};
  const size_t listed = family.AllTasks(options.split).size();
  curve.repeats = spec.finite || (listed > 0 && curve.tasks.size() >= 2 * listed);
  if (curve.repeats) curve.distinct = FindDistinct(spec, curve.tasks);
  for (const ParameterSpec& parameter : spec.parameters) curve.parameters.push_back(parameter.name);
  if (HasPlaces(spec)) {
    for (const std::string& name : spec.drawing.goal) {
      const auto at = std::ranges::find(curve.parameters, name);
      curve.goal_parameters.push_back(static_cast<size_t>(at - curve.parameters.begin()));
    }
  }
  const int units = curve.options.units;
  const bool learns_acting = curve.support == Support::kAsJudged && agent.adapts();
  curve.is_trial = (spec.trial_episodes > 1 || learns_acting) && !curve.judged_apart();
  curve.bootstrapped =
      units < kBootstrappedPoints &&
      (spec.trial_episodes <= 1 || (units + 1) * int64_t{options.tasks} <= kBootstrappedReturns);
  UnitByUnit adapting(agent, sampler, curve.tasks, rng);

  int64_t used = 0;
  std::vector<double> trial_returns(curve.tasks.size());
  for (int unit = 0; unit <= units; ++unit) {
    const auto collect = [&](bool deterministic, const Rng& stream) {
      Rollouts rollouts = adapting.Collect(
          {.episodes = curve.options.episodes, .deterministic = deterministic}, stream);
      curve.steps += rollouts.steps;
      curve.diverged += rollouts.diverged;
      return rollouts;
    };

    if (auto belief = BeliefOf(adapting, family, curve.tasks)) {
      curve.beliefs.push_back(*std::move(belief));
    }

    // judge what adaptation has reached ...
    const Rng stream = adapting.Stream(curve.judged_apart() ? "judged" : "episodes");
    const Rollouts rollouts = collect(options.deterministic, stream);
    const torch::Tensor means = rollouts.returns.mean(1).contiguous();
    const std::span<const double> plain(means.const_data_ptr<double>(), curve.tasks.size());
    curve.returns.emplace_back(plain.begin(), plain.end());
    Metrics metrics;
    if (options.measure == Measure::kRllab) {
      curve.returns.back() = RllabReturns(rollouts, [&](uint64_t round) {
        return collect(options.deterministic, stream.Fork("round", round));
      });
      metrics.Add("plain_mean_return", Mean(plain));
    }
    curve.mean.push_back(MeanInterval(curve, curve.returns.back(), curve.bootstrapped,
                                      adapting.Stream("bootstrap")));
    for (size_t task = 0; task < trial_returns.size(); ++task) {
      trial_returns[task] += plain[task] * curve.options.episodes;
    }
    for (size_t m = 0; m < spec.metrics.size(); ++m) {
      metrics.Add(spec.metrics[m],
                  rollouts.metric_means.select(1, static_cast<int64_t>(m)).mean().item<double>());
    }
    if (!curve.beliefs.empty()) {
      double sum = 0;
      for (const auto& of_task : curve.beliefs.back().deviation) sum += Mean(of_task);
      metrics.Add("posterior_deviation", sum / static_cast<double>(curve.tasks.size()));
    }
    curve.metrics.push_back(std::move(metrics));
    curve.adaptation_episodes.push_back(used);

    // ... and adapt once more
    if (unit == units) break;
    adapting.Adapt(curve.judged_apart() ? collect(false, adapting.Stream("episodes")) : rollouts);
    used += curve.options.episodes;
  }
  curve.trial = MakeTrial(curve, spec, std::move(trial_returns), rng.Fork("trial"));
  return curve;
}

}  // namespace fewstep
