// What the intervals of reports are worth: how often they cover the truth on simulated training
// runs. A run has a quality of its own that all of its tasks share, which is what an interval that
// draws runs anew for every task forgets.
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "experiments/statistics.h"

namespace fewstep {
namespace {

// How runs differ and how tasks do; deviations of the size of half-cheetah's.
struct World {
  std::string name;
  double between_runs, between_tasks, within;
  std::function<double(Rng&)> run_effect;  // mean 0, variance 1
};

double Normal(Rng& rng) { return rng.Normal(); }
double Uniform(Rng& rng) { return rng.Uniform(-std::sqrt(3.0), std::sqrt(3.0)); }
double Laplace(Rng& rng) {
  const double sign = rng.Uniform() < 0.5 ? -1 : 1;
  return sign * -std::log(1 - rng.Uniform()) / std::sqrt(2.0);
}

std::vector<World> Worlds() {
  return {{"runs alike", 1, 45, 10, Normal},      {"runs and tasks", 9.3, 45, 10, Normal},
          {"tasks alike", 9.3, 1, 10, Normal},    {"noisy episodes", 9.3, 10, 45, Normal},
          {"uniform runs", 9.3, 45, 10, Uniform}, {"heavy tails", 9.3, 45, 10, Laplace}};
}

constexpr int kTasks = 40;

// Scores of `runs` runs on the same tasks, [runs, tasks], run-major.
std::vector<double> Scores(const World& world, int runs, const std::vector<double>& tasks,
                           Rng rng) {
  std::vector<double> scores;
  for (int run = 0; run < runs; ++run) {
    const double quality = world.between_runs * world.run_effect(rng);
    for (const double task : tasks) scores.push_back(quality + task + world.within * rng.Normal());
  }
  return scores;
}

std::vector<double> Tasks(const World& world, Rng rng) {
  std::vector<double> tasks(kTasks);
  for (double& task : tasks) task = world.between_tasks * rng.Normal();
  return tasks;
}

class Coverage : public testing::TestWithParam<int> {};  // runs

TEST_P(Coverage, OfTheMeanOverRuns) {
  constexpr int kTrials = 4000;
  for (const World& world : Worlds()) {
    int covered = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      const Rng rng = Rng(1).Fork(world.name, static_cast<uint64_t>(trial));
      const std::vector<double> tasks = Tasks(world, rng.Fork("tasks"));
      const std::vector<double> scores = Scores(world, GetParam(), tasks, rng.Fork("scores"));
      const Interval interval = StudentMean(RunMeans({scores, GetParam(), kTasks}));
      const double truth = Mean(tasks);  // of all runs that could be, on these tasks
      covered += interval.low <= truth && truth <= interval.high;
    }
    const double share = static_cast<double>(covered) / kTrials;
    EXPECT_GE(share, 0.90) << world.name;
    EXPECT_LE(share, 0.98) << world.name;
    RecordProperty(world.name, std::to_string(share));
  }
}

TEST_P(Coverage, OfTheInterquartileMean) {
  constexpr int kTrials = 2000, kMany = 5000;
  for (const World& world : Worlds()) {
    int covered = 0;
    const std::vector<double> tasks = Tasks(world, Rng(3).Fork(world.name));
    const double truth = InterquartileMean(Scores(world, kMany, tasks, Rng(4).Fork(world.name)));
    for (int trial = 0; trial < kTrials; ++trial) {
      const Rng rng = Rng(5).Fork(world.name, static_cast<uint64_t>(trial));
      const std::vector<double> scores = Scores(world, GetParam(), tasks, rng);
      const Interval interval = JackknifeInterquartileMean({scores, GetParam(), kTasks});
      covered += interval.low <= truth && truth <= interval.high;
    }
    const double share = static_cast<double>(covered) / kTrials;
    EXPECT_GE(share, 0.90) << world.name;
    EXPECT_LE(share, 0.98) << world.name;
    RecordProperty(world.name, std::to_string(share));
  }
}

TEST_P(Coverage, OfTheDifferenceOfTwoAlgorithms) {
  constexpr int kTrials = 4000;
  for (const World& world : Worlds()) {
    int covered = 0;
    for (int trial = 0; trial < kTrials; ++trial) {
      const Rng rng = Rng(2).Fork(world.name, static_cast<uint64_t>(trial));
      const std::vector<double> tasks = Tasks(world, rng.Fork("tasks"));
      World wider = world;
      wider.between_runs *= 2;
      const int runs = GetParam();
      const auto a = RunMeans({Scores(world, runs, tasks, rng.Fork("a")), runs, kTasks});
      const auto b = RunMeans({Scores(wider, runs, tasks, rng.Fork("b")), runs, kTasks});
      const Interval interval = WelchDifference(a, b);
      covered += interval.low <= 0 && 0 <= interval.high;
    }
    const double share = static_cast<double>(covered) / kTrials;
    EXPECT_GE(share, 0.90) << world.name;
    EXPECT_LE(share, 0.98) << world.name;
    RecordProperty(world.name, std::to_string(share));
  }
}

INSTANTIATE_TEST_SUITE_P(Runs, Coverage, testing::Values(3, 5, 10),
                         [](const auto& test) { return std::to_string(test.param) + "_runs"; });

// A finite family: 40 evaluation tasks are 2 tasks 20 times. What varies is the repeats.
TEST(Coverage, OfTheRepeatsOfFewTasks) {
  constexpr int kTrials = 2000, kRepeats = 20;
  int covered = 0, plain = 0;
  std::vector<int> strata;
  for (int i = 0; i < 2 * kRepeats; ++i) strata.push_back(i % 2);
  for (int trial = 0; trial < kTrials; ++trial) {
    Rng rng = Rng(6).Fork("trial", static_cast<uint64_t>(trial));
    std::vector<double> values;
    for (const int task : strata) values.push_back((task == 0 ? -50 : 50) + 8 * rng.Normal());
    const auto covers = [](const Interval& interval) {
      return interval.low <= 0 && 0 <= interval.high;
    };
    covered +=
        covers(StratifiedBootstrapMean(values, strata, rng.Fork("bootstrap"), {.resamples = 1000}));
    plain += covers(BootstrapMean(values, rng.Fork("bootstrap"), {.resamples = 1000}));
  }
  EXPECT_GE(static_cast<double>(covered) / kTrials, 0.92);
  EXPECT_LE(static_cast<double>(covered) / kTrials, 0.97);
  EXPECT_EQ(plain, kTrials);  // six times too wide
  RecordProperty("repeats", std::to_string(static_cast<double>(covered) / kTrials));
}

}  // namespace
}  // namespace fewstep
