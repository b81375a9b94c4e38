// Planning in small decision processes by dynamic programming over the steps of an episode.
#pragma once

#include <span>
#include <vector>

#include "envs/families/mdps/tabular_mdp.h"
#include "meta/baselines/tabular_learner.h"

namespace fewstep {

// Value iteration backwards from the last step: returns the largest expected sum of
// discount^t * reward over an episode from state 0 and writes a policy that reaches it, [H, S, A].
// `table` may be empty.
double Plan(const TabularMdp& mdp, int horizon, std::span<float> table, double discount = 1,
            Ties ties = Ties::kEven);

// The expected sum of rewards of a policy [H, S, A] from state 0.
double PolicyReturn(const TabularMdp& mdp, int horizon, std::span<const float> table);

// The same for the upper envelope of several processes of one size: the value of an action is, at
// each step and state, the largest that any of them gives it with the next values of the envelope.
// It is at least the value of each of them, and of every mixture of their rows.
double PlanEnvelope(std::span<const TabularMdp> mdps, int horizon, std::span<float> table);

// The same with the values that each process gives by itself: the value of an action is the largest
// of its values under optimal play in each of them. At most that of the envelope.
double PlanLargestValue(std::span<const TabularMdp> mdps, int horizon, std::span<float> table);

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
