// The laws of the bandits and of the tabular processes.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"
#include "envs/families/mdps/tabular_mdp.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

std::unique_ptr<TaskFamily> Make(const std::string& name) { return BuiltinFamilies().Make(name); }

// Mean and variance of the rewards of one action in `episodes` episodes, step 0.
struct Moments {
  double mean = 0, variance = 0;
};
Moments FirstRewards(const TaskFamily& family, const Task& task, double action, int episodes) {
  const auto env = family.MakeVectorEnv(episodes, 1);
  env->SetTasks(std::vector<Task>(static_cast<size_t>(episodes), task));
  std::vector<int> ids(static_cast<size_t>(episodes));
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<float> first(ids.size() * static_cast<size_t>(family.spec().observation_size));
  env->Reset(ids, Rng(5), first);
  StepBatch batch = env->MakeStepBatch();
  env->Step(std::vector<double>(ids.size(), action), batch);
  Moments m;
  for (const double reward : batch.rewards) m.mean += reward / episodes;
  for (const double reward : batch.rewards) {
    m.variance += (reward - m.mean) * (reward - m.mean) / episodes;
  }
  return m;
}

TEST(Bandits, PayByTheArmThatIsPulled) {
  constexpr int kPulls = 20000;
  const Task bernoulli{"bandit-bernoulli@rl2", {0.1, 0.8, 0.0, 1.0, 0.5}};
  const auto coins = Make(bernoulli.family);
  for (size_t arm = 0; arm < 5; ++arm) {
    const double p = bernoulli.values[arm];
    const Moments m = FirstRewards(*coins, bernoulli, static_cast<double>(arm), kPulls);
    EXPECT_NEAR(m.mean, p, 4 * std::sqrt(p * (1 - p) / kPulls) + 1e-9);
    EXPECT_NEAR(m.variance, p * (1 - p), 0.01);
  }
  const Task gaussian{"bandit-gaussian@maml", {0.1, 0.8, 0.0, 1.0, 0.5}};
  const auto normals = Make(gaussian.family);
  for (size_t arm = 0; arm < 5; ++arm) {
    const Moments m = FirstRewards(*normals, gaussian, static_cast<double>(arm), kPulls);
    EXPECT_NEAR(m.mean, gaussian.values[arm], 4 / std::sqrt(kPulls));
    EXPECT_NEAR(m.variance, 1, 0.05);
  }
}

TEST(TabularMdp, TablesFollowTheirLaws) {
  const auto family = Make("tabular-mdp@rl2");
  const auto tasks = family->Sample(Split::kTrain, 400, Rng(1));
  double reward = 0, reward2 = 0, next = 0, next2 = 0;
  TabularMdp mdp;
  for (const Task& task : tasks) {
    ReadTask(task.values, mdp);
    ASSERT_EQ(mdp.rewards.size(), 50u);
    for (const double r : mdp.rewards) {
      reward += r;
      reward2 += (r - 1) * (r - 1);
    }
    for (int s = 0; s < 10; ++s) {
      for (int a = 0; a < 5; ++a) {
        const auto row = mdp.Next(s, a);
        ASSERT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-12);
        for (const double p : row) {
          ASSERT_GT(p, 0);
          next += p;
          next2 += p * p;
        }
      }
    }
  }
  // N(1, 1); a flat Dirichlet row of ten: E p = 1/10, E p^2 = 2 / (10 * 11)
  const double n = 400.0 * 50;
  EXPECT_NEAR(reward / n, 1, 4 / std::sqrt(n));
  EXPECT_NEAR(reward2 / n, 1, 4 * std::sqrt(2 / n));
  EXPECT_NEAR(next / (n * 10), 0.1, 1e-9);
  EXPECT_NEAR(next2 / (n * 10), 2.0 / 110, 2e-4);
}

TEST(TabularMdp, StepsByItsTables) {
  const auto family = Make("tabular-mdp@rl2");
  const Task task = family->Sample(Split::kTrain, 1, Rng(2))[0];
  TabularMdp mdp;
  ReadTask(task.values, mdp);
  constexpr int kEpisodes = 20000;
  const Moments m = FirstRewards(*family, task, 3, kEpisodes);
  EXPECT_NEAR(m.mean, mdp.rewards[mdp.Pair(0, 3)], 4 / std::sqrt(kEpisodes));
  EXPECT_NEAR(m.variance, 1, 0.05);

  // where state 6 leads under action 2
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks({&task, 1});
  std::vector<float> observation(10);
  std::vector<double> counts(10);
  StepBatch batch = env->MakeStepBatch();
  const int id = 0;
  for (int i = 0; i < kEpisodes; ++i) {
    env->Reset({&id, 1}, Rng(static_cast<uint64_t>(i)), observation);
    ASSERT_EQ(observation[0], 1);  // episodes begin in state 0
    env->SetState(0, std::vector<double>{6});
    env->Step(std::vector<double>{2}, batch);
    ASSERT_EQ(std::accumulate(batch.observations.begin(), batch.observations.end(), 0.0f), 1);
    for (size_t s = 0; s < 10; ++s) counts[s] += batch.observations[s] / kEpisodes;
  }
  for (size_t s = 0; s < 10; ++s) {
    const double p = mdp.Next(6, 2)[s];
    EXPECT_NEAR(counts[s], p, 4 * std::sqrt(p * (1 - p) / kEpisodes)) << s;
  }
}

TEST(TabularMdp, AStateThatIsNoneIsTheNearest) {
  const auto family = Make("tabular-mdp@rl2");
  const auto env = family->MakeVectorEnv(1, 1);
  env->SetTasks(family->Sample(Split::kTrain, 1, Rng(3)));
  Roll(*env, Rng(1), {});
  std::vector<double> state(1);
  for (const auto& [given, taken] : {std::pair{-3.0, 0.0}, {4.4, 4.0}, {1e300, 9.0}}) {
    env->SetState(0, std::vector<double>{given});
    env->GetState(0, state);
    EXPECT_EQ(state[0], taken);
  }
}

TEST(ParameterGroups, AlikeParametersStandTogether) {
  const auto groups = [](const std::string& name) {
    const auto family = Make(name);
    std::vector<std::string> texts;
    for (const ParameterGroup& group : GroupParameters(family->spec())) {
      texts.push_back(ToString(family->spec(), group));
    }
    return texts;
  };
  EXPECT_EQ(groups("point-nav@maml"), (std::vector<std::string>{"goal_x", "goal_y"}));
  EXPECT_EQ(groups("bandit-bernoulli@rl2"), (std::vector<std::string>{"arm_0 ... arm_4 (5)"}));
  EXPECT_EQ(groups("tabular-mdp@rl2"),
            (std::vector<std::string>{"reward_0_0 ... reward_9_4 (50)",
                                      "weight_0_0_0 ... weight_9_4_9 (500)"}));
}

}  // namespace
}  // namespace fewstep
