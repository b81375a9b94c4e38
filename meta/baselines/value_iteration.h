// Planning in small decision processes by dynamic programming over the steps of an episode.
#pragma once

#include <span>
#include <vector>

#include "envs/families/tabular_mdp.h"

namespace fewstep {

// Value iteration backwards from the last step: returns the largest expected sum of
// discount^t * reward over an episode from state 0 and writes a policy that reaches it, [H, S, A],
// with probability spread evenly over actions of equal value. `table` may be empty.
double Plan(const TabularMdp& mdp, int horizon, std::span<float> table, double discount = 1);

// The expected sum of rewards of a policy [H, S, A] from state 0.
double PolicyReturn(const TabularMdp& mdp, int horizon, std::span<const float> table);

// What UCRL2 is sure of: means within `reward_radius` [S, A] of the rewards of `centre`, and next
// states within `transition_radius` [S, A] of its transitions in the 1-norm.
struct ConfidenceSet {
  TabularMdp centre;
  std::vector<double> reward_radius, transition_radius;
};

// Extended value iteration (Jaksch, Ortner and Auer, "Near-optimal regret bounds for reinforcement
// learning", JMLR 2010, figure 2) for episodes: the same in the process of the set that is best.
double PlanOptimistically(const ConfidenceSet& set, int horizon, std::span<float> table);

// The largest expectation of `values` under distributions within `radius` of `centre` in the
// 1-norm. `descending` lists the indices of `values` from the largest to the smallest.
double LargestExpectation(std::span<const double> centre, double radius,
                          std::span<const double> values, std::span<const int> descending);

}  // namespace fewstep
