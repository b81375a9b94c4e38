// How tasks are drawn and checked, shared by every kind of family.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envs/task_family.h"

namespace fewstep {

// Draws the values of one task, in the order of FamilySpec::parameters, from its own stream.
using DrawFunction = std::function<void(Rng& rng, std::span<double> values)>;

// The published distribution, safe to draw from on any thread. The default draws every parameter by
// itself: uniformly from its choices, or from U(low, high).
struct TaskLaw {
  DrawFunction draw = nullptr;  // train and test; empty: the default
  DrawFunction ood = nullptr;   // empty: no such split
  DrawFunction test = nullptr;  // where test tasks have a law of their own
  // Splits whose tasks are a list, as values in the order of the parameters: train tasks are drawn
  // from it, each as likely as the others; of the other splits they are taken in turn.
  std::map<Split, std::vector<std::vector<double>>> lists = {};

  bool has(Split split) const {
    return split != Split::kOod || ood != nullptr || lists.contains(Split::kOod);
  }
};

// Draws one task of a split from the law; of a list, one of its tasks. Does not check it.
void DrawTask(const FamilySpec& spec, const TaskLaw& law, Split split, Rng& rng,
              std::span<double> values);

// n tasks of `spec`, as TaskFamily::Sample promises. Task i has a stream of its own, so the first
// tasks do not depend on n. Throws Error(kPlugin) when the law draws what no task may hold.
std::vector<Task> SampleTasks(const FamilySpec& spec, const TaskLaw& law, Split split, int n,
                              const Rng& rng);

// All tasks of a split, as TaskFamily::AllTasks promises.
std::vector<Task> AllTasks(const FamilySpec& spec, const TaskLaw& law, Split split);

// Every task of a finite family; the first parameter varies fastest.
std::vector<Task> EnumerateTasks(const FamilySpec& spec);

// Throws Error(kUsage) on a task of another family, a wrong number of values or one out of range.
void CheckTask(const FamilySpec& spec, const Task& task);

// The longest horizon a recipe may ask for, in control steps.
inline constexpr int64_t kMaxHorizon = 1'000'000;

// The longest trial that a recipe may ask for.
inline constexpr int64_t kMaxTrialEpisodes = 100'000;

// What a definition's hash is over: the spec and the model's text, or a text alone that says it
// all, where the spec's own texts are only what this program makes of it.
struct HashSource {
  std::string_view text;
  bool alone = false;
};

// Applies the options that every family has to `spec` and returns the definition's hash. Throws
// Error(kUsage) on a horizon or a trial out of range.
std::string ApplyOptions(const FamilyOptions& options, const HashSource& source, FamilySpec& spec);

}  // namespace fewstep
