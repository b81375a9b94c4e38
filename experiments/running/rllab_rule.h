// The measuring rule of rllab's vectorised sampler (Duan et al. 2016), by which the figures of MAML
// (Finn et al. 2017) were made: E episodes of a task run side by side, each followed by another as
// soon as it ends, until the episodes that have ended hold at least E * H steps in all; those still
// running are dropped. Episodes that end early count more often and are dropped less often than in
// a plain mean over E episodes, so where short episodes are good ones the rule flatters.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "agents/sampler.h"

namespace fewstep {

// A task has E slots, each of which runs episodes one after another: their lengths and returns, in
// order.
struct Slot {
  std::vector<int64_t> lengths;
  std::vector<double> returns;
};

// The mean return of the episodes that the rule counts when `steps` have to be complete; nothing
// when they are not complete within the episodes that every slot already has.
std::optional<double> RllabMean(const std::vector<Slot>& slots, int64_t steps);

// The rule for every task, [T]. `first` are the first episodes of all slots; `more(round)` gives
// E further episodes of every task, round = 1, 2, ... Throws Error(kRuntime) when episodes are too
// short to ever come to an end.
std::vector<double> RllabReturns(const Rollouts& first,
                                 const std::function<Rollouts(uint64_t round)>& more);

}  // namespace fewstep
