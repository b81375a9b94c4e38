#include "experiments/studies/ruler.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agents/device.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "envs/families/bandits/bandits.h"
#include "experiments/output.h"
#include "experiments/reports/table.h"
#include "experiments/running/run_config.h"
#include "experiments/running/workbench.h"
#include "meta/baselines/bayes_optimal.h"
#include "meta/baselines/optimum.h"
#include "meta/baselines/tabular_learner.h"

namespace fewstep {
namespace {

constexpr double kPublishedDiscount = 0.99;

std::unique_ptr<TaskFamily> FamilyOf(const RulerOptions& options, const FamilyCatalog& families) {
  const std::unique_ptr<FamilyOptions> family = families.MakeOptions(options.family);
  family->trial_episodes = options.episodes;
  if (auto* bandit = dynamic_cast<BanditOptions*>(family.get())) {
    bandit->arms = options.arms;
  } else if (options.arms != 0) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' has no arms", options.family),
                {.key = "arms", .remedy = "Only bandits do: leave it out"});
  }
  return families.Make(options.family, *family);
}

class Measurer {
 public:
  Measurer(const RulerOptions& options, const Catalog& catalog)
      : options_(options),
        agents_(catalog.agents),
        family_(FamilyOf(options, catalog.families)),
        pool_(ResolveThreads(options.threads), UseOneTorchThread),
        sampler_(*family_, pool_, SamplingPlan::kAuto) {
    UseOneTorchThread();
    const FamilySpec& spec = family_->spec();
    const double table = static_cast<double>(spec.horizon) * spec.observation_size *
                         spec.action_size * sizeof(float);
    const double task = static_cast<double>(spec.parameters.size()) * 2 * sizeof(double);
    RequireMemory(options.trials * (2 * table + task), "a ruler", "--trials, --arms");
  }

  const TaskFamily& family() const { return *family_; }

  AdaptationCurve Evaluate(const RulerRule& rule, Split split) {
    const AgentEntry& entry = agents_.Get(rule.agent);
    const std::unique_ptr<Options> options = entry.make_options();
    Config::ParseText("[agent]\n" + Settings(rule) + "\n", "ruler").Read("agent", *options);
    const std::unique_ptr<MetaAgent> agent =
        entry.make(*options, {.family = *family_, .pool = pool_});
    return fewstep::Evaluate(*agent, rule.agent, sampler_,
                             {.split = split,
                              .tasks = options_.trials,
                              .task_seed = options_.seed,
                              .seed = options_.seed});
  }

  // Sets the rule's constant to the value of its grid with the largest return on training tasks.
  // Returns whether that is the last value of the grid.
  bool Tune(RulerRule& rule) {
    if (rule.key.empty()) return false;
    RulerRule candidate = rule;
    double best = -INFINITY;
    std::string tried;
    for (const std::string& value : rule.grid) {
      candidate.constant = value;
      const double mean = Evaluate(candidate, Split::kTrain).trial.mean.point;
      tried += fmt::format(" {}={}: {:.2f}", rule.key, value, mean);
      if (mean <= best) continue;
      best = mean;
      rule.constant = value;
    }
    const bool at_edge = rule.constant == rule.grid.back();
    LogInfo(fmt::format("{} on training tasks:{}{}", rule.agent, tried,
                        at_edge ? "; the best is the last of the grid" : ""));
    return at_edge;
  }

  // "ties=lowest, epsilon=0.05": what the rule sets, and its constant whether set or not.
  std::string Label(const RulerRule& rule) const {
    RulerRule complete = rule;
    const std::unique_ptr<Options> options = agents_.Get(rule.agent).make_options();
    for (const FieldDescription& field : DescribeFields(*options)) {
      if (field.key == rule.key && rule.constant.empty()) complete.constant = field.value;
    }
    return SettingsLabel(Settings(complete));
  }

 private:
  static std::string Settings(const RulerRule& rule) {
    if (rule.constant.empty()) return rule.settings;
    return fmt::format("{}{}{} = {}", rule.settings, rule.settings.empty() ? "" : "\n", rule.key,
                       rule.constant);
  }

