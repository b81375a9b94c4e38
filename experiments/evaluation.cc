#include "experiments/evaluation.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/output.h"
#include "experiments/svg_plot.h"
#include "experiments/table.h"
#include "meta/baselines/optimum.h"

namespace fewstep {
namespace {

Interval MeanInterval(std::span<const double> values, bool bootstrap, const Rng& rng) {
  if (bootstrap) return BootstrapMean(values, rng);
  const double mean = Mean(values), half = 1.96 * StandardError(values);
  return {mean, mean - half, mean + half};
}

TrialReturn MakeTrial(const FamilySpec& spec, const std::vector<Task>& tasks,
                      std::vector<double> returns, int episodes, const Rng& rng) {
  TrialReturn trial{.episodes = episodes, .returns = std::move(returns)};
  trial.mean = BootstrapMean(trial.returns, rng);
  trial.standard_error = StandardError(trial.returns);
  double optimum = 0;
  for (const Task& task : tasks) {
    const std::optional<double> best = OptimalReturn(spec, task);
    if (!best) return trial;
    optimum += *best * episodes;
  }
  trial.optimum = optimum / static_cast<double>(tasks.size());
  return trial;
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

AdaptationCurve Evaluate(const MetaAgent& agent, const std::string& agent_name, Sampler& sampler,
                         const EvaluationOptions& options) {
  const TaskFamily& family = sampler.family();
  const FamilySpec& spec = family.spec();
  const Rng rng(options.seed);
  const std::unique_ptr<AdaptiveAgent> adaptive = agent.Deploy(options.tasks);
  AdaptationCurve curve{.family = spec.name,
                        .family_hash = family.hash(),
                        .agent = agent_name,
                        .unit = adaptive->unit(),
                        .finite = spec.finite,
                        .options = options,
                        .tasks = family.Sample(options.split, options.tasks, rng.Fork("tasks"))};
  curve.options.episodes = options.episodes > 0 ? options.episodes : adaptive->episodes_per_unit();
  const int units = EvaluationUnits(options, spec, curve.options.episodes);
  curve.options.units = units;
  curve.is_trial = spec.trial_episodes > 1 || curve.unit == "episode";
  curve.bootstrapped =
      units < kBootstrappedPoints &&
      (spec.trial_episodes <= 1 || (units + 1) * int64_t{options.tasks} <= kBootstrappedReturns);
  adaptive->Begin(curve.tasks, rng.Fork("agent"));

  int64_t used = 0;
  std::vector<double> trial_returns(curve.tasks.size());
  for (int unit = 0; unit <= units; ++unit) {
    // judge what adaptation has reached ...
    const Rollouts rollouts = sampler.Collect(
        adaptive->policy(), adaptive->parameters(), curve.tasks,
        {.episodes = curve.options.episodes, .deterministic = options.deterministic},
        rng.Fork("episodes", static_cast<uint64_t>(unit)));
    const torch::Tensor means = rollouts.returns.mean(1).contiguous();
    const double* values = means.const_data_ptr<double>();
    curve.returns.emplace_back(values, values + options.tasks);
    curve.mean.push_back(MeanInterval(curve.returns.back(), curve.bootstrapped,
                                      rng.Fork("bootstrap", static_cast<uint64_t>(unit))));
    for (size_t task = 0; task < trial_returns.size(); ++task) {
      trial_returns[task] += values[task] * curve.options.episodes;
    }
    Metrics metrics;
    for (size_t m = 0; m < spec.metrics.size(); ++m) {
      metrics.Add(spec.metrics[m],
                  rollouts.metric_means.select(1, static_cast<int64_t>(m)).mean().item<double>());
    }
    curve.metrics.push_back(std::move(metrics));
    curve.adaptation_episodes.push_back(used);
    curve.steps += rollouts.steps;
    curve.diverged += rollouts.diverged;

    // ... and adapt once more on the same episodes
    if (unit == units) break;
    adaptive->Adapt(rollouts);
    used += curve.options.episodes;
  }
  curve.trial = MakeTrial(spec, curve.tasks, std::move(trial_returns),
                          curve.options.episodes * (units + 1), rng.Fork("trial"));
  return curve;
}

std::string TasksNote(const AdaptationCurve& curve) {
  return fmt::format(
      "{} {} tasks, {} episodes for each and every {}{}{}", curve.options.tasks,
      ToString(curve.options.split), curve.options.episodes, curve.unit,
      curve.options.bootstrap_at_horizon.value_or(false) ? ", bootstrapped at the horizon" : "",
      curve.finite ? "; the family has finitely many tasks: these were trained on" : "");
}

std::string TrialNote(const AdaptationCurve& curve) {
  if (!curve.is_trial) return "";
  const TrialReturn& trial = curve.trial;
  std::string note = fmt::format(
      "Trial return of {} episodes: {:.2f} ± {:.2f} standard errors, 95 % interval {:.2f} to "
      "{:.2f}",
      trial.episodes, trial.mean.point, trial.standard_error, trial.mean.low, trial.mean.high);
  if (trial.optimum) {
    note += fmt::format("; {:.3f} of what knowing the task would give, {:.2f}",
                        trial.mean.point / *trial.optimum, *trial.optimum);
  }
  return note + ".\n";
}

std::string CurveTable(const AdaptationCurve& curve, bool markdown) {
  std::vector<TableColumn> columns = {{fmt::format("{}s", curve.unit), Align::kRight},
                                      {"mean return", Align::kRight},
                                      {"95 % interval", Align::kRight},
                                      {"episodes used", Align::kRight}};
  for (const auto& [name, value] : curve.metrics[0].entries()) {
    columns.push_back({name, Align::kRight});
  }
  Table table(columns);
  for (const size_t unit : ShownUnits(curve.mean.size())) {
    const Interval& mean = curve.mean[unit];
    std::vector<std::string> row = {fmt::format("{}", unit), fmt::format("{:.1f}", mean.point),
                                    fmt::format("{:.1f} to {:.1f}", mean.low, mean.high),
                                    fmt::format("{}", curve.adaptation_episodes[unit])};
    for (const auto& [name, value] : curve.metrics[unit].entries()) {
      row.push_back(fmt::format("{:.3f}", value));
    }
    table.AddRow(std::move(row));
  }
  return markdown ? table.Markdown() : table.Text();
}

std::string CurveJson(const AdaptationCurve& curve, int64_t iteration) {
  nlohmann::ordered_json json;
  json["family"] = curve.family;
  json["family_hash"] = curve.family_hash;
  json["agent"] = curve.agent;
  json["iteration"] = iteration;
  json["split"] = ToString(curve.options.split);
  json["same_tasks_in_training"] = curve.finite;
  json["seed"] = curve.options.seed;
  json["tasks"] = curve.options.tasks;
  json["episodes_per_task_and_unit"] = curve.options.episodes;
  json["deterministic"] = curve.options.deterministic;
  if (const auto& bootstrap = curve.options.bootstrap_at_horizon) {
    json["bootstrap_at_horizon"] = *bootstrap;
  }
  json["unit"] = curve.unit;
  json["interval"] = curve.bootstrapped ? "95 % percentile bootstrap over tasks"
                                        : "mean ± 1.96 standard errors over tasks";
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
