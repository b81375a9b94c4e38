// The contract of a task family, for every family that is compiled in, the examples, and some of
// the tests' own.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "envs/contract/family_contract.h"
#include "envs/outside_families.h"
#include "envs/task_law.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

constexpr int kSteps = 60;

FamilyCatalog AllFamilies() {
  FamilyCatalog catalog = BuiltinFamilies();
  catalog.Add("bandit@test", EntryOf<FamilyOptions>(MakeBandit));
  catalog.Add("pendulum@test", EntryOf<FamilyOptions>(MakePendulum));
  catalog.Add("drifting-pendulum@test", EntryOf<FamilyOptions>(MakeDriftingPendulum));
  catalog.Add("changing-bandit@test", EntryOf<FamilyOptions>(MakeChangingBandit));
  AddFamilies(FEWSTEP_SOURCE_DIR "/examples/families", FamilyOpener{}, Clash::kRefuse, catalog);
  return catalog;
}

// Every family by its name, and two whose observation holds the task: "NAME, task observed".
constexpr std::string_view kTaskObserved = ", task observed";
std::vector<std::string> AllCases() {
  std::vector<std::string> cases = AllFamilies().Names();
  for (const char* name : {"half-cheetah-vel@promp", "point-nav@maml", "drifting-pendulum@test",
                           "changing-bandit@test", "hover-dynamics@example"}) {
    cases.push_back(fmt::format("{}{}", name, kTaskObserved));
  }
  return cases;
}

// Fails unless `action` throws Error(kUsage).
template <typename Action>
void ExpectUsageError(Action&& action, const char* what) {
  try {
    action();
    ADD_FAILURE() << what << " was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
  }
}

class FamilyContract : public NoWarningsTest, public ::testing::WithParamInterface<std::string> {
 protected:
  std::unique_ptr<TaskFamily> Make(int64_t horizon = 0) const {
    FamilyOptions options;
    options.horizon = horizon;
    options.observe_task = GetParam().ends_with(kTaskObserved);
    return AllFamilies().Make(name(), options);
  }
  std::string name() const { return GetParam().substr(0, GetParam().find(',')); }

  const std::unique_ptr<TaskFamily> family_ = Make();
  const FamilySpec& spec_ = family_->spec();

  std::unique_ptr<VectorEnv> MakeEnv(int num_envs, int num_threads, uint64_t seed = 1) const {
    auto env = family_->MakeVectorEnv(num_envs, num_threads);
    env->SetTasks(family_->Sample(Split::kTrain, num_envs, Rng(seed)));
    return env;
  }
};

TEST_P(FamilyContract, SpecIsComplete) {
  EXPECT_EQ(spec_.name, name());
  EXPECT_NE(spec_.name.find('@'), std::string::npos);
  for (const std::string* text :
       {&spec_.summary, &spec_.source, &spec_.model, &spec_.reset, &spec_.reward,
        &spec_.termination, &spec_.action, &spec_.splits}) {
    EXPECT_FALSE(text->empty());
  }
  EXPECT_FALSE(spec_.observation.empty());
  EXPECT_GT(spec_.observation_size, 0);
  EXPECT_GT(spec_.action_size, 0);
  EXPECT_LT(spec_.action_low, spec_.action_high);
  EXPECT_GT(spec_.horizon, 0);
  EXPECT_FALSE(spec_.parameters.empty());
  EXPECT_FALSE(spec_.state.empty());
  for (const ParameterSpec& parameter : spec_.parameters) {
    EXPECT_FALSE(parameter.name.empty());
    EXPECT_FALSE(parameter.law.empty());
    EXPECT_LT(parameter.low, parameter.high);
    EXPECT_EQ(parameter.choices.empty(), !spec_.finite) << parameter.name;
    for (const double choice : parameter.choices) {
      EXPECT_GE(choice, parameter.low);
      EXPECT_LE(choice, parameter.high);
    }
  }
  EXPECT_EQ(family_->hash().size(), 16u);
  EXPECT_EQ(family_->hash(), Make()->hash());
}

TEST_P(FamilyContract, HoldsToTheRulesThatAuthorsAreTold) {
  for (const Rule& rule : FamilyRules()) {
    EXPECT_EQ(rule.check(*family_), "") << rule.name;
  }
}

