#include "experiments/studies/ruler_rules.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/error.h"
#include "experiments/studies/published_cells.h"
#include "meta/baselines/baselines.h"

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

// All forms of an agent; the first is its default.
std::vector<RulerRule> Forms(const std::string& agent, const FamilySpec& spec, bool bandit) {
  const std::string no_prior = "reward_prior_mean = 0";
  const std::string frequencies = "model = \"frequencies\"\n" + no_prior;
  if (agent == "greedy") {
    // nothing is published of it on processes
    if (!bandit) return {{.agent = agent}};
    return {{.agent = agent},
            {.agent = agent, .settings = "ties = \"lowest\"", .as_published = true}};
  }
  if (agent == "epsilon-greedy") {
    return {{.agent = agent, .key = "epsilon", .grid = kEpsilons},
            {.agent = agent,
             .settings = bandit ? "ties = \"lowest\"" : frequencies,
             .as_published = true,
             .key = "epsilon",
             .grid = kEpsilons}};
  }
  if (agent == "ucb1") {
    return {{.agent = agent, .as_published = true, .key = "constant", .grid = kBounds}};
  }
  if (agent == "optimistic-thompson") {
    return {{.agent = agent, .key = "samples", .grid = kSamples},
            {.agent = agent, .settings = "variant = \"clipped\""},
            {.agent = agent,
             .settings = "variant = \"likeliest\"\nsamples = 20",
             .as_published = true}};
  }
  if (agent == "gittins") {
    // which of the two is published is not said; a discount that counts as many pulls as there are
    const double discount = 1 - 1.0 / std::max(2, spec.trial_episodes);
    return {{.agent = agent, .settings = "index = \"finite-horizon\"", .as_published = true},
            {.agent = agent,
             .settings = fmt::format("index = \"discounted\"\ndiscount = {}", discount),
             .as_published = true}};
  }
  if (agent == "psrl") {
    return {{.agent = agent}, {.agent = agent, .settings = no_prior, .as_published = true}};
  }
  if (agent == "optimistic-psrl") {
    return {{.agent = agent, .key = "samples", .grid = kSamples},
            {.agent = agent,
             .settings = "variant = \"largest\"\n" + no_prior,
             .as_published = true,
             .key = "samples",
             .grid = kManySamples}};
  }
  if (agent == "ucrl2") {
    return {{.agent = agent, .key = "scale", .grid = kScales},
            {.agent = agent,
             .settings = frequencies,
             .as_published = true,
             .key = "scale",
             .constant = "0.4",
             .grid = kScales}};
  }
  return {{.agent = agent, .as_published = true}};
}

}  // namespace

std::vector<RulerRule> RulerRules(const FamilySpec& spec, const std::vector<std::string>& agents) {
  const std::vector<std::string> known = BaselinesOf(spec);
  for (const std::string& agent : agents) {
    if (std::ranges::find(known, agent) != known.end()) continue;
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}' is no agent that plays '{}'{}", agent, spec.name,
                            DidYouMean(agent, known)),
                {.key = "--agents", .remedy = fmt::format("Known: {}", fmt::join(known, ", "))});
  }
  const bool bandit = spec.horizon == 1;
  std::vector<RulerRule> rules;
  for (const std::string& agent : agents.empty() ? known : agents) {
    const std::vector<RulerRule> forms = Forms(agent, spec, bandit);
    const bool published = PublishedCellOf(spec, agent).has_value();
    for (const RulerRule& form : forms) {
      const bool only_published = form.as_published && !forms.front().as_published;
      if (published || !only_published) rules.push_back(form);
    }
  }
  return rules;
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
