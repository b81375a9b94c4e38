// How tasks are drawn and checked, shared by every kind of family.
#pragma once

#include <span>
#include <vector>

#include "envs/task_family.h"

namespace fewstep {

// Draws the values of one task from its own stream.
using DrawFunction = void (*)(Rng& rng, double* values) noexcept;

// The published distribution. The default draws every parameter by itself: uniformly from its
// choices, or from U(low, high).
struct TaskLaw {
  DrawFunction draw = nullptr;  // train and test; null: the default
  DrawFunction ood = nullptr;   // null: no such split
};

// n tasks of `spec`, as TaskFamily::Sample promises. Task i has a stream of its own, so the first
// tasks do not depend on n.
std::vector<Task> SampleTasks(const FamilySpec& spec, const TaskLaw& law, Split split, int n,
                              const Rng& rng);

// Every task of a finite family; the first parameter varies fastest.
std::vector<Task> EnumerateTasks(const FamilySpec& spec);

// Throws Error(kUsage) on a task of another family, a wrong number of values or one out of range.
void CheckTask(const FamilySpec& spec, const Task& task);

// The longest horizon a recipe may ask for, in control steps.
inline constexpr int64_t kMaxHorizon = 1'000'000;

// The longest trial and the most arms that a recipe may ask for.
inline constexpr int64_t kMaxTrialEpisodes = 100'000;
inline constexpr int64_t kMaxArms = 10'000;

// `spec` with the options of [family] applied. Throws Error(kUsage) on a horizon or a trial out of
// range, and on `arms`: a bandit applies them itself, before.
FamilySpec WithOptions(FamilySpec spec, const FamilyOptions& options);

}  // namespace fewstep
