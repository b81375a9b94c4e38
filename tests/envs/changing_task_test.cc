// Tasks that change within a trial.
#include "envs/changing_task.h"

#include <cmath>

#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

FamilySpec TwoParameters() {
  FamilySpec spec;
  spec.name = "two@test";
  spec.horizon = 10;
  spec.parameters = {
      {.name = "a", .unit = "", .low = 0, .high = 1, .choices = {}, .law = "U(0, 1)"},
      {.name = "b",
       .unit = "",
       .low = 0,
       .high = 1,
       .choices = {},
       .law = "U(0, 1)",
       .valid = Range{-1, 2}}};
  spec.change = TaskChange{.kind = TaskChange::Kind::kRedraw,
                           .clock = TaskChange::Clock::kSteps,
                           .every = 4,
                           .parameters = {0},
                           .drift = {}};
  return spec;
}

constexpr double kTask[] = {0.25, 0.75};

// Values of parameter a at each step of a trial's episodes, each begun by itself.
std::vector<double> Walk(const FamilySpec& spec, int episodes, uint64_t seed) {
  const TaskLaw law;
  ChangingTask task(spec, law);
  std::vector<double> values;
  for (int episode = 0; episode < episodes; ++episode) {
    task.Begin(kTask,
               {Rng(99).Fork("episode", static_cast<uint64_t>(episode)), Rng(seed), episode});
    values.push_back(task.values()[0]);
    for (int step = 1; step < spec.horizon; ++step) {
      const bool moved = task.MoveTo(step);
      EXPECT_EQ(moved, task.values()[0] != values.back());
      values.push_back(task.values()[0]);
    }
  }
  return values;
}

TEST(ChangingTask, TheClockOfATrialGoesOnThroughItsEpisodes) {
  const std::vector<double> values = Walk(TwoParameters(), 3, 5);
  ASSERT_EQ(values.size(), 30u);
  for (size_t i = 0; i < values.size(); ++i) {
    if (i < 4) {
      EXPECT_EQ(values[i], kTask[0]) << "the task of the beginning";
    } else {
      EXPECT_EQ(values[i] != values[i - 1], i % 4 == 0) << i;
    }
  }
  EXPECT_EQ(Walk(TwoParameters(), 3, 5), values);
  EXPECT_NE(Walk(TwoParameters(), 3, 6), values) << "another trial changes otherwise";

  FamilySpec by_episodes = TwoParameters();
  by_episodes.change->clock = TaskChange::Clock::kEpisodes;
  by_episodes.change->every = 2;
  const std::vector<double> slow = Walk(by_episodes, 6, 5);
  for (size_t i = 1; i < slow.size(); ++i) EXPECT_EQ(slow[i] != slow[i - 1], i % 20 == 0) << i;
}

TEST(ChangingTask, WhatIsDrawnAnewHasTheLawOfTraining) {
  FamilySpec spec = TwoParameters();
  TaskLaw law;
  law.draw = [](Rng& rng, std::span<double> values) {
    values[0] = rng.Uniform() < 0.3 ? 0 : 1;
    values[1] = rng.Uniform();
  };
  ChangingTask task(spec, law);
  int zeros = 0;
  constexpr int kTrials = 20000;
  for (int trial = 0; trial < kTrials; ++trial) {
    task.Begin(kTask, {Rng(1), Rng(7).Fork("trial", static_cast<uint64_t>(trial)), 0});
    EXPECT_TRUE(task.MoveTo(4));
    zeros += task.values()[0] == 0 ? 1 : 0;
    EXPECT_EQ(task.values()[1], kTask[1]) << "what does not change stays";
  }
  // five standard deviations of a binomial
  EXPECT_NEAR(zeros, 0.3 * kTrials, 5 * std::sqrt(0.3 * 0.7 * kTrials));
}

// A walk of many small steps reflected in [0, 1] is uniform there, whatever it began with.
TEST(ChangingTask, ADriftIsAReflectedWalk) {
  FamilySpec spec = TwoParameters();
  spec.horizon = 1000;
  spec.change = TaskChange{.kind = TaskChange::Kind::kDrift,
                           .clock = TaskChange::Clock::kSteps,
                           .every = 1,
                           .parameters = {0, 1},
                           .drift = {0.2, 0.01}};
  const TaskLaw law;
  ChangingTask task(spec, law);
  constexpr int kTrials = 4000;
  double sum = 0, squares = 0, steps = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    task.Begin(kTask, {Rng(1), Rng(3).Fork("trial", static_cast<uint64_t>(trial)), 0});
    task.MoveTo(1);
    const double first = task.values()[1] - kTask[1];
    steps += first * first;
    task.MoveTo(300);
    const double value = task.values()[0];
    ASSERT_GE(value, 0);
    ASSERT_LE(value, 1);
    ASSERT_GE(task.values()[1], -1);
    ASSERT_LE(task.values()[1], 2);
    sum += value;
    squares += value * value;
  }
  const double mean = sum / kTrials;
  // of U(0, 1): mean 1/2, variance 1/12; five standard errors
  EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(1.0 / 12 / kTrials));
  EXPECT_NEAR(squares / kTrials - mean * mean, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / kTrials));
  // away from the walls one step has the variance that was asked for
  EXPECT_NEAR(steps / kTrials, 1e-4, 5 * 1e-4 * std::sqrt(2.0 / kTrials));
}

