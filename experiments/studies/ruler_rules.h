// Which rules the ruler measures, and the published figures that it holds them beside: the
// classical agents by their definitions, and as the published figures are made where that is
// another rule.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "envs/task_family.h"

namespace fewstep {

// Every published figure is itself the mean of so many trials.
inline constexpr int kPublishedTrials = 1000;
inline constexpr const char* kPublishedSource =
    "Mishra et al., SNAIL, ICLR 2018, tables 3 and 4 (with Duan et al., RL^2, 2016)";

struct PublishedCell {
  double value = 0;
  double rounding = 0;  // half a unit of its last digit
};

// bandit-bernoulli@rl2: total reward of a trial. tabular-mdp@rl2: return of a trial over that of
// value iteration. Nothing where no figure was published.
std::optional<PublishedCell> PublishedCellOf(const FamilySpec& spec, std::string_view agent);

// The standard error of a published cell whose trials vary as ours do: `error` is that of the mean
// of `trials` of ours.
double PublishedError(double error, int trials);

// How far the mean of `trials` trials of ours, with standard error `error`, lies from a published
// cell, less the rounding of the cell, in standard errors of the difference of the two means.
double DifferenceInErrors(const PublishedCell& cell, double ours, double error, int trials);

// An agent with some of its options set.
struct RulerRule {
  std::string agent;
  // TOML lines of its [agent] table; empty for its defaults.
  std::string settings = {};
  // The published cells are made by this rule: only such a rule is compared with them.
  bool as_published = false;
  // The agent's constant that is tuned, if it has one; the value that stands for it otherwise,
  // empty for the agent's default; and the values worth trying, ascending. A grid starts with the
  // smallest value that the option takes, so that only its last one is an edge.
  std::string key = {}, constant = {};
  std::vector<std::string> grid = {};
};

// The rules of `agents`, or of all that play the family if there are none, each agent's default
// form before the others. A form that only explains a published cell is left out where there is no
// such cell. Throws Error(kUsage) on agents that do not play the family.
std::vector<RulerRule> RulerRules(const FamilySpec& spec, const std::vector<std::string>& agents);

// The agents that have a tuned constant, other forms or published figures.
std::vector<std::string_view> AgentsOnRecord();

// "ties = \"lowest\"\nepsilon = 0.05" as "ties=lowest, epsilon=0.05".
std::string SettingsLabel(const std::string& settings);

}  // namespace fewstep
