// Every gradient-based algorithm learns to adapt: point-nav@maml, where the goal shows in the
// rewards only. And each is what its name says.
//
// Rounding differs between processors, and learning amplifies it: a margin that one seed meets says
// nothing. scripts/learning_tests runs these tests for many seeds (FEWSTEP_TEST_SEED) on several
// instruction sets; settings and margins are such that all of them pass.
#include "envs/families/bandits/bandits.h"
#include "tests/meta/agent_testing.h"

namespace fewstep {
namespace {

constexpr char kCommon[] = "hidden = [32]\ninitial_std = 0.5\n";
constexpr char kBatch[] = "meta_batch_size = 20\nepisodes = 10\n";
constexpr char kPpo[] = "outer_learning_rate = 0.01\n";
constexpr int64_t kHorizon = 30;
// A table of logits that takes one step on ten pulls: exact credit is for few, short episodes.
constexpr char kBanditSettings[] =
    "hidden = []\nbias = false\nhead_scale = 0.0\nmeta_batch_size = 500\nepisodes = 10\n"
    "inner_learning_rate = 1.0\nlearn_inner_rates = true\nbaseline = \"constant\"\n"
    "baseline_value = 0.5\nnormalize_advantages = false\nmax_kl = 0.05\n";

enum class World {
  kNavigation,
  kTold,    // navigation that is told the goal, where nothing is left to adapt to
  kBandit,  // 5 arms
};

// What an algorithm is trained on, and by how much its return has to grow: after one gradient step,
// or without one where it is told the task.
struct Case {
  std::string name;
  std::string settings;
  int iterations;
  World world = World::kNavigation;
  double margin = 1;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::unique_ptr<TaskFamily> FamilyOf(World world) {
  BanditOptions options;
  if (world == World::kBandit) {
    options.arms = 5;
    options.trial_episodes = 10;
    return BuiltinFamilies().Make("bandit-bernoulli@rl2", options);
  }
  options.horizon = kHorizon;
  options.observe_task = world == World::kTold;
  return BuiltinFamilies().Make("point-nav@maml", options);
}

// Mean returns on 40 held-out tasks before and after one gradient step.
struct Returns {
  double before, after;
};
Returns Evaluate(AgentBench& bench, int num_tasks) {
  const Rng rng = Rng(TestSeed()).Fork("evaluation");
  const std::vector<Task> tasks = bench.family().Sample(Split::kTest, num_tasks, rng);
  const auto deployed = DeployOn(bench.agent(), tasks, rng);
  const auto collect = [&](uint64_t stream) {
    return bench.sampler().Collect(deployed->policy(), deployed->parameters(), tasks,
                                   {.episodes = bench.agent().episodes_per_unit()},
                                   rng.Fork("episodes", stream));
  };
  const Rollouts support = collect(1);
  deployed->Adapt(support);
  return {support.returns.mean().item<double>(), collect(2).returns.mean().item<double>()};
}

class Algorithm : public testing::TestWithParam<Case> {};

TEST_P(Algorithm, AdaptsBetterAfterMetaTraining) {
  const Case& c = GetParam();
  const bool bandit = c.world == World::kBandit;
  std::string settings = c.settings;
  if (!bandit) settings += kCommon;
  if (settings.find("episodes") == std::string::npos) settings += kBatch;
  AgentBench bench(c.name, settings, 2, TestSeed(), FamilyOf(c.world));
  bench.set_seed(TestSeed());
  const int tasks = bandit ? 1000 : 40;
  const Returns untrained = Evaluate(bench, tasks);
  for (int iteration = 1; iteration <= c.iterations; ++iteration) {
    bench.Train(static_cast<uint64_t>(iteration));
  }
  const Returns trained = Evaluate(bench, tasks);
  const std::string figures =
      fmt::format("{}: untrained {:.2f} -> {:.2f}, trained {:.2f} -> {:.2f}", c.name,
                  untrained.before, untrained.after, trained.before, trained.after);
  std::printf("%s\n", figures.c_str());
  if (c.world == World::kTold) {
    EXPECT_GT(trained.before, untrained.before + c.margin) << figures;
  } else {
    EXPECT_GT(trained.after, untrained.after + c.margin) << figures;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, Algorithm,
    testing::Values(Case{"anil", kPpo, 40}, Case{"cavia", "", 20}, Case{"dice-maml", kPpo, 60},
                    Case{"e-maml", kBanditSettings, 30, World::kBandit, 0.05},
                    Case{"e-maml-mean", "", 20}, Case{"fomaml", "", 20}, Case{"maml-ppo", kPpo, 40},
                    Case{"maml-trpo", "", 20}, Case{"maml-trpo-h2", "", 20},
                    Case{"maml-vpg", kPpo, 60}, Case{"meta-sgd", kPpo, 40},
                    Case{"multitask", kPpo, 40, World::kTold}, Case{"promp", kPpo, 40},
                    Case{"reptile", "outer_step = 0.5\ninner_learning_rate = 0.3\n", 60}),
    [](const auto& test) {
      std::string name = test.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace fewstep