TEST_P(FamilyContract, RandomActionsStayFinite) {
  const auto env = MakeEnv(8, 2);
  const Trajectory t = Roll(*env, Rng(2), RandomActions(spec_, spec_.horizon, 8, 3));
  for (const double value : t.observations) ASSERT_TRUE(std::isfinite(value));
  for (const double value : t.rewards) ASSERT_TRUE(std::isfinite(value));
  for (const double value : t.metrics) ASSERT_TRUE(std::isfinite(value));
  for (size_t i = 2; i < t.flags.size(); i += 3) ASSERT_EQ(t.flags[i], 0) << "diverged";
  for (const double value : t.dense_rewards) ASSERT_TRUE(std::isfinite(value));
  // something must happen; a sparse reward may be far from where random actions lead
  const std::vector<double>& rewards = t.dense_rewards.empty() ? t.rewards : t.dense_rewards;
  EXPECT_NE(std::count(rewards.begin(), rewards.end(), 0.0),
            static_cast<std::ptrdiff_t>(rewards.size()));
}

TEST_P(FamilyContract, TerminatesWhereItSaysSoOnly) {
  // many short episodes, so that some reach a terminal state where there is one
  const auto env = MakeEnv(400, 1);
  const Trajectory t =
      Roll(*env, Rng(41), RandomActions(spec_, std::min(spec_.horizon, 40), 400, 42));
  bool terminated = false;
  for (size_t i = 0; i < t.flags.size(); i += 3) terminated = terminated || t.flags[i] != 0;
  EXPECT_EQ(terminated, spec_.terminates);
}

TEST_P(FamilyContract, SameBitsAtAnyNumberOfThreads) {
  constexpr int kEnvs = 13;
  const auto actions = RandomActions(spec_, kSteps, kEnvs, 4);
  const Trajectory expected = Roll(*MakeEnv(kEnvs, 1), Rng(5), actions);
  for (const int threads : {1, 2, 3, 8}) {
    EXPECT_EQ(Roll(*MakeEnv(kEnvs, threads), Rng(5), actions), expected) << threads << " threads";
  }
}

TEST_P(FamilyContract, ResetOfOneLeavesTheOthersAlone) {
  const auto actions = RandomActions(spec_, kSteps / 2, 3, 6);
  const auto env = MakeEnv(3, 2), other = MakeEnv(3, 2);
  Roll(*env, Rng(7), actions);
  Roll(*other, Rng(7), actions);
  std::vector<float> row(static_cast<size_t>(spec_.observation_size));
  const int middle = 1;
  other->Reset({&middle, 1}, Rng(8), row);

  const Trajectory a = Continue(*env, actions), b = Continue(*other, actions);
  const size_t size = static_cast<size_t>(spec_.observation_size);
  for (size_t step = 0; step < kSteps / 2; ++step) {
    for (const size_t i : {size_t{0}, size_t{2}}) {
      ASSERT_EQ(a.rewards[step * 3 + i], b.rewards[step * 3 + i]);
      for (size_t k = 0; k < size; ++k) {
        ASSERT_EQ(a.observations[(step * 3 + i) * size + k],
                  b.observations[(step * 3 + i) * size + k]);
      }
    }
  }
}

// Plays back one column of actions [T, B, A].
struct Playback {
  const std::vector<double>* actions;
  size_t env, num_envs, width;
};
void Play(void* context, const float*, int step, float* action) noexcept {
  const auto& p = *static_cast<const Playback*>(context);
  const size_t start = (static_cast<size_t>(step) * p.num_envs + p.env) * p.width;
  for (size_t i = 0; i < p.width; ++i) action[i] = static_cast<float>((*p.actions)[start + i]);
}

