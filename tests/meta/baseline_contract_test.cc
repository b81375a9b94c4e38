// The contract of the classical agents, each on every tabular family that it plays.
#include <algorithm>
#include <cctype>
#include <cmath>

#include <gtest/gtest.h>

#include "core/error.h"
#include "meta/baselines/baselines.h"
#include "meta/baselines/optimum.h"
#include "meta/baselines/table_policy.h"
#include "tests/meta/agent_testing.h"

namespace fewstep {
namespace {

struct Form {
  std::string family, agent;
  std::string settings = {};  // of [agent]
  std::string name = {};
};

const std::string kFamilies[] = {"bandit-bernoulli@rl2", "bandit-gaussian@maml", "tabular-mdp@rl2"};

// Every agent with its defaults, and the options that make another rule of it.
std::vector<Form> Forms() {
  std::vector<Form> forms;
  for (const std::string& family : kFamilies) {
    for (const std::string& agent : BaselinesOf(BuiltinFamilies().Make(family)->spec())) {
      forms.push_back({family, agent});
    }
  }
  for (const std::string& bandit : {kFamilies[0], kFamilies[1]}) {
    const std::string lowest = "ties = \"lowest\"\n";
    for (const char* agent : {"greedy", "epsilon-greedy", "ucb1"}) {
      forms.push_back({bandit, agent, lowest, "lowest"});
    }
    for (const std::string variant : {"clipped", "likeliest"}) {
      forms.push_back({bandit, "optimistic-thompson", "variant = \"" + variant + "\"\n", variant});
    }
  }
  forms.push_back({kFamilies[0], "gittins", "index = \"discounted\"\n", "discounted"});
  const std::string process = kFamilies[2], no_prior = "reward_prior_mean = 0\n";
  for (const char* agent : {"greedy", "epsilon-greedy"}) {
    forms.push_back({process, agent, "ties = \"lowest\"\n", "lowest"});
    forms.push_back({process, agent, "model = \"map\"\n", "map"});
  }
  for (const char* agent : {"greedy", "epsilon-greedy", "ucrl2"}) {
    forms.push_back({process, agent, "model = \"frequencies\"\n", "frequencies"});
  }
  for (const char* agent : {"greedy", "epsilon-greedy", "psrl", "optimistic-psrl", "ucrl2"}) {
    forms.push_back({process, agent, no_prior, "no_prior"});
  }
  for (const std::string variant : {"envelope", "largest"}) {
    forms.push_back({process, "optimistic-psrl", "variant = \"" + variant + "\"\n", variant});
  }
  return forms;
}

// A trial: rewards and parameters of every unit.
struct Trial {
  torch::Tensor returns;            // [T] sums over the trial
  std::vector<torch::Tensor> rows;  // [T, P] before each episode
};

class BaselineContract : public testing::TestWithParam<Form> {
 protected:
  std::unique_ptr<TaskFamily> Family() const { return BuiltinFamilies().Make(GetParam().family); }

  // Tasks that act, and those that the agent is told.
  Trial Play(const std::vector<Task>& tasks, const std::vector<Task>& told, int threads,
             SamplingPlan plan = SamplingPlan::kAuto, uint64_t units = 6) const {
    return Play(GetParam(), tasks, told, threads, plan, units);
  }

  static Trial Play(const Form& form, const std::vector<Task>& tasks, const std::vector<Task>& told,
                    int threads, SamplingPlan plan = SamplingPlan::kAuto, uint64_t units = 6) {
    const auto family = BuiltinFamilies().Make(form.family);
    const auto pool = MakePool(threads);
    Sampler sampler(*family, *pool, plan);
    const auto agent =
        BuiltinAgents()
            .Get(form.agent)
            .make(*AgentOptions(form.agent, form.settings), {.family = *family, .pool = *pool});
    EXPECT_EQ(agent->unit(), "episode");
    EXPECT_EQ(agent->episodes_per_unit(), 1);
    const Rng rng(1);
    const auto deployed = DeployOn(*agent, told, rng.Fork("agent"));
    Trial trial;
    trial.returns = torch::zeros({static_cast<int64_t>(tasks.size())}, torch::kFloat64);
    for (uint64_t unit = 0; unit < units; ++unit) {
      trial.rows.push_back(deployed->parameters().flat);
      const Rollouts rollouts = sampler.Collect(deployed->policy(), deployed->parameters(), tasks,
                                                {.episodes = 1}, rng.Fork("episodes", unit));
      trial.returns += rollouts.returns.sum(1);
      deployed->Adapt(rollouts);
    }
    return trial;
  }

