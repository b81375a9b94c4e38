#include "envs/task_law.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "envs/observed_task.h"

namespace fewstep {
namespace {

void DrawIndependently(const FamilySpec& spec, Rng& rng, std::span<double> values) {
  auto value = values.begin();
  for (const ParameterSpec& parameter : spec.parameters) {
    *value++ = parameter.choices.empty() ? rng.Uniform(parameter.low, parameter.high)
                                         : parameter.choices[rng.Below(parameter.choices.size())];
  }
}

// Throws unless `value` is one that a task may hold.
void CheckValue(const FamilySpec& spec, const ParameterSpec& parameter, double value) {
  const auto& choices = parameter.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
    throw Error(
        ErrorKind::kUsage, fmt::format("{} is not one of the tasks of '{}'", value, spec.name),
        {.key = parameter.name, .remedy = fmt::format("One of {}", fmt::join(choices, ", "))});
  }
  const Range valid = parameter.valid_range();
  if (!valid.Contains(value)) {
    throw Error(
        ErrorKind::kUsage, fmt::format("{} is out of range for '{}'", value, spec.name),
        {.key = parameter.name, .remedy = fmt::format("From {} to {}", valid.low, valid.high)});
  }
}

// What an author's law draws must be tasks of the family.
void CheckDrawn(const FamilySpec& spec, Split split, const Task& task) {
  try {
    CheckTask(spec, task);
  } catch (const Error& problem) {
    throw Error(ErrorKind::kPlugin,
                fmt::format("the law of '{}' draws {} tasks that it does not have: {}", spec.name,
                            NameOf(kSplitNames, split), problem.what()));
  }
}

}  // namespace

void DrawTask(const FamilySpec& spec, const TaskLaw& law, Split split, Rng& rng,
              std::span<double> values) {
  if (const auto list = law.lists.find(split); list != law.lists.end()) {
    std::ranges::copy(list->second[rng.Below(list->second.size())], values.begin());
    return;
  }
  const DrawFunction& own = split == Split::kOod ? law.ood : law.test;
  const DrawFunction& draw = split != Split::kTrain && own ? own : law.draw;
  if (draw) return draw(rng, values);
  DrawIndependently(spec, rng, values);
}

std::vector<Task> SampleTasks(const FamilySpec& spec, const TaskLaw& law, Split split, int n,
                              const Rng& rng) {
  FEWSTEP_CHECK(n >= 0, "n = {}", n);
  if (!law.has(split)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}' has no out-of-distribution tasks: none are published", spec.name),
                {.remedy = "Use the split train or test"});
  }
  std::vector<Task> tasks;
  tasks.reserve(static_cast<size_t>(n));

  // finitely many tasks: testing goes through all of them in turn
  const auto list = law.lists.find(split);
  if (split != Split::kTrain && list != law.lists.end()) {
    const std::vector<std::vector<double>>& all = list->second;
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      tasks.push_back({spec.name, all[i % all.size()]});
    }
    return tasks;
  }
  if (spec.finite && split == Split::kTest) {
    const std::vector<Task> all = EnumerateTasks(spec);
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) tasks.push_back(all[i % all.size()]);
    return tasks;
  }

  const Rng split_rng = rng.Fork(NameOf(kSplitNames, split));
  for (int i = 0; i < n; ++i) {
    Rng stream = split_rng.Fork("task", static_cast<uint64_t>(i));
    Task task{spec.name, std::vector<double>(spec.parameters.size())};
    DrawTask(spec, law, split, stream, task.values);
    CheckDrawn(spec, split, task);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::vector<Task> AllTasks(const FamilySpec& spec, const TaskLaw& law, Split split) {
  std::vector<Task> tasks;
  if (const auto list = law.lists.find(split); list != law.lists.end()) {
    for (const std::vector<double>& values : list->second) tasks.push_back({spec.name, values});
  } else if (spec.finite && split != Split::kOod) {
    tasks = EnumerateTasks(spec);
  }
  return tasks;
}

std::vector<Task> EnumerateTasks(const FamilySpec& spec) {
  FEWSTEP_CHECK(spec.finite, "{}", spec.name);
  std::vector<Task> tasks{{spec.name, {}}};
  // the last parameter first, so that the first one varies fastest
  for (size_t p = spec.parameters.size(); p-- > 0;) {
    std::vector<Task> longer;
    for (const Task& task : tasks) {
      for (const double choice : spec.parameters[p].choices) {
        longer.push_back(task);
        longer.back().values.insert(longer.back().values.begin(), choice);
      }
    }
    tasks = std::move(longer);
  }
  return tasks;
}

void CheckTask(const FamilySpec& spec, const Task& task) {
  if (task.family != spec.name) {
    throw Error(ErrorKind::kUsage,
                fmt::format("a task of '{}' was given to '{}'", task.family, spec.name));
  }
  if (task.values.size() != spec.parameters.size()) {
    throw Error(ErrorKind::kUsage, fmt::format("a task of '{}' has {} values, not {}", spec.name,
                                               spec.parameters.size(), task.values.size()));
  }
  for (size_t i = 0; i < task.values.size(); ++i) {
    CheckValue(spec, spec.parameters[i], task.values[i]);
  }
}

std::string ApplyOptions(const FamilyOptions& options, const HashSource& source, FamilySpec& spec) {
  if (options.horizon < 0 || options.horizon > kMaxHorizon) {
    throw Error(ErrorKind::kUsage, fmt::format("{} is not a horizon", options.horizon),
                {.key = "horizon",
                 .remedy = fmt::format("From 1 to {} control steps, or 0 for the published {}",
                                       kMaxHorizon, spec.horizon)});
  }
  if (options.horizon > 0) spec.horizon = static_cast<int>(options.horizon);
  if (options.trial_episodes < 0 || options.trial_episodes > kMaxTrialEpisodes) {
    throw Error(ErrorKind::kUsage, fmt::format("{} is not a trial", options.trial_episodes),
                {.key = "trial_episodes",
                 .remedy = fmt::format("From 1 to {} episodes, or 0 for the published {}",
                                       kMaxTrialEpisodes, spec.trial_episodes)});
  }
  if (options.trial_episodes > 0) spec.trial_episodes = static_cast<int>(options.trial_episodes);

  // an episode counts its trial's changes from the beginning
  constexpr double kMostChanges = 1e7;
  if (spec.change) {
    const double clock = spec.change->clock == TaskChange::Clock::kSteps ? spec.horizon : 1;
    const double changes = clock * spec.trial_episodes / spec.change->every;
    if (changes > kMostChanges) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("the task would change {:.3g} times in a trial, at most {:.0e} do",
                              changes, kMostChanges),
                  {.key = "trial_episodes"});
    }
  }

  std::string hash;
  if (source.alone) {
    FamilySpec bare;
    bare.name = spec.name;
    bare.horizon = spec.horizon;
    bare.trial_episodes = spec.trial_episodes;
    hash = DefinitionHash(bare, source.text);
  } else {
    hash = DefinitionHash(spec, source.text);
  }
  if (!options.observe_task) return hash;
  spec = WithTaskObserved(std::move(spec));
  if (source.alone) return DefinitionHash({.name = "task observed"}, hash);
  return DefinitionHash(spec, hash);
}

}  // namespace fewstep