  const RulerOptions& options_;
  const AgentRegistry& agents_;
  std::unique_ptr<TaskFamily> family_;
  WorkerPool pool_;
  Sampler sampler_;
};

// Mean and standard error over the tasks of what knowing the task gives in a trial.
void MeasureOptimum(const FamilySpec& spec, const std::vector<Task>& tasks, double discount,
                    double& mean, double& error) {
  std::vector<double> values;
  for (const Task& task : tasks) {
    values.push_back(*OptimalReturn(spec, task, discount) * spec.trial_episodes);
  }
  mean = Mean(values);
  error = StandardError(values);
}

void Compare(const Ruler& ruler, const FamilySpec& spec, bool as_published, RulerRow& row) {
  const double unit = ruler.bandit ? 1 : ruler.discounted_optimum;
  row.comparable = row.trial.mean.point / unit;
  row.comparable_error = row.trial.standard_error / unit;
  if (!as_published) return;
  row.published = PublishedCellOf(spec, row.agent);
  if (!row.published) return;
  const int trials = ruler.options.trials;
  row.published_error = PublishedError(row.comparable_error, trials);
  row.difference = DifferenceInErrors(*row.published, row.comparable, row.comparable_error, trials);
}

MeanAndError MeanOf(const std::vector<double>& values) {
  return {Mean(values), StandardError(values)};
}

// A trained agent that plays the tasks of the ruler.
class TrainedRun {
 public:
  TrainedRun(const std::string& path, const Ruler& ruler, const Catalog& catalog)
      : run_(OpenRun(path, catalog)) {
    config_.run.threads = ruler.options.threads;
    bench_ = std::make_unique<Workbench>(config_, run_.catalog);
    const FamilySpec& spec = bench_->family->spec();
    if (bench_->family->hash() != ruler.family_hash) {
      throw Error(
          ErrorKind::kUsage,
          fmt::format("it was trained on another definition, {} ({}), than {} ({})", spec.name,
                      bench_->family->hash(), ruler.options.family, ruler.family_hash),
          {.file = path,
           .remedy = fmt::format("It has trials of {} episodes{}", spec.trial_episodes,
                                 ruler.bandit ? fmt::format(" and {} arms: use --episodes and "
                                                            "--arms",
                                                            spec.action_size)
                                              : std::string(": use --episodes"))});
    }
    if (ruler.options.deterministic && bench_->agent->support() == Support::kSampled) {
      throw Error(
          ErrorKind::kUsage,
          fmt::format("'{}' acting with its mode is judged on other episodes than it adapts "
                      "on: they are no trial",
                      config_.agent_name),
          {.file = path, .remedy = "Leave --deterministic out"});
    }
    const TensorFile checkpoint = OpenCheckpoint(config_, "");
    LoadAgent(checkpoint, *bench_, config_);
    iteration_ = checkpoint.Scalar<int64_t>("run.iteration");
  }

  const std::string& name() const { return config_.run.name; }

  RulerRow Measure(const RulerOptions& options) {
    const double start = SteadySeconds();
    const AdaptationCurve curve = Evaluate(*bench_->agent, config_.agent_name, bench_->sampler,
                                           {.split = Split::kTest,
                                            .tasks = options.trials,
                                            .deterministic = options.deterministic,
                                            .task_seed = options.seed,
                                            .seed = options.seed});
    return {.agent = name(),
            .constant = fmt::format("{}, iteration {}{}", config_.agent_name, iteration_,
                                    options.deterministic ? ", mode" : ""),
            .trial = curve.trial,
            .seconds = SteadySeconds() - start};
  }

 private:
  OpenedRun run_;
  RunConfig& config_ = run_.config;
  std::unique_ptr<Workbench> bench_;
  int64_t iteration_ = 0;
};

