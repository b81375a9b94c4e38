#include "experiments/studies/published_cells.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace fewstep {
namespace {

constexpr double kNone = -1;

// SNAIL table 3, columns of the classical agents.
constexpr std::string_view kBanditAgents[] = {
    "random", "gittins", "thompson", "optimistic-thompson", "ucb1", "epsilon-greedy", "greedy"};
struct BanditRow {
  int pulls, arms;
  double values[std::size(kBanditAgents)];
};
constexpr BanditRow kBandits[] = {
    {10, 5, {5.0, 6.6, 5.7, 6.5, 6.7, 6.6, 6.6}},
    {10, 10, {5.0, 6.6, 5.5, 6.2, 6.7, 6.6, 6.6}},
    {10, 50, {5.1, 6.5, 5.2, 5.5, 6.6, 6.5, 6.5}},
    {100, 5, {49.9, 78.3, 74.7, 77.9, 78.0, 75.4, 74.8}},
    {100, 10, {49.9, 82.8, 76.7, 81.4, 82.4, 77.4, 77.1}},
    {100, 50, {49.8, 85.2, 64.5, 67.7, 84.3, 78.3, 78.0}},
    {500, 5, {249.8, 405.8, 402.0, 406.7, 405.8, 388.2, 380.6}},
    {500, 10, {249.0, 437.8, 429.5, 438.9, 437.1, 408.0, 395.0}},
    {500, 50, {249.6, 463.7, 427.2, 437.6, 457.6, 413.6, 402.8}},
    {1000, 50, {499.8, 944.1, kNone, kNone, kNone, kNone, kNone}},
};

// SNAIL table 4.
constexpr std::string_view kMdpAgents[] = {"random", "epsilon-greedy", "psrl", "optimistic-psrl",
                                           "ucrl2"};
struct MdpRow {
  int episodes;
  double values[std::size(kMdpAgents)];
};
constexpr MdpRow kMdps[] = {
    {10, {.482, .640, .665, .694, .706}},  {25, {.482, .727, .788, .819, .817}},
    {50, {.481, .793, .871, .897, .885}},  {75, {.482, .831, .910, .931, .917}},
    {100, {.481, .857, .934, .951, .936}},
};

// The value in the agent's column, with the precision of the table.
template <size_t size>
std::optional<PublishedCell> Cell(const std::string_view (&agents)[size],
                                  const double (&values)[size], std::string_view agent,
                                  double rounding) {
  const auto found = std::ranges::find(agents, agent);
  if (found == std::end(agents)) return std::nullopt;
  const double value = values[found - std::begin(agents)];
  if (value == kNone) return std::nullopt;
  return PublishedCell{value, rounding};
}

}  // namespace

std::optional<PublishedCell> PublishedCellOf(const FamilySpec& spec, std::string_view agent) {
  if (spec.name == "bandit-bernoulli@rl2") {
    for (const BanditRow& row : kBandits) {
      if (row.arms == spec.action_size && row.pulls == spec.trial_episodes) {
        return Cell(kBanditAgents, row.values, agent, 0.05);
      }
    }
  } else if (spec.name == "tabular-mdp@rl2") {
    for (const MdpRow& row : kMdps) {
      if (row.episodes == spec.trial_episodes) return Cell(kMdpAgents, row.values, agent, 0.0005);
    }
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

}  // namespace fewstep
