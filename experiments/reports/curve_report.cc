#include "experiments/reports/curve_report.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/metrics.h"
#include "experiments/output.h"
#include "experiments/reports/statistics.h"
#include "experiments/reports/svg_plot.h"

namespace fewstep {
namespace {

// Values of single tasks are shown where there are at most so many.
constexpr size_t kShownTasks = 8;

std::string IntervalName(const AdaptationCurve& curve) {
  if (curve.few_shot) return "95 % t interval over episodes";
  if (curve.repeats) {
    return fmt::format("95 % t interval over the repeats of each of {} tasks",
                       curve.distinct.names.size());
  }
  return curve.bootstrapped ? "95 % percentile bootstrap over tasks"
                            : "mean ± 1.96 standard errors over tasks";
}

// How the judged episodes were acted and counted, where that is not the usual way; begins with a
// comma.
std::string Acting(const AdaptationCurve& curve) {
  std::string_view mode, rule;
  if (curve.judged_apart()) {
    mode = ", judged acting with the mode of the policy, adapted on sampled episodes";
  } else if (curve.options.deterministic) {
    mode = ", the whole trial acted with the mode of the policy";
  }
  if (curve.options.measure == Measure::kRllab) {
    rule =
        ", measured by rllab's rule (completed episodes until as many steps, running ones dropped)";
  }
  return fmt::format("{}{}", mode, rule);
}

// Of a finite family with few tasks, their own values are shown.
bool ShowsTasks(const AdaptationCurve& curve) {
  return curve.finite && curve.distinct.names.size() <= kShownTasks;
}

// ", bootstrapped at the horizon"
std::string FactNotes(const AdaptationCurve& curve) {
  std::string notes;
  for (const Fact& fact : curve.facts) {
    if (fact.value) notes += ", " + fact.note;
  }
  return notes;
}

}  // namespace

namespace {

// "1000 test episodes of 5 ways, 1 shots and 15 queries of each, batch statistics batch"
std::string EpisodesNote(const AdaptationCurve& curve, const FewShotProtocol& of) {
  std::string size;
  const EpisodeOptions& e = of.episodes;
  if (!of.classifies) {
    size = fmt::format("{} points to learn from and {} to be judged on", e.shots, e.queries);
  } else if (e.size == EpisodeSize::kVariable) {
    size = "as many ways and shots as chance has it (Meta-Dataset's rule)";
  } else {
    size = fmt::format("{} ways, {} shots{} and {} queries of each", e.ways, e.shots,
                       e.size == EpisodeSize::kImbalanced ? " in the mean" : "", e.queries);
  }
  if (e.within_group) size += ", all ways of one group";
  if (!of.norm_mode.empty()) {
    size += fmt::format(
        "; batch normalisation by {} statistics{}", of.norm_mode,
        of.norm_mode == "batch" ? " (transductive: queries are normalised together)" : "");
  }
  return fmt::format("{} {} episodes of {}", curve.returns.front().size(),
                     NameOf(kDataSplitNames, of.split), size);
}

}  // namespace

std::string TasksNote(const AdaptationCurve& curve) {
  if (curve.few_shot) return EpisodesNote(curve, *curve.few_shot);
  return fmt::format("{} {} tasks, {} episodes for each and every {}{}{}{}", curve.options.tasks,
                     NameOf(kSplitNames, curve.options.split), curve.options.episodes, curve.unit,
                     Acting(curve), FactNotes(curve),
                     curve.finite
                         ? fmt::format("; they are repeats of {} tasks, which were trained on",
                                       curve.distinct.names.size())
                         : "");
}

std::string OtherModeNote(const FewShotProtocol::OtherMode& other) {
  std::vector<std::string> means;
  for (const size_t unit : ShownPoints(other.mean.size())) {
    const Interval& mean = other.mean[unit];
    means.push_back(fmt::format("{:.4f}", mean.point));
    if (std::isnan(mean.low)) continue;  // of a single run
    means.back() += fmt::format(" ± {:.4f}", (mean.high - mean.low) / 2);
  }
  return fmt::format("With {} statistics{}: {}.\n", other.norm_mode,
                     other.norm_mode == "batch" ? " (transductive)" : " (inductive)",
                     fmt::join(means, ", "));
}

std::string CurveNote(const AdaptationCurve& curve) {
  std::string intervals = fmt::format("Intervals: {}.\n", IntervalName(curve));
  if (curve.few_shot) {
    for (const FewShotProtocol::OtherMode& other : curve.few_shot->others) {
      intervals += OtherModeNote(other);
    }
  }
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
  // what compares a support set with queries has no units
  const bool acts = !curve.few_shot, has_units = acts || curve.mean.size() > 1;
  std::vector<TableColumn> columns;
  if (has_units) columns.push_back({fmt::format("{}s", curve.unit), Align::kRight});
  columns.push_back({fmt::format("mean {}", curve.score), Align::kRight});
  columns.push_back({"95 % interval", Align::kRight});
  if (acts) columns.push_back({"episodes used", Align::kRight});
  for (const auto& [name, value] : curve.metrics[0].entries()) {
    columns.push_back({name, Align::kRight});
  }
  if (ShowsTasks(curve)) {
    for (const std::string& name : curve.distinct.names) columns.push_back({name, Align::kRight});
  }
  double largest = 0;
  for (const Interval& mean : curve.mean) largest = std::max(largest, std::abs(mean.point));
  const int digits = curve.few_shot ? 4 : DigitsOf(largest);
  Table table(columns);
  for (const size_t unit : ShownPoints(curve.mean.size())) {
    const Interval& mean = curve.mean[unit];
    std::vector<std::string> row;
    if (has_units) row.push_back(fmt::format("{}", unit));
    row.push_back(fmt::format("{:.{}f}", mean.point, digits));
    row.push_back(BoundsText(mean, digits));
    if (acts) row.push_back(fmt::format("{}", curve.adaptation_episodes[unit]));
    for (const auto& [name, value] : curve.metrics[unit].entries()) {
      row.push_back(fmt::format("{:.3f}", value));
    }
    if (ShowsTasks(curve)) {
      for (const double mean_of_task : MeansOfDistinct(curve.distinct, curve.returns[unit])) {
        row.push_back(fmt::format("{:.{}f}", mean_of_task, digits));
      }
    }
    table.AddRow(std::move(row));
  }
  return table;
}

nlohmann::ordered_json ProtocolJson(const AdaptationCurve& curve, int64_t iteration) {
  nlohmann::ordered_json json;
  if (curve.few_shot) {
    const FewShotProtocol& of = *curve.few_shot;
    json["data"] = curve.family;
    json["data_hash"] = curve.family_hash;
    json["learner"] = curve.agent;
    json["iteration"] = iteration;
    json["split"] = NameOf(kDataSplitNames, of.split);
    json["episodes"] = curve.returns.front().size();
    json["episode_seed"] = curve.options.task_seed;
    json["size"] = NameOf(kEpisodeSizeNames, of.episodes.size);
    if (of.classifies) json["ways"] = of.episodes.ways;
    json["shots"] = of.episodes.shots;
    json["queries"] = of.episodes.queries;
    json["within_group"] = of.episodes.within_group;
    if (!of.norm_mode.empty()) json["norm_mode"] = of.norm_mode;
    json["score"] = curve.score;
    json["unit"] = curve.unit;
    return json;
  }
  json["family"] = curve.family;
  json["family_hash"] = curve.family_hash;
  json["agent"] = curve.agent;
  json["iteration"] = iteration;
  json["split"] = NameOf(kSplitNames, curve.options.split);
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
  json["measure"] = NameOf(kMeasureNames, curve.options.measure);
  for (const Fact& fact : curve.facts) json[fact.key] = fact.value;
  json["unit"] = curve.unit;
  return json;
}

std::string TrialNote(std::span<const AdaptationCurve* const> runs, nlohmann::ordered_json& json) {
  const AdaptationCurve& first = *runs.front();
  if (!first.is_trial) return "";
  std::vector<double> means;
  for (const AdaptationCurve* run : runs) means.push_back(run->trial.mean.point);
  json["trial_returns"] = means;
  const Interval mean = StudentMean(means);
  return fmt::format(
      "Trial return of {} episodes by seed: {:.2f}; mean {:.2f}{}\n", first.trial.episodes,
      fmt::join(means, ", "), mean.point,
      runs.size() > 1 ? fmt::format(" ({:.2f} to {:.2f})", mean.low, mean.high) : "");
}

namespace {

// Scores of episodes after each unit, and the means with other statistics of batch normalisation.
std::string FewShotJson(const AdaptationCurve& curve, nlohmann::ordered_json json) {
  const auto point_of = [](size_t unit, const Interval& mean) {
    return nlohmann::ordered_json{
        {"units", unit}, {"mean", mean.point}, {"low", mean.low}, {"high", mean.high}};
  };
  json["curve"] = nlohmann::ordered_json::array();
  for (size_t unit = 0; unit < curve.mean.size(); ++unit) {
    json["curve"].push_back(point_of(unit, curve.mean[unit]));
    json["curve"].back()["scores"] = curve.returns[unit];
  }
  for (const FewShotProtocol::OtherMode& other : curve.few_shot->others) {
    nlohmann::ordered_json points = nlohmann::ordered_json::array();
    for (size_t unit = 0; unit < other.mean.size(); ++unit) {
      points.push_back(point_of(unit, other.mean[unit]));
    }
    json["other_norm_modes"][other.norm_mode] = std::move(points);
  }
  return ToText(json);
}

}  // namespace

std::string CurveJson(const AdaptationCurve& curve, int64_t iteration) {
  nlohmann::ordered_json json = ProtocolJson(curve, iteration);
  json["interval"] = IntervalName(curve);
  if (curve.few_shot) return FewShotJson(curve, std::move(json));
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
    if (!curve.beliefs.empty()) {
      const CurveBelief& belief = curve.beliefs[unit];
      point["posterior_mean"] = belief.mean;
      point["posterior_deviation_of_tasks"] = belief.deviation;
      if (!belief.goals.empty()) point["believed_goals"] = belief.goals;
    }
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
            .y_label = fmt::format("mean {}", curve.score),
            .series = {std::move(series)},
            .integer_x = true};
  return RenderSvg(plot);
}

void PrintCurve(const AdaptationCurve& curve, int64_t iteration) {
  Print("{} on {} ({}), iteration {}\n{}\n", curve.agent, curve.family, curve.family_hash,
        iteration, TasksNote(curve));
  Print(FittedText(CurveTable(curve)) + CurveNote(curve));
  if (curve.diverged > 0) {
    Print("{} episodes ended because the simulation diverged.\n", curve.diverged);
  }
}

}  // namespace fewstep
