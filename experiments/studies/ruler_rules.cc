#include "experiments/studies/ruler_rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "core/error.h"
#include "meta/baselines/baselines.h"
#include "meta/baselines/tabular_learner.h"

namespace fewstep {
namespace {

const std::vector<std::string> kEpsilons = {"0.0",  "0.005", "0.01", "0.02",
                                            "0.05", "0.1",   "0.2",  "0.4"};
const std::vector<std::string> kBounds = {"0.0", "0.05", "0.1", "0.15", "0.2",
                                          "0.3", "0.5",  "0.7", "1.0",  "2.0"};
const std::vector<std::string> kSamples = {"1", "2", "5", "10", "20", "40"};
const std::vector<std::string> kManySamples = {"1", "2", "5", "10", "20", "40", "80"};
const std::vector<std::string> kScales = {"0.0", "0.02", "0.05", "0.1", "0.15", "0.2",
                                          "0.3", "0.4",  "0.5",  "0.7", "1.0"};

const std::string kNoPrior = "reward_prior_mean = 0";
const std::string kFrequencies = "model = \"frequencies\"\n" + kNoPrior;

bool IsBandit(const FamilySpec& spec) { return TabularFamilyOf(spec, "ruler").bandit; }

// The sizes that figures were published for: pulls and arms of SNAIL's table 3, episodes of its
// table 4.
struct BanditSize {
  int pulls, arms;
};
constexpr std::array<BanditSize, 10> kBanditSizes = {{{10, 5},
                                                      {10, 10},
                                                      {10, 50},
                                                      {100, 5},
                                                      {100, 10},
                                                      {100, 50},
                                                      {500, 5},
                                                      {500, 10},
                                                      {500, 50},
                                                      {1000, 50}}};
constexpr std::array<int, 5> kProcessSizes = {10, 25, 50, 75, 100};

// What is on record of an agent. `forms`: the settings to measure, its default first; the default
// only where there is no function. `bandits` and `processes`: its published figures in the order of
// kBanditSizes and kProcessSizes.
struct Record {
  std::string_view agent;
  std::function<std::vector<RulerRule>(const FamilySpec&)> forms;
  std::vector<double> bandits, processes;
};

const std::vector<Record>& Records() {
  static const std::vector<Record> records = {
      {.agent = "random",
       .forms = {},
       .bandits = {5.0, 5.0, 5.1, 49.9, 49.9, 49.8, 249.8, 249.0, 249.6, 499.8},
       .processes = {.482, .482, .481, .482, .481}},
      {.agent = "greedy",
       .forms = [](const FamilySpec& spec) -> std::vector<RulerRule> {
         // nothing is published of it on processes
         if (!IsBandit(spec)) return {{}};
         return {{}, {.settings = "ties = \"lowest\"", .as_published = true}};
       },
       .bandits = {6.6, 6.6, 6.5, 74.8, 77.1, 78.0, 380.6, 395.0, 402.8},
       .processes = {}},
      {.agent = "epsilon-greedy",
       .forms = [](const FamilySpec& spec) -> std::vector<RulerRule> {
         return {{.key = "epsilon", .grid = kEpsilons},
                 {.settings = IsBandit(spec) ? "ties = \"lowest\"" : kFrequencies,
                  .as_published = true,
                  .key = "epsilon",
                  .grid = kEpsilons}};
       },
       .bandits = {6.6, 6.6, 6.5, 75.4, 77.4, 78.3, 388.2, 408.0, 413.6},
       .processes = {.640, .727, .793, .831, .857}},
      {.agent = "ucb1",
       .forms = [](const FamilySpec&) -> std::vector<RulerRule> {
         return {{.as_published = true, .key = "constant", .grid = kBounds}};
       },
       .bandits = {6.7, 6.7, 6.6, 78.0, 82.4, 84.3, 405.8, 437.1, 457.6},
       .processes = {}},
      {.agent = "thompson",
       .forms = {},
       .bandits = {5.7, 5.5, 5.2, 74.7, 76.7, 64.5, 402.0, 429.5, 427.2},
       .processes = {}},
      {.agent = "optimistic-thompson",
       .forms = [](const FamilySpec&) -> std::vector<RulerRule> {
         return {{.key = "samples", .grid = kSamples},
                 {.settings = "variant = \"clipped\""},
                 {.settings = "variant = \"likeliest\"\nsamples = 20", .as_published = true}};
       },
       .bandits = {6.5, 6.2, 5.5, 77.9, 81.4, 67.7, 406.7, 438.9, 437.6},
       .processes = {}},
      {.agent = "gittins",
       .forms = [](const FamilySpec& spec) -> std::vector<RulerRule> {
         // it is not published which of the two indices was used; the discount is the one whose
         // horizon 1 / (1 - discount) is the trial
         const double discount = 1 - 1.0 / std::max(2, spec.trial_episodes);
         return {{.settings = "index = \"finite-horizon\"", .as_published = true},
                 {.settings = fmt::format("index = \"discounted\"\ndiscount = {}", discount),
                  .as_published = true}};
       },
       .bandits = {6.6, 6.6, 6.5, 78.3, 82.8, 85.2, 405.8, 437.8, 463.7, 944.1},
       .processes = {}},
      {.agent = "psrl",
       .forms = [](const FamilySpec&) -> std::vector<RulerRule> {
         return {{}, {.settings = kNoPrior, .as_published = true}};
       },
       .bandits = {},
       .processes = {.665, .788, .871, .910, .934}},
      {.agent = "optimistic-psrl",
       .forms = [](const FamilySpec&) -> std::vector<RulerRule> {
         return {{.key = "samples", .grid = kSamples},
                 {.settings = "variant = \"largest\"\n" + kNoPrior,
                  .as_published = true,
                  .key = "samples",
                  .grid = kManySamples}};
       },
       .bandits = {},
       .processes = {.694, .819, .897, .931, .951}},
      {.agent = "ucrl2",
       .forms = [](const FamilySpec&) -> std::vector<RulerRule> {
         return {{.key = "scale", .grid = kScales},
                 {.settings = kFrequencies,
                  .as_published = true,
                  .key = "scale",
                  .constant = "0.4",
                  .grid = kScales}};
       },
       .bandits = {},
       .processes = {.706, .817, .885, .917, .936}},
  };
  return records;
}

const Record* RecordOf(std::string_view agent) {
  const auto found = std::ranges::find(Records(), agent, &Record::agent);
  return found == Records().end() ? nullptr : &*found;
}

// The cell of one size; nothing where the size or the agent was not published.
template <typename Sizes, typename Is>
std::optional<PublishedCell> Cell(const Sizes& sizes, const std::vector<double>& values,
                                  double rounding, const Is& is) {
  const auto size = static_cast<size_t>(std::ranges::find_if(sizes, is) - sizes.begin());
  if (size >= values.size()) return std::nullopt;
  return PublishedCell{values[size], rounding};
}

std::vector<RulerRule> FormsOf(const std::string& agent, const FamilySpec& spec) {
  const Record* record = RecordOf(agent);
  std::vector<RulerRule> forms = {{.as_published = true}};
  if (record != nullptr && record->forms) forms = record->forms(spec);
  for (RulerRule& form : forms) form.agent = agent;
  return forms;
}

}  // namespace

std::optional<PublishedCell> PublishedCellOf(const FamilySpec& spec, std::string_view agent) {
  const Record* record = RecordOf(agent);
  if (record == nullptr) return std::nullopt;
  if (spec.name == "bandit-bernoulli@rl2") {
    return Cell(kBanditSizes, record->bandits, 0.05, [&](const BanditSize& size) {
      return size.pulls == spec.trial_episodes && size.arms == spec.action_size;
    });
  }
  if (spec.name == "tabular-mdp@rl2") {
    return Cell(kProcessSizes, record->processes, 0.0005,
                [&](int episodes) { return episodes == spec.trial_episodes; });
  }
  return std::nullopt;
}

double PublishedError(double error, int trials) {
  return error * std::sqrt(static_cast<double>(trials) / kPublishedTrials);
}

double DifferenceInErrors(const PublishedCell& cell, double ours, double error, int trials) {
  const double apart = ours - cell.value;
  return std::copysign(std::max(0.0, std::abs(apart) - cell.rounding), apart) /
         std::hypot(error, PublishedError(error, trials));
}

std::vector<RulerRule> RulerRules(const FamilySpec& spec, const std::vector<std::string>& agents) {
  const std::vector<std::string> known = BaselinesOf(spec);
  for (const std::string& agent : agents) {
    if (std::ranges::find(known, agent) != known.end()) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}' is no agent that plays '{}'{}", agent, spec.name,
                            DidYouMean(agent, known)),
                {.key = "--agents", .remedy = fmt::format("Known: {}", fmt::join(known, ", "))});
  }
  std::vector<RulerRule> rules;
  for (const std::string& agent : agents.empty() ? known : agents) {
    const std::vector<RulerRule> forms = FormsOf(agent, spec);
    const bool published = PublishedCellOf(spec, agent).has_value();
    for (const RulerRule& form : forms) {
      const bool only_published = form.as_published && !forms.front().as_published;
      if (published || !only_published) rules.push_back(form);
    }
  }
  return rules;
}

std::vector<std::string_view> AgentsOnRecord() {
  std::vector<std::string_view> agents;
  for (const Record& record : Records()) agents.push_back(record.agent);
  return agents;
}

std::string SettingsLabel(const std::string& settings) {
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

}  // namespace fewstep
