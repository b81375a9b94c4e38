#include "experiments/evaluation.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "experiments/output.h"
#include "experiments/svg_plot.h"
#include "experiments/table.h"

namespace fewstep {

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

  int64_t used = 0;
  for (int unit = 0; unit <= options.units; ++unit) {
    // judge what adaptation has reached ...
    const Rollouts rollouts = sampler.Collect(
        adaptive->policy(), adaptive->parameters(), curve.tasks,
        {.episodes = curve.options.episodes, .deterministic = options.deterministic},
        rng.Fork("episodes", static_cast<uint64_t>(unit)));
    const torch::Tensor means = rollouts.returns.mean(1).contiguous();
    const double* values = means.const_data_ptr<double>();
    curve.returns.emplace_back(values, values + options.tasks);
    curve.mean.push_back(
        BootstrapMean(curve.returns.back(), rng.Fork("bootstrap", static_cast<uint64_t>(unit))));
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
    if (unit == options.units) break;
    adaptive->Adapt(rollouts);
    used += curve.options.episodes;
  }
  return curve;
}

std::string TasksNote(const AdaptationCurve& curve) {
  return fmt::format(
      "{} {} tasks, {} episodes for each and every {}{}", curve.options.tasks,
      ToString(curve.options.split), curve.options.episodes, curve.unit,
      curve.finite ? "; the family has finitely many tasks: these were trained on" : "");
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
  for (size_t unit = 0; unit < curve.mean.size(); ++unit) {
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
  json["unit"] = curve.unit;
  json["interval"] = "95 % percentile bootstrap over tasks";
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
  json["task_values"] = nlohmann::ordered_json::array();
  for (const Task& task : curve.tasks) json["task_values"].push_back(task.values);
  return ToText(json);
}

std::string CurveSvg(const AdaptationCurve& curve, const std::string& title) {
  PlotSeries series{.name = curve.agent, .points = {}, .style = PlotStyle::kErrorBars};
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
