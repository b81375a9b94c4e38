#include "experiments/running/evaluation.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "experiments/output.h"
#include "experiments/reports/svg_plot.h"
#include "experiments/reports/table.h"
#include "experiments/running/completed_steps.h"
#include "meta/baselines/optimum.h"

namespace fewstep {
namespace {

Interval MeanInterval(const AdaptationCurve& curve, std::span<const double> values, bool bootstrap,
                      const Rng& rng) {
  if (curve.finite) return StratifiedMean(values, curve.distinct.of);
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

// What the options cannot ask of this agent.
void CheckMeasurable(const EvaluationOptions& options, const MetaAgent& agent,
                     const std::string& name) {
  if (options.measure == Measure::kEpisodes || agent.support() == Support::kSampled) return;
  throw Error(ErrorKind::kUsage,
              fmt::format("'{}' learns while it acts: none of its episodes can be dropped", name),
              {.key = "--measure", .remedy = "Use --measure episodes"});
}

std::string IntervalName(const AdaptationCurve& curve) {
  if (curve.finite) {
    return fmt::format("95 % t interval over the repeats of each of {} tasks",
                       curve.distinct.names.size());
  }
  return curve.bootstrapped ? "95 % percentile bootstrap over tasks"
                            : "mean ± 1.96 standard errors over tasks";
}

// How the judged episodes were acted and counted, where that is not the usual way; begins with a
// comma.
std::string Acting(const AdaptationCurve& curve) {
  std::string acting;
  if (curve.judged_apart()) {
    acting = ", judged acting with the mode of the policy, adapted on sampled episodes";
  } else if (curve.options.deterministic) {
    acting = ", the whole trial acted with the mode of the policy";
  }
  if (curve.options.measure == Measure::kCompleted) {
    acting +=
        ", measured by rllab's rule (completed episodes until as many steps, running ones "
        "dropped)";
  }
  return acting;
}

// Of a finite family with few tasks, their own values are shown.
bool ShowsTasks(const AdaptationCurve& curve) {
  return curve.finite && curve.distinct.names.size() <= kShownTasks;
}

// Rows of a table: all of a short curve; of a long one 0, 1, 2, 5, 10, 20, 50, ... and the last.
std::vector<size_t> ShownUnits(size_t points) {
  constexpr size_t kShort = 12;
  std::vector<size_t> units;
  if (points <= kShort) {
    for (size_t unit = 0; unit < points; ++unit) units.push_back(unit);
    return units;
  }
  units.push_back(0);
  for (size_t decade = 1; decade < points; decade *= 10) {
    for (const size_t digit : {1, 2, 5}) {
      if (digit * decade + 1 < points) units.push_back(digit * decade);
    }
  }
  units.push_back(points - 1);
  return units;
}

}  // namespace

int EvaluationUnits(const EvaluationOptions& options, const FamilySpec& spec, int episodes) {
  constexpr int kWithoutTrial = 3;
  if (options.units >= 0) return options.units;
  if (spec.trial_episodes <= 1) return kWithoutTrial;
  return std::max(0, (spec.trial_episodes + episodes - 1) / episodes - 1);
}

Measure ParseMeasure(std::string_view name) {
  if (name == "episodes") return Measure::kEpisodes;
  if (name == "rllab") return Measure::kCompleted;
  throw Error(ErrorKind::kUsage, fmt::format("'{}' is no measuring rule", name),
              {.key = "--measure", .remedy = "Known: episodes, rllab"});
}

std::string_view ToString(Measure measure) {
  return measure == Measure::kCompleted ? "rllab" : "episodes";
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
  options.units = EvaluationUnits(options, spec, options.episodes);
  return options;
}

std::string EvaluationSuffix(const EvaluationOptions& options, const EvaluationOptions& own) {
  std::string suffix;
  if (options.split != own.split) suffix += fmt::format("-{}", ToString(options.split));
  if (options.tasks != own.tasks) suffix += fmt::format("-tasks{}", options.tasks);
  if (options.units != own.units) suffix += fmt::format("-units{}", options.units);
  if (options.episodes != own.episodes) suffix += fmt::format("-episodes{}", options.episodes);
  if (options.task_seed != own.task_seed) suffix += fmt::format("-seed{}", options.task_seed);
  if (options.measure != own.measure) suffix += "-rllab";
  if (options.deterministic != own.deterministic) suffix += "-deterministic";
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
      .tasks = family.Sample(options.split, options.tasks, Rng(options.task_seed).Fork("tasks"))};
  if (spec.finite) curve.distinct = FindDistinct(spec, curve.tasks);
  const int units = curve.options.units;
  curve.is_trial = (spec.trial_episodes > 1 || curve.unit == "episode") && !curve.judged_apart();
  curve.bootstrapped =
      units < kBootstrappedPoints &&
      (spec.trial_episodes <= 1 || (units + 1) * int64_t{options.tasks} <= kBootstrappedReturns);
  const std::unique_ptr<AdaptiveAgent> adaptive = DeployOn(agent, curve.tasks, rng.Fork("agent"));