TEST_P(FamilyContract, RunnerAndEnvironmentGiveTheSameBits) {
  constexpr size_t kEnvs = 5;
  const size_t horizon = static_cast<size_t>(spec_.horizon);
  const size_t width = static_cast<size_t>(spec_.action_width());
  const size_t size = static_cast<size_t>(spec_.observation_size);
  const size_t num_metrics = spec_.metrics.size();
  const auto actions = RandomActions(spec_, spec_.horizon, kEnvs, 9);
  const auto tasks = family_->Sample(Split::kTrain, kEnvs, Rng(10));
  const auto env = family_->MakeVectorEnv(kEnvs, 2);
  env->SetTasks(tasks);
  const Trajectory expected = Roll(*env, Rng(11), actions);

  const auto runner = family_->MakeEpisodeRunner();
  for (size_t i = 0; i < kEnvs; ++i) {
    std::vector<float> observations(horizon * size), acted(horizon * width), rewards(horizon),
        last(size);
    std::vector<double> sums(num_metrics);
    Playback playback{&actions, i, kEnvs, width};
    const EpisodeResult result =
        runner->Run(*family_->Prepare(tasks[i]), Rng(11).Fork("env", i), Play, &playback,
                    {.observations = observations.data(),
                     .actions = acted.data(),
                     .rewards = rewards.data(),
                     .final_observation = last.data(),
                     .metric_sums = sums.data()});

    // length and end
    size_t length = 0;
    while (length < horizon && !expected.flags[(length * kEnvs + i) * 3] &&
           !expected.flags[(length * kEnvs + i) * 3 + 1]) {
      ++length;
    }
    ++length;
    ASSERT_EQ(static_cast<size_t>(result.length), length);
    EXPECT_EQ(result.terminated, expected.flags[((length - 1) * kEnvs + i) * 3] != 0);
    EXPECT_FALSE(result.diverged);

    // every number
    std::vector<double> expected_sums(num_metrics);
    for (size_t t = 0; t < length; ++t) {
      const size_t row = t * kEnvs + i;
      ASSERT_EQ(rewards[t], static_cast<float>(expected.rewards[row])) << "step " << t;
      for (size_t k = 0; k < size; ++k) {
        const float before =
            t == 0 ? expected.first[i * size + k]
                   : static_cast<float>(expected.observations[(row - kEnvs) * size + k]);
        ASSERT_EQ(observations[t * size + k], before) << "step " << t;
      }
      for (size_t k = 0; k < width; ++k) ASSERT_EQ(acted[t * width + k], actions[row * width + k]);
      for (size_t m = 0; m < num_metrics; ++m) {
        expected_sums[m] += expected.metrics[row * num_metrics + m];
      }
    }
    for (size_t k = 0; k < size; ++k) {
      EXPECT_EQ(last[k],
                static_cast<float>(expected.observations[((length - 1) * kEnvs + i) * size + k]));
    }
    EXPECT_EQ(sums, expected_sums);
  }
}

TEST_P(FamilyContract, TasksDiffer) {
  const auto tasks =
      spec_.finite ? EnumerateTasks(spec_) : family_->Sample(Split::kTrain, 4, Rng(12));
  const auto env = family_->MakeVectorEnv(1, 1);
  const size_t width = static_cast<size_t>(spec_.action_width());

  // rewards under pushes in every corner direction, and random actions; of choices as many episodes
  // as make sixty steps
  const bool discrete = spec_.action_kind == ActionKind::kDiscrete;
  const unsigned episodes = discrete ? 4 * static_cast<unsigned>(kSteps / spec_.horizon + 1) : 4;
  std::set<std::vector<double>> seen;
  for (const Task& task : tasks) {
    env->SetTasks({&task, 1});
    std::vector<double> rewards;
    for (unsigned signs = 0; signs < episodes; ++signs) {
      auto actions = RandomActions(spec_, kSteps, 1, discrete ? signs : 13);
      if (!discrete) {
        for (size_t i = 0; i < actions.size(); ++i) {
          actions[i] = (signs >> (i % width % 2)) & 1u ? spec_.action_high : spec_.action_low;
        }
      }
      const Trajectory t = Roll(*env, discrete ? Rng(14).Fork("episode", signs) : Rng(14), actions);
      rewards.insert(rewards.end(), t.rewards.begin(), t.rewards.end());
      rewards.insert(rewards.end(), t.dense_rewards.begin(), t.dense_rewards.end());
    }
    EXPECT_TRUE(seen.insert(rewards).second) << ToString(spec_, task) << " acts like another task";
  }
}

