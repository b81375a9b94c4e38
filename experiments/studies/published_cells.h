// Published figures of the classical agents, to hold our own beside. Every one is itself the mean
// of kPublishedTrials trials.
#pragma once

#include <optional>
#include <string_view>

#include "envs/task_family.h"

namespace fewstep {

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

}  // namespace fewstep
