#include "experiments/ruler.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agents/device.h"
#include "core/error.h"
#include "core/log.h"
#include "core/memory.h"
#include "experiments/output.h"
#include "experiments/run_config.h"
#include "experiments/table.h"
#include "meta/baselines/baselines.h"
#include "meta/baselines/bayes_optimal.h"
#include "meta/baselines/optimum.h"
#include "meta/baselines/tabular_learner.h"

namespace fewstep {
namespace {

constexpr double kPublishedDiscount = 0.99;

// An agent with some of its options set, as TOML lines.
struct Variant {
  std::string agent, settings;
};

// The agents that were asked for. Rules that were published in two forms have a row for each.
std::vector<Variant> Variants(const RulerOptions& options, const FamilySpec& spec) {
  const std::vector<std::string> known = BaselinesOf(spec);
  for (const std::string& agent : options.agents) {
    if (std::ranges::find(known, agent) != known.end()) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}' is no agent that plays '{}'{}", agent, spec.name,
                            DidYouMean(agent, known)),
                {.key = "--agents", .remedy = fmt::format("Known: {}", fmt::join(known, ", "))});
  }
  std::vector<Variant> variants;
  for (const std::string& agent : options.agents.empty() ? known : options.agents) {
    if (agent == "gittins") {
      // as many pulls count as there are
      const double discount = 1 - 1.0 / std::max(2, spec.trial_episodes);
      variants.push_back({agent, "index = \"finite-horizon\""});
      variants.push_back({agent, fmt::format("index = \"discounted\"\ndiscount = {}", discount)});
    } else {
      variants.push_back({agent, ""});
      if (agent == "optimistic-thompson") variants.push_back({agent, "variant = \"clipped\""});
    }
  }
  return variants;
}

// "index = \"discounted\"\ndiscount = 0.9" as "index=discounted, discount=0.9".
std::string Label(std::string settings) {
  std::string label;
  for (const char c : settings) {
    if (c == '\n') {
      label += ", ";
    } else if (c != ' ' && c != '"') {
      label += c;
    }
  }
  return label;
}

class Measurer {
 public:
  explicit Measurer(const RulerOptions& options)
      : options_(options),
        agents_(BuiltinAgents()),
        family_(BuiltinFamilies().Get(options.family)(options.family_options)),
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

  AdaptationCurve Evaluate(const Variant& variant, Split split) {
    const AgentEntry& entry = agents_.Get(variant.agent);
    const std::unique_ptr<Options> options = entry.make_options();
    Config::ParseText("[agent]\n" + variant.settings + "\n", "ruler").Read("agent", *options);
    const std::unique_ptr<MetaAgent> agent =
        entry.make(*options, {.family = *family_, .pool = pool_});
    return fewstep::Evaluate(*agent, variant.agent, sampler_,
                             {.split = split,
                              .tasks = options_.trials,
                              .task_seed = options_.seed,
                              .seed = options_.seed});
  }

  // Sets the agent's constant to the value of its grid with the largest return on training tasks.
  void Tune(Variant& variant) {
    const TuningGrid grid = TuningGridOf(variant.agent);
    if (grid.key.empty() || !variant.settings.empty()) return;
    double best = -INFINITY;
    std::string tried;
    for (const std::string& value : grid.values) {
      const Variant candidate{variant.agent, fmt::format("{} = {}", grid.key, value)};
      const double mean = Evaluate(candidate, Split::kTrain).trial.mean.point;
      tried += fmt::format(" {}={}: {:.2f}", grid.key, value, mean);
      if (mean <= best) continue;
      best = mean;
      variant.settings = candidate.settings;
    }
    LogInfo(fmt::format("{} on training tasks:{}", variant.agent, tried));
  }

  // What the agent's constant is when nothing sets it.
  std::string DefaultConstant(const std::string& agent) const {
    const std::string key = TuningGridOf(agent).key;
    const std::unique_ptr<Options> options = agents_.Get(agent).make_options();
    for (const FieldDescription& field : DescribeFields(*options)) {
      if (field.key == key) return fmt::format("{}={}", key, field.value);
    }
    return "";
  }

 private:
  const RulerOptions& options_;
  AgentRegistry agents_;
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

void Compare(const Ruler& ruler, RulerRow& row) {
  if (ruler.bandit) {
    row.comparable = row.trial.mean.point;
    row.comparable_error = row.trial.standard_error;
    row.published = PublishedBanditCell(row.agent, ruler.arms, ruler.episodes);
  } else {
    row.comparable = row.trial.mean.point / ruler.discounted_optimum;
    row.comparable_error = row.trial.standard_error / ruler.discounted_optimum;
    row.published = PublishedMdpCell(row.agent, ruler.episodes);
  }
  if (!row.published) return;
  const double apart = row.comparable - row.published->value;
  row.difference = std::copysign(std::max(0.0, std::abs(apart) - row.published->rounding), apart) /
                   row.comparable_error;
}

}  // namespace