TEST_P(FamilyContract, TaskSetAgainIsTheSame) {
  const auto tasks = family_->Sample(Split::kTrain, 6, Rng(15));
  const std::span first(tasks.data(), 3), second(tasks.data() + 3, 3);
  const auto actions = RandomActions(spec_, kSteps, 3, 16);
  const auto env = family_->MakeVectorEnv(3, 2);
  env->SetTasks(first);
  const Trajectory expected = Roll(*env, Rng(17), actions);
  for (int round = 0; round < 3; ++round) {
    env->SetTasks(second);
    Roll(*env, Rng(18), actions);
    env->SetTasks(first);
    EXPECT_EQ(Roll(*env, Rng(17), actions), expected) << "round " << round;
  }
}

TEST_P(FamilyContract, SampledTasksAreValid) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    const auto tasks = family_->Sample(split, 100, Rng(19));
    ASSERT_EQ(tasks.size(), 100u);
    for (const Task& task : tasks) {
      EXPECT_NO_THROW(CheckTask(spec_, task));

      // a printed task reads back as the same numbers
      std::vector<std::string> words;
      const std::string text = ToString(spec_, task);
      for (size_t start = 0; start <= text.size();) {
        const size_t end = std::min(text.find(' ', start), text.size());
        words.push_back(text.substr(start, end - start));
        start = end + 1;
      }
      EXPECT_EQ(ParseTask(spec_, words), task) << text;
    }

    // the first tasks do not depend on how many are drawn
    EXPECT_EQ(family_->Sample(split, 3, Rng(19)), std::vector(tasks.begin(), tasks.begin() + 3));
  }
}

TEST_P(FamilyContract, SplitsAreSeparate) {
  const auto train = family_->Sample(Split::kTrain, 200, Rng(20));
  const auto test = family_->Sample(Split::kTest, 200, Rng(20));
  if (spec_.finite) {
    const auto all = EnumerateTasks(spec_);
    size_t count = 1;
    for (const ParameterSpec& parameter : spec_.parameters) count *= parameter.choices.size();
    ASSERT_EQ(all.size(), count);
    for (size_t i = 0; i < test.size(); ++i) EXPECT_EQ(test[i], all[i % count]);
    for (const Task& task : all)
      EXPECT_NE(std::find(train.begin(), train.end(), task), train.end());
  } else {
    for (const Task& task : test) {
      EXPECT_EQ(std::find(train.begin(), train.end(), task), train.end()) << ToString(spec_, task);
    }
  }

  // out of distribution: valid tasks, or a clear refusal
  try {
    for (const Task& task : family_->Sample(Split::kOod, 20, Rng(20))) CheckTask(spec_, task);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_NE(std::string(error.what()).find("none are published"), std::string::npos);
  }
}

TEST_P(FamilyContract, BadTasksAreRefused) {
  const Task good = family_->Sample(Split::kTrain, 1, Rng(21))[0];
  const auto env = family_->MakeVectorEnv(1, 1);
  const auto expect_refused = [&](const Task& task, const char* what) {
    ExpectUsageError([&] { family_->Prepare(task); }, what);
    ExpectUsageError([&] { env->SetTasks({&task, 1}); }, what);
  };
  expect_refused({"other@family", good.values}, "another family");
  Task task = good;
  task.values.push_back(0);
  expect_refused(task, "a value too many");
  const Range valid = spec_.parameters[0].valid_range();
  for (const double value :
       {valid.high + 1e-9, valid.low - 1e-9, std::numeric_limits<double>::quiet_NaN(),
        std::numeric_limits<double>::infinity()}) {
    task = good;
    task.values[0] = value;
    expect_refused(task, "a value out of range");
  }

  const auto expect_unread = [&](std::vector<std::string> words, const char* what) {
    ExpectUsageError([&] { ParseTask(spec_, words); }, what);
  };
  const std::string name = spec_.parameters[0].name;
  expect_unread({}, "a missing parameter");
  expect_unread({name}, "no value");
  expect_unread({name + "=fast"}, "a word");
  expect_unread({name + "=1x"}, "a number and a letter");
  expect_unread({name + "x=1"}, "an unknown parameter");
  expect_unread({name + "=1", name + "=1"}, "a parameter twice");
}

