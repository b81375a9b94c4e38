// The task of a trial as it changes: FamilySpec::change. Owned by one simulation.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "envs/task_family.h"
#include "envs/task_law.h"

namespace fewstep {

class ChangingTask {
 public:
  // Both must outlive it.
  ChangingTask(const FamilySpec& spec, const TaskLaw& law);

  // Takes the trial's first task, in the order of FamilySpec::parameters, and becomes what it is at
  // the beginning of the origin's episode. The streams of a trial's changes are
  // origin.trial.Fork("change", i) for its changes i = 1, 2, ..., so an episode does not depend on
  // those before it having been run.
  void Begin(std::span<const double> task, const EpisodeOrigin& origin);

  // Moves to step `step` of the episode; true when the task is another one now. Allocates nothing.
  bool MoveTo(int step);

  // Takes these numbers now; the changes that are due later follow from them.
  void Become(std::span<const double> values) { std::ranges::copy(values, values_.begin()); }

  // Stays valid, and where it is, as long as this object.
  std::span<const double> values() const { return values_; }

 private:
  int64_t ChangesUntil(int step) const;
  void Change();

  const FamilySpec& spec_;
  const TaskLaw& law_;
  std::vector<double> values_, drawn_;
  Rng trial_{0};
  int64_t episode_ = 0, changes_ = 0;
};

}  // namespace fewstep
