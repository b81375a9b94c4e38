// The families of PEARL's paper: lists of tasks that are the same for everybody, and a reward that
// a critic learns from beside the one that is judged.
#include <algorithm>
#include <cmath>
#include <set>

#include "envs/families/legacy_numpy.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

std::vector<Task> All(const TaskFamily& family, Split split, int count) {
  // a list's tasks are taken in turn, of training they are drawn: ask until all were there
  std::vector<Task> tasks;
  std::set<std::vector<double>> known;
  const int asked = split == Split::kTrain ? 40 * count : count;
  for (const Task& task : family.Sample(split, asked, Rng(1))) {
    if (known.insert(task.values).second) tasks.push_back(task);
  }
  return tasks;
}

// numpy 2.4.6: numpy.random.seed(1337), then numpy.random.uniform(-1, 1).
TEST(LegacyNumpy, DrawsWhatNumpyDraws) {
  LegacyNumpy numpy(1337);
  for (const double expected :
       {-0.4759506499688366, -0.6826320556910688, -0.4437469610112805, -0.0813662255708667}) {
    EXPECT_EQ(numpy.Uniform(-1, 1), expected);
  }
}

// numpy.random.seed(1337); numpy.random.shuffle(numpy.arange(100)), the first and the last of it.
TEST(LegacyNumpy, ShufflesAsNumpyDoes) {
  std::vector<int> rows(100);
  for (int i = 0; i < 100; ++i) rows[static_cast<size_t>(i)] = i;
  LegacyNumpy(1337).Shuffle(rows);
  const std::vector<int> first = {2, 48, 86, 44, 59, 56, 79, 70, 91, 17, 50, 32};
  const std::vector<int> last = {90, 96, 89, 39, 92, 61, 23};
  EXPECT_TRUE(std::equal(first.begin(), first.end(), rows.begin()));
  EXPECT_TRUE(std::equal(last.rbegin(), last.rend(), rows.rbegin()));
}

TEST(PearlFamilies, HaveThePublishedSplits) {
  const auto families = BuiltinFamilies();
  for (const auto& [name, train, test] : {std::tuple{"point-robot@pearl", 80, 20},
                                          {"sparse-point-robot@pearl", 80, 20},
                                          {"half-cheetah-vel@pearl", 100, 30}}) {
    const auto family = families.Make(name);
    const std::vector<Task> trained = All(*family, Split::kTrain, train),
                            held_out = All(*family, Split::kTest, test);
    EXPECT_EQ(trained.size(), static_cast<size_t>(train)) << name;
    EXPECT_EQ(held_out.size(), static_cast<size_t>(test)) << name;
    for (const Task& task : held_out) {
      EXPECT_EQ(std::ranges::count(trained, task), 0) << name << ' ' << task.values[0];
    }
    EXPECT_FALSE(family->spec().finite) << name;
  }
  // numbers that numpy gives: the 81st and the 100th goal, velocities 101 and 130
  const std::vector<Task> goals = All(*families.Make("point-robot@pearl"), Split::kTest, 20);
  EXPECT_EQ(goals[0].values, (std::vector<double>{0.7966378440628668, -0.4751950943033574}));
  EXPECT_EQ(goals[19].values, (std::vector<double>{0.7042328659939507, 0.0948723942233416}));
  const std::vector<Task> speeds = All(*families.Make("half-cheetah-vel@pearl"), Split::kTest, 30);
  EXPECT_EQ(speeds[0].values, std::vector<double>{2.050959316523306});
  EXPECT_EQ(speeds[29].values, std::vector<double>{0.5583223214918457});
  // the order that numpy shuffles the angles into: the 81st is number 66, the last number 23
  const std::vector<Task> circle =
      All(*families.Make("sparse-point-robot@pearl"), Split::kTest, 20);
  EXPECT_NEAR(std::atan2(circle[0].values[1], circle[0].values[0]) / M_PI * 99, 66, 1e-9);
  EXPECT_NEAR(std::atan2(circle[19].values[1], circle[19].values[0]) / M_PI * 99, 23, 1e-9);
}

TEST(PearlFamilies, ASparseRewardHasADenseOneBesideIt) {
  const auto family = BuiltinFamilies().Make("sparse-point-robot@pearl");
  EXPECT_FALSE(family->spec().dense_reward.empty());
  const Task task{family->spec().name, {0, 1}};
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks({&task, 1});
  const int id = 0;
  std::vector<float> observation(2);
  env->Reset({&id, 1}, Rng(1), observation);
  StepBatch batch = env->MakeStepBatch();
  ASSERT_EQ(batch.dense_rewards.size(), 1u);
  for (int step = 1; step <= 12; ++step) {
    env->Step(std::vector<double>{0, 5}, batch);  // clipped: a tenth up
    const double distance = std::abs(1 - 0.1 * step);
    EXPECT_NEAR(batch.dense_rewards[0], -distance, 1e-12);
    // the eighth and the twelfth step are at the edge of the circle, where rounding decides
    if (step == 8 || step == 12) continue;
    EXPECT_NEAR(batch.rewards[0], distance < 0.2 ? 1 - distance : 0, 1e-12) << step;
  }
  const auto plain = BuiltinFamilies().Make("point-robot@pearl");
  EXPECT_TRUE(plain->MakeVectorEnv(1, 1)->MakeStepBatch().dense_rewards.empty());
}

TEST(PearlFamilies, TheCheetahSeesItsTorso) {
  const auto family = BuiltinFamilies().Make("half-cheetah-vel@pearl");
  EXPECT_EQ(family->spec().observation_size, 20);
  EXPECT_EQ(family->spec().horizon, 200);
  const auto two = BuiltinFamilies().Make("half-cheetah-dir@pearl");
  EXPECT_TRUE(two->spec().finite) << "trained on what it is judged on, as published";
  EXPECT_EQ(two->spec().observation_size, 20);
}

}  // namespace
}  // namespace fewstep