// Three episodes of a trial in one environment, as many apart, and by a runner: the same, also
// where the task edits the model while it runs.
TEST(ChangingTask, EpisodesOfATrialDoNotDependOnThoseBeforeThem) {
  for (const auto& make : {MakeDriftingPendulum, MakeChangingBandit}) {
    const std::unique_ptr<TaskFamily> family = make({});
    const FamilySpec& spec = family->spec();
    const std::vector<Task> tasks = family->Sample(Split::kTrain, 1, Rng(3));
    const auto actions = RandomActions(spec, spec.horizon, 1, 4);
    const auto origin = [](int episode) {
      return EpisodeOrigin(Rng(5).Fork("episode", static_cast<uint64_t>(episode)), Rng(6), episode);
    };
    const auto roll = [&](VectorEnv& env, int episode) {
      const EpisodeOrigin from = origin(episode);
      const int id = 0;
      Trajectory trajectory;
      trajectory.first.resize(static_cast<size_t>(spec.observation_size));
      env.Start({&id, 1}, {&from, 1}, trajectory.first);
      const Trajectory rest = Continue(env, actions);
      trajectory.rewards = rest.rewards;
      trajectory.observations = rest.observations;
      return trajectory;
    };
    const auto one = family->MakeVectorEnv(1, 1);
    one->SetTasks(tasks);
    std::vector<Trajectory> in_turn;
    for (int episode = 0; episode < 3; ++episode) in_turn.push_back(roll(*one, episode));
    EXPECT_FALSE(in_turn[1] == in_turn[2]);
    const auto other = family->MakeVectorEnv(1, 1);
    other->SetTasks(tasks);
    for (const int episode : {2, 0, 1}) {
      EXPECT_EQ(roll(*other, episode), in_turn[static_cast<size_t>(episode)]) << spec.name;
    }
  }
}

// The pendulum drifts to a state of its task that another one, without a change, has from the
// beginning: the physics from there on are the same.
TEST(ChangingTask, AModelThatWasEditedWhileItRanIsThatOfItsTask) {
  const std::unique_ptr<TaskFamily> drifting = MakeDriftingPendulum({});
  const std::unique_ptr<TaskFamily> still = MakePendulum({});
  const auto env = drifting->MakeVectorEnv(1, 1);
  env->SetTasks(drifting->Sample(Split::kTrain, 1, Rng(8)));
  const auto actions = RandomActions(drifting->spec(), 9, 1, 9);
  const EpisodeOrigin origin(Rng(10), Rng(11), 1);
  const int id = 0;
  std::vector<float> row(static_cast<size_t>(drifting->spec().observation_size));
  env->Start({&id, 1}, {&origin, 1}, row);
  StepBatch batch = env->MakeStepBatch();
  for (size_t step = 0; step < 3; ++step) env->Step({&actions[step], 1}, batch);
  // 40 + 3 steps of the trial: 6 changes, the next after 42 / 7 of them
  std::vector<double> state(drifting->spec().state.size());
  env->GetState(0, state);
  const std::span<const double> present = env->PresentTask(0);
  const Task task{still->spec().name, {present.begin(), present.end()}};
  EXPECT_NE(task.values, drifting->Sample(Split::kTrain, 1, Rng(8))[0].values);

  const auto fresh = still->MakeVectorEnv(1, 1);
  fresh->SetTasks({&task, 1});
  fresh->Reset({&id, 1}, Rng(1), row);
  fresh->SetState(0, state);
  StepBatch other = fresh->MakeStepBatch();
  for (size_t step = 3; step < 8; ++step) {
    env->Step({&actions[step], 1}, batch);
    fresh->Step({&actions[step], 1}, other);
    // the solver starts warm in one of them
    EXPECT_NEAR(batch.observations64[0], other.observations64[0], 1e-9);
    EXPECT_NEAR(batch.observations64[1], other.observations64[1], 1e-9);
  }
}

TEST(ChangingTask, WithoutAChangeTheOriginDoesNotMatter) {
  const std::unique_ptr<TaskFamily> family = MakePendulum({});
  const auto actions = RandomActions(family->spec(), 5, 1, 4);
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks(family->Sample(Split::kTrain, 1, Rng(3)));
  const int id = 0;
  std::vector<float> row(static_cast<size_t>(family->spec().observation_size));
  const EpisodeOrigin alone = Rng(5), third(Rng(5), Rng(77), 3);
  env->Start({&id, 1}, {&alone, 1}, row);
  const Trajectory a = Continue(*env, actions);
  env->Start({&id, 1}, {&third, 1}, row);
  EXPECT_EQ(Continue(*env, actions), a);
}

}  // namespace
}  // namespace fewstep
