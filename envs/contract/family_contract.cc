#include "envs/contract/family_contract.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "envs/contract/trajectory.h"
#include "envs/plugin/plugin_family.h"

namespace fewstep {
namespace {

constexpr int kLongestEpisode = 200;  // steps of an episode that are looked at

std::unique_ptr<VectorEnv> MakeEnv(const TaskFamily& family, int envs, int threads, uint64_t seed) {
  auto env = family.MakeVectorEnv(envs, threads);
  env->SetTasks(family.Sample(Split::kTrain, envs, Rng(seed)));
  return env;
}

int Steps(const FamilySpec& spec) { return std::min(spec.horizon, kLongestEpisode); }

std::string Texts(const TaskFamily& family) {
  const FamilySpec& spec = family.spec();
  const std::pair<const char*, const std::string*> texts[] = {
      {"summary", &spec.summary}, {"source", &spec.source}, {"model", &spec.model},
      {"reset", &spec.reset},     {"reward", &spec.reward}, {"termination", &spec.termination},
      {"action", &spec.action},   {"splits", &spec.splits}};
  for (const auto& [name, text] : texts) {
    if (text->empty()) return fmt::format("it says nothing of its {}", name);
  }
  if (spec.observation.empty()) return "it does not say what is observed";
  if (spec.parameters.empty()) return "it has no parameter, so that all tasks are one";
  if (spec.state.empty()) return "its state has no numbers, so that no episode can be replayed";
  for (const ParameterSpec& parameter : spec.parameters) {
    if (parameter.law.empty())
      return fmt::format("it does not say the law of '{}'", parameter.name);
    if (!(parameter.low < parameter.high)) {
      return fmt::format("'{}' is always {}", parameter.name, parameter.low);
    }
  }
  return "";
}

std::string Tasks(const TaskFamily& family) {
  constexpr int kTasks = 200;
  const FamilySpec& spec = family.spec();
  for (const Split split : {Split::kTrain, Split::kTest, Split::kOod}) {
    const std::string name = NameOf(kSplitNames, split);
    std::vector<Task> tasks;
    try {
      tasks = family.Sample(split, kTasks, Rng(1));
    } catch (const Error& error) {
      // a family may have no tasks out of distribution
      if (split == Split::kOod && error.kind() == ErrorKind::kUsage) continue;
      return fmt::format("drawing {} tasks fails: {}", name, error.what());
    }
    if (tasks != family.Sample(split, kTasks, Rng(1))) {
      return fmt::format("the same seed gives other {} tasks: draw from the stream alone", name);
    }
    if (!spec.finite && tasks == family.Sample(split, kTasks, Rng(2)) && split == Split::kTrain) {
      return fmt::format("every seed gives the same {} tasks: draw from the stream", name);
    }
    for (const Task& task : tasks) {
      try {
        family.Prepare(task);
      } catch (const Error& error) {
        return fmt::format("the {} task {} cannot be played: {}", name, ToString(spec, task),
                           error.what());
      }
    }
  }
  return "";
}

// What the family itself says of it.
std::string Reported() {
  const std::string report = plugin::TakeLastReport();
  return report.empty() ? "" : fmt::format("; it says: {}", report);
}

std::string Finite(const TaskFamily& family) {
  constexpr int kEnvs = 16;
  const FamilySpec& spec = family.spec();
  const std::vector<Task> tasks = family.Sample(Split::kTrain, kEnvs, Rng(1));
  const auto env = family.MakeVectorEnv(kEnvs, 1);
  env->SetTasks(tasks);
  plugin::TakeLastReport();
  const Trajectory played = Roll(*env, Rng(2), RandomActions(spec, Steps(spec), kEnvs, 3));
  const auto in = [&](size_t i) { return ToString(spec, tasks[i % kEnvs]); };
  const auto size = static_cast<size_t>(spec.observation_size);
  for (size_t i = 0; i < played.first.size(); ++i) {
    if (std::isfinite(played.first[i])) continue;
    return fmt::format("number {} of the first observation is {} in the task {}, or reset failed",
                       i % size, played.first[i], in(i / size)) +
           Reported();
  }
  for (size_t i = 0; i < played.rewards.size(); ++i) {
    if (played.flags[3 * i + 2] == 0) continue;
    return fmt::format(
               "{} of the task {} fails: a function says so, writes more numbers than it may, or "
               "gives an "
               "observation or a reward that is not finite",
               i < kEnvs ? "the reset or the first step" : fmt::format("step {}", i / kEnvs),
               in(i)) +
           Reported();
  }
  for (size_t i = 0; i < played.metrics.size(); ++i) {
    if (std::isfinite(played.metrics[i])) continue;
    return fmt::format("the metric '{}' is {} at step {}", spec.metrics[i % spec.metrics.size()],
                       played.metrics[i], i / spec.metrics.size() / kEnvs);
  }
  return "";
}

std::string Terminates(const TaskFamily& family) {
  constexpr int kEnvs = 100;
  const FamilySpec& spec = family.spec();
  const auto env = MakeEnv(family, kEnvs, 1, 4);
  const Trajectory played = Roll(*env, Rng(5), RandomActions(spec, Steps(spec), kEnvs, 6));
  bool ended = false;
  for (size_t i = 0; i < played.flags.size(); i += 3) ended = ended || played.flags[i] != 0;
  if (ended && !spec.terminates) {
    return "episodes end in a terminal state, and it says that they do not: set terminates";
  }
  return "";
}

std::string Repeats(const TaskFamily& family) {
  constexpr int kEnvs = 7;
  const FamilySpec& spec = family.spec();
  const std::vector<double> actions = RandomActions(spec, Steps(spec), kEnvs, 7);
  const auto env = MakeEnv(family, kEnvs, 1, 8);
  const Trajectory once = Roll(*env, Rng(9), actions);
  if (Roll(*env, Rng(9), actions) != once) {
    return "the same seed gives another episode the second time: something outlives an episode, or "
           "comes from elsewhere than the stream";
  }
  if (Roll(*MakeEnv(family, kEnvs, 1, 8), Rng(9), actions) != once) {
    return "the same seed gives another episode in a simulation that was made anew";
  }
  for (const int threads : {2, 4}) {
    if (Roll(*MakeEnv(family, kEnvs, threads, 8), Rng(9), actions) == once) continue;
    return fmt::format("{} threads give other numbers than one: simulations share something",
                       threads);
  }
  return "";
}

std::string Streams(const TaskFamily& family) {
  // other seeds may differ in nothing where neither reset nor dynamics are random; but simulations
  // must not disturb one another
  constexpr int kEnvs = 3;
  const FamilySpec& spec = family.spec();
  const int steps = std::max(1, Steps(spec) / 2);
  const std::vector<double> actions = RandomActions(spec, steps, kEnvs, 10);
  const auto a = MakeEnv(family, kEnvs, 1, 11), b = MakeEnv(family, kEnvs, 1, 11);
  Roll(*a, Rng(12), actions);
  Roll(*b, Rng(12), actions);
  std::vector<float> row(static_cast<size_t>(spec.observation_size));
  const int middle = 1;
  b->Reset({&middle, 1}, Rng(13), row);
  const Trajectory left = Continue(*a, actions), right = Continue(*b, actions);
  for (size_t i = 0; i < left.rewards.size(); ++i) {
    if (i % kEnvs == 1 || left.rewards[i] == right.rewards[i]) continue;
    return "resetting one simulation changes another: they share something";
  }
  return "";
}

// Plays back one column of actions [T, B, A].
struct Column {
  const std::vector<double>* actions;
  size_t env, num_envs, width;
};
void ActColumn(void* context, const float*, int step, float* action) noexcept {
  const auto& c = *static_cast<const Column*>(context);
  const size_t start = (static_cast<size_t>(step) * c.num_envs + c.env) * c.width;
  for (size_t i = 0; i < c.width; ++i) action[i] = static_cast<float>((*c.actions)[start + i]);
}

std::string Runners(const TaskFamily& family) {
  constexpr size_t kEnvs = 3;
  const FamilySpec& spec = family.spec();
  const auto horizon = static_cast<size_t>(spec.horizon);
  const std::vector<double> actions = RandomActions(spec, spec.horizon, kEnvs, 14);
  const std::vector<Task> tasks = family.Sample(Split::kTrain, kEnvs, Rng(15));
  const auto env = family.MakeVectorEnv(kEnvs, 1);
  env->SetTasks(tasks);
  const Trajectory expected = Roll(*env, Rng(16), actions);
  const auto runner = family.MakeEpisodeRunner();
  for (size_t i = 0; i < kEnvs; ++i) {
    std::vector<float> observations(horizon * static_cast<size_t>(spec.observation_size));
    std::vector<float> acted(horizon * static_cast<size_t>(spec.action_width())), rewards(horizon),
        dense(horizon);
    Column column{&actions, i, kEnvs, static_cast<size_t>(spec.action_width())};
    const EpisodeResult result =
        runner->Run(*family.Prepare(tasks[i]), Rng(16).Fork("env", i), ActColumn, &column,
                    {.observations = observations.data(),
                     .actions = acted.data(),
                     .rewards = rewards.data(),
                     .dense_rewards = dense.data()});
    for (size_t step = 0; step < static_cast<size_t>(result.length); ++step) {
      const size_t at = step * kEnvs + i;
      const bool dense_alike = expected.dense_rewards.empty() ||
                               dense[step] == static_cast<float>(expected.dense_rewards[at]);
      if (dense_alike && rewards[step] == static_cast<float>(expected.rewards[at])) continue;
      return fmt::format(
          "an episode by itself has reward {} at step {}, and {} among others: "
          "something is read that is not of the state",
          rewards[step], step, expected.rewards[at]);
    }
  }
  return "";
}

std::string Replays(const TaskFamily& family) {
  const FamilySpec& spec = family.spec();
  const std::vector<Task> tasks = family.Sample(Split::kTrain, 1, Rng(17));
  const std::vector<double> actions = RandomActions(spec, std::min(10, Steps(spec)), 1, 18);
  std::vector<double> state(spec.state.size()), back(state.size());
  Trajectory expected;
  for (int past = 0; past < 2; ++past) {
    const auto env = family.MakeVectorEnv(1, 1);
    env->SetTasks(tasks);
    Roll(*env, Rng(19), RandomActions(spec, std::min(5 + 7 * past, spec.horizon), 1, 20));
    if (past == 0) env->GetState(0, state);
    env->SetState(0, state);
    env->GetState(0, back);
    if (back != state) return "a state that is set is not the one that is read back";
    const Trajectory played = Continue(*env, actions);
    if (past == 0) {
      expected = played;
    } else if (played != expected) {
      return "what follows a state depends on more than its numbers: name all of them in state";
    }
  }
  return "";
}

std::string TasksMatter(const TaskFamily& family) {
  if (family.AllTasks(Split::kTrain).size() == 1) return "";  // it says that it has one alone
  constexpr int kEnvs = 20;
  const FamilySpec& spec = family.spec();
  const std::vector<Task> tasks = family.Sample(Split::kTrain, kEnvs, Rng(21));
  const std::vector<double> one = RandomActions(spec, Steps(spec), 1, 22);
  Trajectory first;
  for (int i = 0; i < kEnvs; ++i) {
    const auto env = family.MakeVectorEnv(1, 1);
    env->SetTasks({&tasks[static_cast<size_t>(i)], 1});
    const Trajectory played = Roll(*env, Rng(23), one);
    if (i == 0) {
      first = played;
    } else if (played.rewards != first.rewards || played.dense_rewards != first.dense_rewards ||
               played.observations != first.observations) {
      return "";
    }
  }
  return fmt::format(
      "{} tasks give the same rewards and observations for the same actions: nothing "
      "depends on the task",
      kEnvs);
}

}  // namespace

const std::vector<Rule>& FamilyRules() {
  static const std::vector<Rule> rules = {
      {"the definition is whole", "texts, parameters and state are named", Texts},
      {"tasks are drawn", "laws give valid tasks, the same for the same seed", Tasks},
      {"numbers are finite", "observations, rewards and metrics under random actions", Finite},
      {"terminal states are declared", "episodes end early only where the definition says so",
       Terminates},
      {"episodes repeat", "the same seed gives the same bits, at any number of threads", Repeats},
      {"simulations are apart", "what happens in one changes no other", Streams},
      {"episodes are the same alone", "whole episodes and steps in lockstep give the same bits",
       Runners},
      {"states replay", "what follows a state depends on its numbers and the actions", Replays},
      {"tasks differ", "something depends on the task, where there are several", TasksMatter}};
  return rules;
}

}  // namespace fewstep
