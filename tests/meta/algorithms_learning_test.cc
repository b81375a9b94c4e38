// Every gradient-based algorithm learns to adapt: point-nav@maml, where the goal shows in the
// rewards only. And each is what its name says.
#include "tests/meta/agent_testing.h"

namespace fewstep {
namespace {

constexpr char kCommon[] = "hidden = [32]\ninitial_std = 0.5\n";
constexpr char kBatch[] = "meta_batch_size = 20\nepisodes = 10\n";
constexpr char kPpo[] = "outer_learning_rate = 0.01\n";
constexpr int64_t kHorizon = 30;

struct Case {
  const char* name;
  std::string settings;
  int iterations;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// Mean returns on 40 held-out tasks before and after one gradient step.
struct Returns {
  double before, after;
};
Returns Evaluate(AgentBench& bench) {
  const std::vector<Task> tasks = bench.family().Sample(Split::kTest, 40, Rng(1234));
  const auto deployed = bench.agent().Deploy(40);
  const auto collect = [&](uint64_t stream) {
    return bench.sampler().Collect(deployed->policy(), deployed->parameters(), tasks,
                                   {.episodes = deployed->episodes_per_unit()}, Rng(stream));
  };
  const Rollouts support = collect(1);
  deployed->Adapt(support);
  return {support.returns.mean().item<double>(), collect(2).returns.mean().item<double>()};
}

class Algorithm : public testing::TestWithParam<Case> {};

TEST_P(Algorithm, AdaptsBetterAfterMetaTraining) {
  const Case& c = GetParam();
  AgentBench bench(
      c.name,
      kCommon + c.settings + (c.settings.find("episodes") == std::string::npos ? kBatch : ""), 2, 1,
      kHorizon);
  const Returns untrained = Evaluate(bench);
  for (int iteration = 1; iteration <= c.iterations; ++iteration) {
    bench.Train(static_cast<uint64_t>(iteration));
  }
  const Returns trained = Evaluate(bench);
  const std::string figures =
      fmt::format("{}: untrained {:.2f} -> {:.2f}, trained {:.2f} -> {:.2f}", c.name,
                  untrained.before, untrained.after, trained.before, trained.after);
  RecordProperty("returns", figures);
  EXPECT_GT(trained.after, untrained.after + 1) << figures;
}

INSTANTIATE_TEST_SUITE_P(
    All, Algorithm,
    testing::Values(Case{"anil", kPpo, 40}, Case{"cavia", "", 40}, Case{"dice-maml", kPpo, 60},
                    Case{"e-maml", "episodes = 2\nmeta_batch_size = 100\n", 40},
                    Case{"e-maml-mean", "", 40}, Case{"fomaml", "", 40}, Case{"maml-ppo", kPpo, 40},
                    Case{"maml-trpo", "", 40}, Case{"maml-trpo-h2", "", 40},
                    Case{"maml-vpg", kPpo, 60}, Case{"meta-sgd", kPpo, 40},
                    Case{"multitask", kPpo, 40}, Case{"promp", kPpo, 40},
                    Case{"reptile", "outer_step = 0.5\ninner_learning_rate = 0.3\n", 60}),
    [](const auto& test) {
      std::string name = test.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

}  // namespace
}  // namespace fewstep