Ruler MeasureRuler(const RulerOptions& options) {
  Measurer measurer(options);
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
  for (Variant& variant : Variants(options, spec)) {
    const auto start = std::chrono::steady_clock::now();
    if (options.tune) measurer.Tune(variant);
    const AdaptationCurve curve = measurer.Evaluate(variant, Split::kTest);
    if (ruler.rows.empty()) {
      MeasureOptimum(spec, curve.tasks, 1, ruler.optimum, ruler.optimum_error);
      MeasureOptimum(spec, curve.tasks, kPublishedDiscount, ruler.discounted_optimum,
                     ruler.discounted_error);
    }
    RulerRow row{.agent = variant.agent,
                 .constant = variant.settings.empty() ? measurer.DefaultConstant(variant.agent)
                                                      : Label(variant.settings),
                 .trial = curve.trial};
    Compare(ruler, row);
    row.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    LogInfo(fmt::format("{}{}{}: {:.2f} ({:.1f} s)", row.agent, row.constant.empty() ? "" : " ",
                        row.constant, row.trial.mean.point, row.seconds));
    ruler.rows.push_back(std::move(row));
  }
  return ruler;
}

std::string RulerText(const Ruler& ruler, size_t width) {
  // the table
  std::vector<TableColumn> columns = {{"agent"},
                                      {"constant"},
                                      {"trial return", Align::kRight},
                                      {"95 % interval", Align::kRight},
                                      {"of optimum", Align::kRight}};
  if (!ruler.bandit) columns.push_back({"of discounted optimum", Align::kRight});
  columns.push_back({"published", Align::kRight});
  columns.push_back({"difference / s.e.", Align::kRight});
  Table table(columns);
  for (const RulerRow& row : ruler.rows) {
    const TrialReturn& trial = row.trial;
    std::vector<std::string> cells = {
        row.agent, row.constant,
        fmt::format("{:.3f} ± {:.3f}", trial.mean.point, trial.standard_error),
        fmt::format("{:.2f} to {:.2f}", trial.mean.low, trial.mean.high),
        fmt::format("{:.3f}", trial.mean.point / ruler.optimum)};
    if (!ruler.bandit) {
      cells.push_back(fmt::format("{:.4f} ± {:.4f}", row.comparable, row.comparable_error));
    }
    cells.push_back(!row.published ? ""
                    : ruler.bandit ? fmt::format("{:.1f}", row.published->value)
                                   : fmt::format("{:.3f}", row.published->value));
    cells.push_back(row.difference ? fmt::format("{:+.1f}", *row.difference) : "");
    table.AddRow(std::move(cells));
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
        "No agent has a larger mean than the Bayes-adaptive optimum, {:.3f}: figures above it are "
        "noise.\n",
        *ruler.ceiling);
  }
  text +=
      fmt::format("Knowing these tasks gives {:.2f} ± {:.2f}", ruler.optimum, ruler.optimum_error);
  if (ruler.bandit) {
    text += ".\n";
  } else {
    const double n = ruler.episodes;
    text += fmt::format(
        ", {:.2f} ± {:.2f} an episode; with discount {} a step, as the published figures imply, "
        "{:.2f} ± {:.2f}.\n",
        ruler.optimum / n, ruler.optimum_error / n, kPublishedDiscount,
        ruler.discounted_optimum / n, ruler.discounted_error / n);
  }
  const bool published = std::ranges::any_of(
      ruler.rows, [](const RulerRow& row) { return row.published.has_value(); });
  if (published) text += fmt::format("Published: {}.\n", kPublishedSource);
  return text;
}

std::string RulerJson(const Ruler& ruler) {
  nlohmann::ordered_json json = {{"family", ruler.options.family},
                                 {"family_hash", ruler.family_hash},
                                 {"trials", ruler.options.trials},
                                 {"episodes", ruler.episodes},
                                 {"seed", ruler.options.seed},
                                 {"tuned", ruler.options.tune},
                                 {"random_exact", ruler.random},
                                 {"optimum", ruler.optimum},
                                 {"optimum_standard_error", ruler.optimum_error}};
  if (ruler.bandit) {
    json["arms"] = ruler.arms;
  } else {
    json["discounted_optimum"] = ruler.discounted_optimum;
    json["discounted_optimum_standard_error"] = ruler.discounted_error;
  }
  if (ruler.ceiling) json["bayes_adaptive_optimum"] = *ruler.ceiling;
  json["published_source"] = kPublishedSource;
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
    if (row.published) {
      object["published"] = row.published->value;
      object["difference_in_standard_errors"] = *row.difference;
    }
    json["agents"].push_back(std::move(object));
  }
  return ToText(json);
}

}  // namespace fewstep