  static void ExpectSame(const Trial& a, const Trial& b) {
    EXPECT_TRUE(SameBits(a.returns, b.returns));
    ASSERT_EQ(a.rows.size(), b.rows.size());
    for (size_t i = 0; i < a.rows.size(); ++i) EXPECT_TRUE(SameBits(a.rows[i], b.rows[i])) << i;
  }
};

TEST_P(BaselineContract, IsRegisteredAsNotTrained) {
  EXPECT_FALSE(BuiltinAgents().Get(GetParam().agent).trained);
}

TEST_P(BaselineContract, RowsAreProbabilities) {
  const auto family = Family();
  const Trial trial =
      Play(family->Sample(Split::kTest, 4, Rng(1)), family->Sample(Split::kTest, 4, Rng(1)), 1);
  for (const torch::Tensor& rows : trial.rows) {
    if (GetParam().agent == "random") {  // weights of logits: every choice has the same probability
      EXPECT_EQ(rows.abs().max().item<float>(), 0);
      continue;
    }
    const torch::Tensor table = rows.view({4, -1, family->spec().action_size});
    EXPECT_GE(table.min().item<float>(), 0);
    EXPECT_LT((table.sum(-1) - 1).abs().max().item<float>(), 1e-5);
  }
}

TEST_P(BaselineContract, TheSameBitsAtAnyNumberOfThreads) {
  const auto tasks = Family()->Sample(Split::kTest, 9, Rng(2));
  const Trial expected = Play(tasks, tasks, 1);
  for (const int threads : {2, 4}) ExpectSame(Play(tasks, tasks, threads), expected);
}

TEST_P(BaselineContract, OnlyTheOracleLooksAtTheTask) {
  const auto tasks = Family()->Sample(Split::kTest, 9, Rng(3));
  const auto others = Family()->Sample(Split::kTest, 9, Rng(4));
  const Trial informed = Play(tasks, tasks, 1), misled = Play(tasks, others, 1);
  if (GetParam().agent == "value-iteration") {
    EXPECT_FALSE(SameBits(informed.rows[0], misled.rows[0]));
  } else {
    ExpectSame(informed, misled);
  }
}

TEST_P(BaselineContract, ATaskIsLearnedByItselfAsAmongOthers) {
  // the first task's learner does not know of the others
  const auto tasks = Family()->Sample(Split::kTest, 5, Rng(5));
  const std::vector<Task> one(tasks.begin(), tasks.begin() + 1);
  const Trial all = Play(tasks, tasks, 2), alone = Play(one, one, 2);
  for (size_t i = 0; i < all.rows.size(); ++i) {
    EXPECT_TRUE(SameBits(all.rows[i][0], alone.rows[i][0])) << i;
  }
}

TEST_P(BaselineContract, OptionsMakeAnotherRule) {
  const auto tasks = Family()->Sample(Split::kTest, 20, Rng(8));
  const Form defaults{GetParam().family, GetParam().agent};
  const bool same =
      SameBits(Play(tasks, tasks, 1).rows.back(), Play(defaults, tasks, tasks, 1).rows.back());
  EXPECT_EQ(same, GetParam().settings.empty());
}

TEST_P(BaselineContract, BothPlansAgree) {
  const auto tasks = Family()->Sample(Split::kTest, 5, Rng(6));
  ExpectSame(Play(tasks, tasks, 1, SamplingPlan::kLockstep), Play(tasks, tasks, 1));
}

TEST_P(BaselineContract, PlaysBetterThanChance) {
  // over some episodes of many tasks, more where noise hides the means; chance itself by its exact
  // mean
  const auto family = Family();
  const auto tasks = family->Sample(Split::kTest, 400, Rng(7));
  const uint64_t units = GetParam().family == "bandit-gaussian@maml" ? 60 : 6;
  const Trial trial = Play(tasks, tasks, 2, SamplingPlan::kAuto, units);
  const double episodes = static_cast<double>(units);
  const double mean = trial.returns.mean().item<double>() / episodes;
  const double error = trial.returns.std().item<double>() / episodes / std::sqrt(400.0);
  const double chance = family->spec().horizon * (family->spec().horizon == 1 ? 0.5 : 1.0);
  if (GetParam().agent == "random") {
    EXPECT_NEAR(mean, chance, 4 * error);
  } else {
    EXPECT_GT(mean, chance + error);
  }
  if (GetParam().agent == "value-iteration") {
    double optimum = 0;
    for (const Task& task : tasks) optimum += OptimalReturn(family->spec(), task).value() / 400;
    EXPECT_NEAR(mean, optimum, 4 * error);
  }
}

TEST(Baselines, OneSampleIsNoOptimism) {
  // the same bits, as the streams are the same
  const auto rows = [](const std::string& family_name, const std::string& agent_name,
                       const std::string& settings) {
    const auto family = MakeFamily(family_name);
    const auto pool = MakePool(1);
    const auto agent =
        BuiltinAgents()
            .Get(agent_name)
            .make(*AgentOptions(agent_name, settings), {.family = *family, .pool = *pool});
    const auto deployed = DeployOn(*agent, family->Sample(Split::kTest, 30, Rng(1)), Rng(2));
    return deployed->parameters().flat;
  };
  for (const std::string variant : {"likeliest", "best-of-samples"}) {
    EXPECT_TRUE(SameBits(rows("bandit-bernoulli@rl2", "thompson", ""),
                         rows("bandit-bernoulli@rl2", "optimistic-thompson",
                              "samples = 1\nvariant = \"" + variant + "\"\n")));
  }
  for (const std::string variant : {"envelope", "largest", "best-sample"}) {
    EXPECT_TRUE(SameBits(rows("tabular-mdp@rl2", "psrl", ""),
                         rows("tabular-mdp@rl2", "optimistic-psrl",
                              "samples = 1\nvariant = \"" + variant + "\"\n")));
  }
}

INSTANTIATE_TEST_SUITE_P(Baselines, BaselineContract, testing::ValuesIn(Forms()),
                         [](const auto& test) {
                           std::string name = test.param.family + "_" + test.param.agent;
                           if (!test.param.name.empty()) name += "_" + test.param.name;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](unsigned char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

TEST(Baselines, AreRefusedWhereTheyDoNotPlay) {
  const auto expect_no_agent = [](const TaskFamily& family, const std::string& agent,
                                  const std::string& settings, const std::string& key) {
    const auto pool = MakePool(1);
    try {
      BuiltinAgents().Get(agent).make(*AgentOptions(agent, settings),
                                      {.family = family, .pool = *pool});
      ADD_FAILURE() << agent << " plays " << family.spec().name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      EXPECT_EQ(error.context().key, key) << error.what();
      EXPECT_FALSE(error.context().remedy.empty()) << error.what();
    }
  };
  const auto expect_refused = [&](const std::string& family_name, const std::string& agent,
                                  const std::string& settings = "",
                                  const std::string& key = "agent.name") {
    expect_no_agent(*MakeFamily(family_name), agent, settings, key);
  };
  // what only decision processes have
  for (const char* agent : {"greedy", "epsilon-greedy"}) {
    expect_refused("bandit-bernoulli@rl2", agent, "model = \"map\"\n", "agent.model");
    expect_refused("bandit-gaussian@maml", agent, "reward_prior_mean = 0\n",
                   "agent.reward_prior_mean");
  }
  expect_refused("bandit-gaussian@maml", "gittins");
  expect_refused("bandit-bernoulli@rl2", "psrl");
  expect_refused("tabular-mdp@rl2", "ucb1");
  const AgentRegistry agents = BuiltinAgents();
  for (const std::string& agent : agents.Names()) {
    if (agents.Get(agent).trained || agent == "random") continue;
    expect_refused("point-nav@maml", agent);
  }
  // states that are followed by the task
  FamilyOptions told;
  told.observe_task = true;
  expect_no_agent(*BuiltinFamilies().Make("tabular-mdp@rl2", told), "psrl", "",
                  "family.observe_task");
}

TEST(Baselines, RandomActsAnywhere) {
  const auto family = MakeFamily("point-nav@maml", 20);
  const auto pool = MakePool(1);
  Sampler sampler(*family, *pool, SamplingPlan::kAuto);
  const auto agent = BuiltinAgents().Get("random").make(*AgentOptions("random", ""),
                                                        {.family = *family, .pool = *pool});
  const std::vector<Task> tasks = family->Sample(Split::kTest, 50, Rng(1));
  const auto deployed = DeployOn(*agent, tasks, Rng(3));
  const Rollouts rollouts =
      sampler.Collect(deployed->policy(), deployed->parameters(), tasks, {.episodes = 20}, Rng(2));
  // a standard normal distribution
  EXPECT_NEAR(rollouts.actions.mean().item<double>(), 0, 0.03);
  EXPECT_NEAR(rollouts.actions.std().item<double>(), 1, 0.03);
}

TEST(Baselines, GittinsOutlivesTheTrial) {
  // more pulls than the trial has
  FamilyOptions options;
  options.trial_episodes = 2;
  const auto family = BuiltinFamilies().Make("bandit-bernoulli@rl2", options);
  const auto pool = MakePool(1);
  Sampler sampler(*family, *pool, SamplingPlan::kAuto);
  for (const std::string index : {"finite-horizon", "discounted"}) {
    const auto agent =
        BuiltinAgents().Get("gittins").make(*AgentOptions("gittins", "index = \"" + index + "\"\n"),
                                            {.family = *family, .pool = *pool});
    const auto tasks = family->Sample(Split::kTest, 3, Rng(1));
    const auto deployed = DeployOn(*agent, tasks, Rng(1));
    for (uint64_t unit = 0; unit < 8; ++unit) {
      deployed->Adapt(sampler.Collect(deployed->policy(), deployed->parameters(), tasks,
                                      {.episodes = 3}, Rng(unit)));
    }
    EXPECT_TRUE(deployed->parameters().flat.isfinite().all().item<bool>());
  }
}

}  // namespace
}  // namespace fewstep