  int64_t used = 0;
  std::vector<double> trial_returns(curve.tasks.size());
  for (int unit = 0; unit <= units; ++unit) {
    const auto collect = [&](bool deterministic, const Rng& stream) {
      Rollouts rollouts =
          sampler.Collect(adaptive->policy(), adaptive->parameters(), curve.tasks,
                          {.episodes = curve.options.episodes, .deterministic = deterministic},
                          stream, adaptive->trials());
      curve.steps += rollouts.steps;
      curve.diverged += rollouts.diverged;
      return rollouts;
    };
    const auto stream_of = [&](std::string_view name) {
      return rng.Fork(name, static_cast<uint64_t>(unit));
    };

    // judge what adaptation has reached ...
    const Rng stream = stream_of(curve.judged_apart() ? "judged" : "episodes");
    const Rollouts rollouts = collect(options.deterministic, stream);
    const torch::Tensor means = rollouts.returns.mean(1).contiguous();
    const std::span<const double> plain(means.const_data_ptr<double>(), curve.tasks.size());
    curve.returns.emplace_back(plain.begin(), plain.end());
    Metrics metrics;
    if (options.measure == Measure::kCompleted) {
      curve.returns.back() = CompletedReturns(rollouts, [&](uint64_t round) {
        return collect(options.deterministic, stream.Fork("round", round));
      });
      metrics.Add("plain_mean_return", Mean(plain));
    }
    curve.mean.push_back(
        MeanInterval(curve, curve.returns.back(), curve.bootstrapped, stream_of("bootstrap")));
    for (size_t task = 0; task < trial_returns.size(); ++task) {
      trial_returns[task] += plain[task] * curve.options.episodes;
    }
    for (size_t m = 0; m < spec.metrics.size(); ++m) {
      metrics.Add(spec.metrics[m],
                  rollouts.metric_means.select(1, static_cast<int64_t>(m)).mean().item<double>());
    }
    curve.metrics.push_back(std::move(metrics));
    curve.adaptation_episodes.push_back(used);

    // ... and adapt once more
    if (unit == units) break;
    adaptive->Adapt(curve.judged_apart() ? collect(false, stream_of("episodes")) : rollouts);
    used += curve.options.episodes;
  }
  curve.trial = MakeTrial(curve, spec, std::move(trial_returns), rng.Fork("trial"));
  return curve;
}

std::string TasksNote(const AdaptationCurve& curve) {
  return fmt::format(
      "{} {} tasks, {} episodes for each and every {}{}{}{}", curve.options.tasks,
      ToString(curve.options.split), curve.options.episodes, curve.unit, Acting(curve),
      curve.options.bootstrap_at_horizon.value_or(false) ? ", bootstrapped at the horizon" : "",
      curve.finite ? fmt::format("; they are repeats of {} tasks, which were trained on",
                                 curve.distinct.names.size())
                   : "");
}

std::string CurveNote(const AdaptationCurve& curve) {
  const std::string intervals = fmt::format("Intervals: {}.\n", IntervalName(curve));
  if (!curve.is_trial) return intervals;
  const TrialReturn& trial = curve.trial;
  std::string note =
      intervals +
      fmt::format(
          "Trial return of {} episodes: {:.2f} ± {:.2f} standard errors, 95 % interval {:.2f} to "
          "{:.2f}",
          trial.episodes, trial.mean.point, trial.standard_error, trial.mean.low, trial.mean.high);
  if (trial.optimum) {
    note += fmt::format("; {:.3f} of what knowing the task would give, {:.2f}",
                        trial.mean.point / *trial.optimum, *trial.optimum);
  }
  return note + ".\n";
}

Table CurveTable(const AdaptationCurve& curve) {
  std::vector<TableColumn> columns = {{fmt::format("{}s", curve.unit), Align::kRight},
                                      {"mean return", Align::kRight},
                                      {"95 % interval", Align::kRight},
                                      {"episodes used", Align::kRight}};
  for (const auto& [name, value] : curve.metrics[0].entries()) {
    columns.push_back({name, Align::kRight});
  }
  if (ShowsTasks(curve)) {
    for (const std::string& name : curve.distinct.names) columns.push_back({name, Align::kRight});
  }
  Table table(columns);
  for (const size_t unit : ShownUnits(curve.mean.size())) {
    const Interval& mean = curve.mean[unit];
    std::vector<std::string> row = {fmt::format("{}", unit), fmt::format("{:.1f}", mean.point),
                                    BoundsText(mean),
                                    fmt::format("{}", curve.adaptation_episodes[unit])};
    for (const auto& [name, value] : curve.metrics[unit].entries()) {
      row.push_back(fmt::format("{:.3f}", value));
    }
    if (ShowsTasks(curve)) {
      for (const double mean_of_task : MeansOfDistinct(curve.distinct, curve.returns[unit])) {
        row.push_back(fmt::format("{:.1f}", mean_of_task));
      }
    }
    table.AddRow(std::move(row));
  }
  return table;
}

std::string CurveJson(const AdaptationCurve& curve, int64_t iteration) {
  nlohmann::ordered_json json;
  json["family"] = curve.family;
  json["family_hash"] = curve.family_hash;
  json["agent"] = curve.agent;
  json["iteration"] = iteration;
  json["split"] = ToString(curve.options.split);
  json["same_tasks_in_training"] = curve.finite;
  json["task_seed"] = curve.options.task_seed;
  json["seed"] = curve.options.seed;
  json["horizon"] = curve.horizon;
  json["trial_episodes"] = curve.trial_episodes;
  json["tasks"] = curve.options.tasks;
  json["episodes_per_task_and_unit"] = curve.options.episodes;
  json["deterministic"] = curve.options.deterministic;
  json["adapted_on"] =
      curve.support == Support::kSampled ? "sampled episodes" : "the episodes judged";
  json["measure"] = ToString(curve.options.measure);
  if (const auto& bootstrap = curve.options.bootstrap_at_horizon) {
    json["bootstrap_at_horizon"] = *bootstrap;
  }
  json["unit"] = curve.unit;
  json["interval"] = IntervalName(curve);
  json["environment_steps"] = curve.steps;
  json["diverged_episodes"] = curve.diverged;
  json["curve"] = nlohmann::ordered_json::array();
  for (size_t unit = 0; unit < curve.mean.size(); ++unit) {
    nlohmann::ordered_json point;
    point["units"] = unit;
    point["adaptation_episodes"] = curve.adaptation_episodes[unit];
    point["mean_return"] = curve.mean[unit].point;
    point["low"] = curve.mean[unit].low;
    point["high"] = curve.mean[unit].high;
    for (const auto& [name, value] : curve.metrics[unit].entries()) point[name] = value;
    if (curve.finite) {
      const std::vector<double> means = MeansOfDistinct(curve.distinct, curve.returns[unit]);
      for (size_t i = 0; i < means.size(); ++i) {
        point["distinct_tasks"][curve.distinct.names[i]] = means[i];
      }
    }
    point["returns"] = curve.returns[unit];
    json["curve"].push_back(std::move(point));
  }
  if (curve.is_trial) {
    const TrialReturn& trial = curve.trial;
    nlohmann::ordered_json& object = json["trial"];
    object["episodes"] = trial.episodes;
    object["mean_return"] = trial.mean.point;
    object["standard_error"] = trial.standard_error;
    object["low"] = trial.mean.low;
    object["high"] = trial.mean.high;
    if (trial.optimum) object["optimum"] = *trial.optimum;
    object["returns"] = trial.returns;
  }
  json["task_values"] = nlohmann::ordered_json::array();
  for (const Task& task : curve.tasks) json["task_values"].push_back(task.values);
  return ToText(json);
}

std::string CurveSvg(const AdaptationCurve& curve, const std::string& title) {
  PlotSeries series{.name = curve.agent, .points = {}, .style = PlotStyle::kErrorBars};
  if (!curve.bootstrapped) series.style = PlotStyle::kBand;
  for (size_t unit = 0; unit < curve.mean.size(); ++unit) {
    const Interval& mean = curve.mean[unit];
    series.points.push_back({static_cast<double>(unit), mean.point, mean.low, mean.high});
  }
  Plot plot{.title = title,
            .x_label = fmt::format("{}s of adaptation", curve.unit),
            .y_label = "mean return",
            .series = {std::move(series)},
            .integer_x = true};
  return RenderSvg(plot);
}

}  // namespace fewstep