// Fills what compares rows on the same tasks.
void CompareRows(Ruler& ruler, const std::vector<Task>& tasks, const FamilySpec& spec) {
  const RulerOptions& options = ruler.options;
  if (!options.against.empty()) {
    const auto reference = std::ranges::find(ruler.rows, options.against,
                                             [](const RulerRow& row) { return row.agent; });
    if (reference == ruler.rows.end()) {
      throw Error(ErrorKind::kUsage, fmt::format("no row is called '{}'", options.against),
                  {.key = "--against", .remedy = "Name one of the agents or runs that play"});
    }
    for (RulerRow& row : ruler.rows) {
      if (&row == &*reference) continue;
      std::vector<double> less = row.trial.returns;
      for (size_t i = 0; i < less.size(); ++i) less[i] -= reference->trial.returns[i];
      row.less = MeanOf(less);
    }
  }
  if (!options.control_variate) return;
  const double mean = ruler.episodes * static_cast<double>(ruler.arms) / (ruler.arms + 1);
  for (RulerRow& row : ruler.rows) {
    std::vector<double> controlled = row.trial.returns;
    for (size_t i = 0; i < controlled.size(); ++i) {
      controlled[i] -= *OptimalReturn(spec, tasks[i]) * spec.trial_episodes - mean;
    }
    row.controlled = MeanOf(controlled);
  }
}

}  // namespace

Ruler MeasureRuler(const RulerOptions& options, const Catalog& catalog) {
  Measurer measurer(options, catalog);
  const FamilySpec& spec = measurer.family().spec();
  if (!IsTabular(spec)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}' is neither a bandit nor a tabular process", spec.name),
                {.remedy = "Use bandit-bernoulli@rl2, bandit-gaussian@maml or tabular-mdp@rl2"});
  }
  const TabularFamily family = TabularFamilyOf(spec, "ruler");
  Ruler ruler{.options = options,
              .family_hash = measurer.family().hash(),
              .bandit = family.bandit,
              .arms = family.actions,
              .episodes = family.trial_episodes};

  // a reward of one step has the mean of its prior whatever the state, when actions are random
  ruler.random = family.prior.mean * family.horizon * family.trial_episodes;
  if (family.prior.kind == RewardPrior::Kind::kBernoulli) {
    ruler.ceiling = BayesOptimalReturn(ruler.arms, ruler.episodes);
  }
  if (options.control_variate && family.prior.kind != RewardPrior::Kind::kBernoulli) {
    throw Error(ErrorKind::kUsage,
                fmt::format("the mean of what knowing a task of '{}' gives is not known exactly",
                            spec.name),
                {.key = "--control-variate", .remedy = "Only Bernoulli bandits have one"});
  }
  std::vector<RulerRule> rules = RulerRules(spec, options.agents);
  std::vector<TrainedRun> runs;
  std::vector<std::string> names;
  for (const RulerRule& rule : rules) names.push_back(rule.agent);
  for (const std::string& path : options.runs) {
    const std::string name = runs.emplace_back(path, ruler, catalog).name();
    if (std::ranges::count(names, name) > 0) {
      throw Error(ErrorKind::kUsage, fmt::format("two rows would be called '{}'", name),
                  {.file = path, .remedy = "Runs in one ruler need names of their own (run.name)"});
    }
    names.push_back(name);
  }
  if (!options.against.empty() && std::ranges::count(names, options.against) == 0) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("'{}' does not play{}", options.against, DidYouMean(options.against, names)),
        {.key = "--against", .remedy = "Name one of the agents or runs that do"});
  }

  std::vector<Task> tasks;
  for (RulerRule& rule : rules) {
    const double start = SteadySeconds();
    const bool at_edge = options.tune && measurer.Tune(rule);
    const AdaptationCurve curve = measurer.Evaluate(rule, Split::kTest);
    if (ruler.rows.empty()) {
      tasks = curve.tasks;
      MeasureOptimum(spec, curve.tasks, 1, ruler.optimum, ruler.optimum_error);
      MeasureOptimum(spec, curve.tasks, kPublishedDiscount, ruler.discounted_optimum,
                     ruler.discounted_error);
    }
    RulerRow row{.agent = rule.agent,
                 .constant = measurer.Label(rule),
                 .at_edge = at_edge,
                 .trial = curve.trial};
    Compare(ruler, spec, rule.as_published, row);
    row.seconds = SteadySeconds() - start;
    LogInfo(fmt::format("{}{}{}: {:.2f} ({:.1f} s)", row.agent, row.constant.empty() ? "" : " ",
                        row.constant, row.trial.mean.point, row.seconds));
    ruler.rows.push_back(std::move(row));
  }
  for (TrainedRun& run : runs) {
    ruler.rows.push_back(run.Measure(options));
    Compare(ruler, spec, /*as_published=*/false, ruler.rows.back());
    const RulerRow& row = ruler.rows.back();
    LogInfo(fmt::format("{}: {:.2f} ({:.1f} s)", row.agent, row.trial.mean.point, row.seconds));
  }
  CompareRows(ruler, tasks, spec);
  return ruler;
}

