// What the intervals of reports are worth: how often they cover the truth on simulated training
// runs. A run has a quality of its own that all of its tasks share, which is what an interval that
// draws runs anew for every task forgets.
#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "experiments/reports/comparison.h"
#include "experiments/reports/statistics.h"

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

// How often `covers` holds: between 90 and 98 % of the time.
void ExpectCoverage(const std::string& name, int trials,
                    const std::function<bool(const Rng& rng)>& covers) {
  int covered = 0;
  for (int trial = 0; trial < trials; ++trial) {
    covered += covers(Rng(1).Fork(name, static_cast<uint64_t>(trial)));
  }
  const double share = static_cast<double>(covered) / trials;
  EXPECT_GE(share, 0.90) << name;
  EXPECT_LE(share, 0.98) << name;
  testing::Test::RecordProperty(name, std::to_string(share));
}

bool Holds(const Interval& interval, double truth) {
  return interval.low <= truth && truth <= interval.high;
}

class Coverage : public testing::TestWithParam<int> {};  // runs

TEST_P(Coverage, OfTheMeanOverRuns) {
  for (const World& world : Worlds()) {
    ExpectCoverage(world.name, 4000, [&](const Rng& rng) {
      const std::vector<double> tasks = Tasks(world, rng.Fork("tasks"));
      const std::vector<double> scores = Scores(world, GetParam(), tasks, rng.Fork("scores"));
      // the truth: all runs that could be, on these tasks
      return Holds(StudentMean(RunMeans({scores, GetParam(), kTasks})), Mean(tasks));
    });
  }
}

TEST_P(Coverage, OfTheInterquartileMean) {
  constexpr int kMany = 5000;
  for (const World& world : Worlds()) {
    const std::vector<double> tasks = Tasks(world, Rng(3).Fork(world.name));
    const double truth = InterquartileMean(Scores(world, kMany, tasks, Rng(4).Fork(world.name)));
    ExpectCoverage(world.name, 2000, [&](const Rng& rng) {
      const std::vector<double> scores = Scores(world, GetParam(), tasks, rng);
      return Holds(JackknifeInterquartileMean({scores, GetParam(), kTasks}), truth);
    });
  }
}

TEST_P(Coverage, OfTheDifferenceOfTwoAlgorithms) {
  for (const World& world : Worlds()) {
    World wider = world;
    wider.between_runs *= 2;
    const int runs = GetParam();
    ExpectCoverage(world.name, 4000, [&](const Rng& rng) {
      const std::vector<double> tasks = Tasks(world, rng.Fork("tasks"));
      const auto a = RunMeans({Scores(world, runs, tasks, rng.Fork("a")), runs, kTasks});
      const auto b = RunMeans({Scores(wider, runs, tasks, rng.Fork("b")), runs, kTasks});
      return Holds(WelchDifference(a, b), 0);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Runs, Coverage, testing::Values(3, 5, 10),
                         [](const auto& test) { return std::to_string(test.param) + "_runs"; });

// Six recipes that are alike, five runs of two and three of the others: all differences at once.
TEST(Coverage, OfAllDifferencesTogether) {
  for (const World& world : Worlds()) {
    int together = 0;
    constexpr int kTrials = 1000;
    for (int trial = 0; trial < kTrials; ++trial) {
      const Rng rng = Rng(7).Fork(world.name, static_cast<uint64_t>(trial));
      const std::vector<double> tasks = Tasks(world, rng.Fork("tasks"));
      std::vector<SeedReport> reports;
      for (const int runs : {5, 5, 3, 3, 3, 3}) {
        const auto scores = Scores(world, runs, tasks, rng.Fork("recipe", reports.size()));
        reports.emplace_back();
        reports.back().means = {RunMeans({scores, runs, kTasks})};
      }
      const Comparison comparison = Compare(std::move(reports), 0);
      together += std::ranges::none_of(comparison.pairs, &PairDifference::separated);
    }
    const double share = static_cast<double>(together) / kTrials;
    EXPECT_GE(share, 0.93) << world.name;
    RecordProperty(world.name, std::to_string(share));
  }
}

// A finite family: evaluation tasks are two tasks some times. What varies is the repeats.
TEST(Coverage, OfTheRepeatsOfFewTasks) {
  for (const int repeats : {2, 3, 5, 20}) {
    std::vector<int> strata;
    for (int i = 0; i < 2 * repeats; ++i) strata.push_back(i % 2);
    ExpectCoverage(std::to_string(repeats) + " repeats", 4000, [&](Rng rng) {
      std::vector<double> values;
      for (const int task : strata) {
        values.push_back(task == 0 ? -50 + 8 * rng.Normal() : 50 + 16 * rng.Normal());
      }
      return Holds(StratifiedMean(values, strata), 0);
    });
  }
}

}  // namespace
}  // namespace fewstep