TEST_P(FamilyContract, HorizonTruncates) {
  if (spec_.horizon == 1) {
    // a bandit's episode is a pull, whatever is asked for
    ExpectUsageError([&] { Make(7); }, "another horizon");
    EXPECT_EQ(Make(1)->hash(), family_->hash());
    const auto env = MakeEnv(2, 1);
    const Trajectory t = Roll(*env, Rng(24), RandomActions(spec_, 3, 2, 23));
    for (size_t i = 0; i < 6; ++i) EXPECT_EQ(t.flags[i * 3 + 1], 1);
    for (size_t i = 2; i < 6; ++i) EXPECT_EQ(t.rewards[i], 0);
    return;
  }
  const auto family = Make(7);
  EXPECT_EQ(family->spec().horizon, 7);
  EXPECT_NE(family->hash(), family_->hash());
  ExpectUsageError([&] { Make(-1); }, "a negative horizon");

  const auto env = family->MakeVectorEnv(2, 1);
  env->SetTasks(family->Sample(Split::kTrain, 2, Rng(22)));
  // little movement: no terminal state within seven steps
  std::vector<double> actions = RandomActions(spec_, 10, 2, 23);
  if (spec_.action_kind == ActionKind::kContinuous) {
    for (double& action : actions) action *= 1e-3;
  }
  const Trajectory t = Roll(*env, Rng(24), actions);
  const size_t size = static_cast<size_t>(spec_.observation_size) * 2;
  for (size_t step = 0; step < 10; ++step) {
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(t.flags[(step * 2 + i) * 3], 0) << "terminated at step " << step;
      EXPECT_EQ(t.flags[(step * 2 + i) * 3 + 1], step >= 6) << "step " << step;
      if (step > 6) {
        EXPECT_EQ(t.rewards[step * 2 + i], 0);
      }
    }
    // ended simulations stay where they are
    for (size_t k = 0; step > 6 && k < size; ++k) {
      ASSERT_EQ(t.observations[step * size + k], t.observations[6 * size + k]);
    }
  }
}

TEST_P(FamilyContract, TheTrialIsAnOption) {
  FamilyOptions options;
  options.observe_task = GetParam().ends_with(kTaskObserved);
  options.trial_episodes = 37;
  const auto longer = AllFamilies().Make(name(), options);
  EXPECT_EQ(longer->spec().trial_episodes, 37);
  EXPECT_NE(longer->hash(), family_->hash());
  options.trial_episodes = -1;
  ExpectUsageError([&] { AllFamilies().Make(name(), options); }, "a negative trial");
}

TEST_P(FamilyContract, ARunnerRecordsAStepBeforeItAsksForTheNext) {
  const auto horizon = static_cast<size_t>(spec_.horizon);
  const auto width = static_cast<size_t>(spec_.action_width());
  constexpr float kUnwritten = -12345.0f;
  struct Recorded {
    std::vector<float> observations, actions, rewards;
    std::vector<double> chosen;
    size_t width = 0;
    int asked = 0, missing = 0;
  } recorded{
      .observations = std::vector<float>(horizon * static_cast<size_t>(spec_.observation_size)),
      .actions = std::vector<float>(horizon * width, kUnwritten),
      .rewards = std::vector<float>(horizon, kUnwritten),
      .chosen = RandomActions(spec_, spec_.horizon, 1, 36),
      .width = width};
  const ActFunction act = [](void* context, const float*, int step, float* action) noexcept {
    auto& r = *static_cast<Recorded*>(context);
    const auto now = static_cast<size_t>(step) * r.width;
    std::copy_n(r.chosen.begin() + static_cast<std::ptrdiff_t>(now), r.width, action);
    if (step != r.asked++) ++r.missing;
    if (step == 0) return;
    if (r.rewards[static_cast<size_t>(step) - 1] == kUnwritten) ++r.missing;
    for (size_t i = now - r.width; i < now; ++i) {
      if (r.actions[i] != static_cast<float>(r.chosen[i])) ++r.missing;
    }
  };
  const auto runner = family_->MakeEpisodeRunner();
  const auto task = family_->Prepare(family_->Sample(Split::kTrain, 1, Rng(37))[0]);
  const EpisodeResult result = runner->Run(*task, Rng(38), act, &recorded,
                                           {recorded.observations.data(), recorded.actions.data(),
                                            recorded.rewards.data(), nullptr, nullptr});
  EXPECT_GT(result.length, 0);
  EXPECT_EQ(recorded.asked, result.length);
  EXPECT_EQ(recorded.missing, 0);
}