namespace {

// The widest of the settings that stand alone on a line.
constexpr size_t kSettingsColumns = 20;

// A list "a, b, c" in lines of at most `columns`, unless an item is longer by itself.
std::vector<std::string> Lines(const std::string& list, size_t columns) {
  std::vector<std::string> lines = {""};
  for (size_t start = 0; start < list.size();) {
    const size_t comma = std::min(list.find(", ", start), list.size());
    std::string item = list.substr(start, comma - start);
    if (comma < list.size()) item += ",";
    start = comma + 2;
    std::string& line = lines.back();
    if (line.empty()) {
      line = item;
    } else if (line.size() + 1 + item.size() <= columns) {
      line += " " + item;
    } else {
      lines.push_back(item);
    }
  }
  return lines;
}

}  // namespace

std::string RulerText(const Ruler& ruler, size_t width) {
  // the table; a setting that does not fit beside another has a line of its own
  std::vector<TableColumn> columns = {
      {"agent"}, {"settings"}, {"trial return", Align::kRight}, {"of optimum", Align::kRight}};
  if (!ruler.bandit) columns.push_back({"discounted", Align::kRight});
  if (ruler.options.control_variate) columns.push_back({"with variate", Align::kRight});
  if (!ruler.options.against.empty()) {
    columns.push_back({fmt::format("less {}", ruler.options.against), Align::kRight});
  }
  columns.push_back({"published", Align::kRight});
  columns.push_back({"diff. / s.e.", Align::kRight});
  const int digits = ruler.bandit ? 3 : 1;
  Table table(columns);
  for (const RulerRow& row : ruler.rows) {
    const TrialReturn& trial = row.trial;
    const std::vector<std::string> settings = Lines(row.constant, kSettingsColumns);
    std::vector<std::string> cells = {
        row.agent, settings.front(),
        fmt::format("{:.{}f} ± {:.{}f}", trial.mean.point, digits, trial.standard_error, digits),
        fmt::format("{:.3f}", trial.mean.point / ruler.optimum)};
    if (!ruler.bandit) cells.push_back(fmt::format("{:.4f}", row.comparable));
    const auto mean_and_error = [&](const std::optional<MeanAndError>& value, bool sign) {
      if (!value) return std::string();
      return sign ? fmt::format("{:+.{}f} ± {:.{}f}", value->mean, digits, value->standard_error,
                                digits)
                  : fmt::format("{:.{}f} ± {:.{}f}", value->mean, digits, value->standard_error,
                                digits);
    };
    if (ruler.options.control_variate) cells.push_back(mean_and_error(row.controlled, false));
    if (!ruler.options.against.empty()) cells.push_back(mean_and_error(row.less, true));
    cells.push_back(!row.published ? ""
                    : ruler.bandit ? fmt::format("{:.1f}", row.published->value)
                                   : fmt::format("{:.3f}", row.published->value));
    cells.push_back(row.difference ? fmt::format("{:+.1f}", *row.difference) : "");
    table.AddRow(std::move(cells));
    for (size_t line = 1; line < settings.size(); ++line) {
      std::vector<std::string> more(columns.size());
      more[1] = settings[line];
      table.AddRow(std::move(more));
    }
  }

  // what can be computed
  std::string text =
      fmt::format("{} ({}), {} trials of {} episodes{}, seed {}\n\n{}\n", ruler.options.family,
                  ruler.family_hash, ruler.options.trials, ruler.episodes,
                  ruler.bandit ? fmt::format(", {} arms", ruler.arms) : "", ruler.options.seed,
                  table.Text(width));
  text += fmt::format("Acting at random has the mean {:g}.\n", ruler.random);
  if (ruler.ceiling) {
    text += fmt::format(
        "No agent has a larger mean than the Bayes-adaptive optimum, {:.3f}: figures above it are\n"
        "noise.\n",
        *ruler.ceiling);
  }
  if (ruler.options.control_variate) {
    text += fmt::format(
        "\"with variate\": less what knowing each task gives, plus the exact mean of that, "
        "{:.3f}.\n",
        ruler.episodes * static_cast<double>(ruler.arms) / (ruler.arms + 1));
  }
  text +=
      fmt::format("Knowing these tasks gives {:.2f} ± {:.2f}", ruler.optimum, ruler.optimum_error);
  if (ruler.bandit) {
    text += ".\n";
  } else {
    const double n = ruler.episodes;
    text += fmt::format(
        ", {:.2f} ± {:.2f} an episode; with discount {} a step, as the\n"
        "published figures imply, {:.2f} ± {:.2f}: the column \"discounted\" is relative to it.\n",
        ruler.optimum / n, ruler.optimum_error / n, kPublishedDiscount,
        ruler.discounted_optimum / n, ruler.discounted_error / n);
  }
  const bool published = std::ranges::any_of(
      ruler.rows, [](const RulerRow& row) { return row.published.has_value(); });
  if (published) {
    text += fmt::format(
        "Published: {},\n"
        "{} trials a cell. Only rules as they were published are compared: the difference, less "
        "the\n"
        "rounding of the cell, in standard errors of both means.\n",
        kPublishedSource, kPublishedTrials);
  }
  bool first = true;
  for (const RulerRow& row : ruler.rows) {
    if (!row.at_edge) continue;
    if (first)
      text += "The best constant is the last that was tried, so a larger one may be better:\n";
    first = false;
    text += fmt::format("  {} {}\n", row.agent, row.constant);
  }
  return text;
}

std::string RulerJson(const Ruler& ruler) {
  nlohmann::ordered_json json = {
      {"family", ruler.options.family},   {"family_hash", ruler.family_hash},
      {"trials", ruler.options.trials},   {"episodes", ruler.episodes},
      {"seed", ruler.options.seed},       {"tuned", ruler.options.tune},
      {"runs", ruler.options.runs},       {"runs_act_with_the_mode", ruler.options.deterministic},
      {"against", ruler.options.against}, {"random_exact", ruler.random},
      {"optimum", ruler.optimum},         {"optimum_standard_error", ruler.optimum_error}};
  if (ruler.bandit) {
    json["arms"] = ruler.arms;
  } else {
    json["discounted_optimum"] = ruler.discounted_optimum;
    json["discounted_optimum_standard_error"] = ruler.discounted_error;
  }
  if (ruler.ceiling) json["bayes_adaptive_optimum"] = *ruler.ceiling;
  json["published_source"] = kPublishedSource;
  json["published_trials"] = kPublishedTrials;
  json["agents"] = nlohmann::ordered_json::array();
  for (const RulerRow& row : ruler.rows) {
    nlohmann::ordered_json object = {{"agent", row.agent},
                                     {"constant", row.constant},
                                     {"mean_return", row.trial.mean.point},
                                     {"standard_error", row.trial.standard_error},
                                     {"low", row.trial.mean.low},
                                     {"high", row.trial.mean.high},
                                     {"of_optimum", row.trial.mean.point / ruler.optimum},
                                     {"seconds", row.seconds}};
    if (!ruler.bandit) {
      object["of_discounted_optimum"] = row.comparable;
      object["of_discounted_optimum_standard_error"] = row.comparable_error;
    }
    if (ruler.options.tune) object["at_edge_of_grid"] = row.at_edge;
    if (row.controlled) {
      object["mean_with_control_variate"] = row.controlled->mean;
      object["standard_error_with_control_variate"] = row.controlled->standard_error;
    }
    if (row.less) {
      object["mean_less_" + ruler.options.against] = row.less->mean;
      object["standard_error_less_" + ruler.options.against] = row.less->standard_error;
    }
    if (row.published) {
      object["published"] = row.published->value;
      object["published_standard_error"] = row.published_error;
      object["difference_in_standard_errors"] = *row.difference;
    }
    json["agents"].push_back(std::move(object));
  }
  return ToText(json);
}

}  // namespace fewstep