TEST_P(FamilyContract, SteppingAllocatesNothing) {
  const auto env = MakeEnv(6, 2);
  const auto actions = RandomActions(spec_, 1, 6, 25);
  Roll(*env, Rng(26), actions);
  const int64_t before_batch = allocation_count;
  StepBatch batch = env->MakeStepBatch();
  EXPECT_GT(allocation_count - before_batch, 0) << "allocations are not counted";
  const int64_t before_steps = allocation_count;
  for (int step = 0; step < 20; ++step) env->Step(actions, batch);
  EXPECT_EQ(allocation_count - before_steps, 0);

  const size_t horizon = static_cast<size_t>(spec_.horizon);
  std::vector<float> observations(horizon * static_cast<size_t>(spec_.observation_size)),
      acted(horizon * static_cast<size_t>(spec_.action_width())), rewards(horizon);
  const auto one = RandomActions(spec_, spec_.horizon, 1, 27);
  Playback playback{&one, 0, 1, static_cast<size_t>(spec_.action_width())};
  const auto runner = family_->MakeEpisodeRunner();
  const auto task = family_->Prepare(family_->Sample(Split::kTrain, 1, Rng(28))[0]);
  const Rng stream(29);
  const int64_t before_run = allocation_count;
  runner->Run(*task, stream, Play, &playback,
              {observations.data(), acted.data(), rewards.data(), nullptr, nullptr});
  EXPECT_EQ(allocation_count - before_run, 0);
}

TEST_P(FamilyContract, ReplayDependsOnStateAndActionsAlone) {
  const auto tasks = family_->Sample(Split::kTrain, 1, Rng(30));
  const auto actions = RandomActions(spec_, 10, 1, 33);
  std::vector<double> state(spec_.state.size()), back(state.size());
  std::vector<double> row(static_cast<size_t>(spec_.observation_size)), first_row;
  Trajectory expected;
  for (int past = 0; past < 3; ++past) {
    // the same reset, then different pasts
    const auto env = family_->MakeVectorEnv(1, 1);
    env->SetTasks(tasks);
    Roll(*env, Rng(31), RandomActions(spec_, 5 + 7 * past, 1, 32));
    if (past == 0) env->GetState(0, state);

    // what follows from the state of the first
    env->SetState(0, state);
    env->GetState(0, back);
    EXPECT_EQ(back, state);
    env->Observe(0, row);
    const Trajectory trajectory = Continue(*env, actions);
    if (past == 0) {
      first_row = row;
      expected = trajectory;
    }
    EXPECT_EQ(row, first_row);
    EXPECT_EQ(trajectory, expected) << "past " << past;
    ASSERT_FALSE(trajectory.rewards.empty());

    std::vector<double> bad = state;
    bad[0] = std::numeric_limits<double>::quiet_NaN();
    ExpectUsageError([&] { env->SetState(0, bad); }, "a state that is not finite");
  }
}

TEST_P(FamilyContract, AnActionThatIsNotANumberEndsItsEpisodeAlone) {
  if (spec_.action_kind == ActionKind::kDiscrete) GTEST_SKIP() << "choices are checked instead";
  auto actions = RandomActions(spec_, 10, 3, 34);
  const Trajectory sound = Roll(*MakeEnv(3, 1), Rng(35), actions);
  const size_t width = static_cast<size_t>(spec_.action_width());
  const size_t size = static_cast<size_t>(spec_.observation_size);
  actions[(4 * 3 + 1) * width] = std::numeric_limits<double>::quiet_NaN();
  const Trajectory broken = Roll(*MakeEnv(3, 1), Rng(35), actions);
  for (size_t step = 0; step < 10; ++step) {
    for (size_t i = 0; i < 3; ++i) {
      const size_t at = step * 3 + i;
      const bool bad = i == 1 && step >= 4;
      EXPECT_EQ(broken.flags[at * 3 + 2], bad) << "step " << step << " simulation " << i;
      EXPECT_EQ(broken.rewards[at], bad ? 0 : sound.rewards[at]);
      const size_t same_as = bad ? 3 * 3 + 1 : at;
      for (size_t k = 0; k < size; ++k) {
        ASSERT_EQ(broken.observations[at * size + k], sound.observations[same_as * size + k]);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, FamilyContract, ::testing::ValuesIn(AllCases()), FamilyTestName);

}  // namespace
}  // namespace fewstep
