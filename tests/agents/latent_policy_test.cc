// The policy of a soft actor-critic: its three faces against one another, and its latent variable.
#include "agents/policies/latent_policy.h"

#include <cmath>

#include "agents/policies/random_policy.h"
#include "agents/trials.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

LatentPolicy MakePolicy(const FamilySpec& spec, int64_t latent_size) {
  MlpShape shape;
  shape.widths = {spec.observation_size + latent_size, 12, 2 * spec.action_size};
  shape.activation = Activation::kRelu;
  return LatentPolicy(spec, latent_size, shape);
}

// Trials of one episode each whose z is drawn from N(mean, deviation^2).
TrialStates Beginning(const Policy& policy, int64_t trials, double mean, double deviation) {
  TrialStates states = BeginTrials(policy, trials);
  const int64_t size = policy.memory_size() / 3;
  states.memory = LatentPolicy::Memory(torch::full({trials, size}, mean),
                                       torch::full({trials, size}, deviation));
  return states;
}

// A range of actions other than [-1, 1], and episodes that end early.
TEST(LatentPolicy, ActsTheSameInBothPlansAtAnyNumberOfThreads) {
  for (const char* name : {"point-corner@promp", "point-nav@maml"}) {
    for (const int64_t latent_size : {0, 3}) {
      const auto family = MakeFamily(name);
      const LatentPolicy policy = MakePolicy(family->spec(), latent_size);
      const Parameters row = policy.InitialParameters(Rng(1));
      const std::vector<Task> tasks = family->Sample(Split::kTrain, 3, Rng(2));
      for (const bool deterministic : {false, true}) {
        std::vector<Rollouts> all;
        std::vector<torch::Tensor> memories;
        for (const auto& [plan, threads] : {std::pair{SamplingPlan::kEpisodes, 1},
                                            {SamplingPlan::kEpisodes, 2},
                                            {SamplingPlan::kLockstep, 2}}) {
          const auto pool = MakePool(threads);
          Sampler sampler(*family, *pool, plan);
          TrialStates trials = Beginning(policy, 6, 0.5, 1);
          all.push_back(sampler.Collect(policy, row, tasks,
                                        {.episodes = 4, .deterministic = deterministic}, Rng(3),
                                        &trials));
          memories.push_back(trials.memory);
        }
        EXPECT_TRUE(SameRollouts(all[0], all[1]));
        EXPECT_TRUE(SameBits(memories[0], memories[1]));
        EXPECT_LT(Distance(all[0].actions, all[2].actions), 1e-3) << name;
        EXPECT_LT(Distance(all[0].log_probs, all[2].log_probs), 1e-2) << name;
        EXPECT_LT(Distance(memories[0], memories[2]), 1e-6);
        EXPECT_LE(all[0].actions.abs().max().item<double>(), family->spec().action_high);
      }
    }
  }
}

// z is drawn anew in every episode of a trial from what is believed, and lasts the episode.
TEST(LatentPolicy, DrawsZWhenAnEpisodeBegins) {
  FamilySpec spec = SpecOf(1, 1, ActionKind::kContinuous);
  const LatentPolicy policy = MakePolicy(spec, 1);
  const Parameters row = policy.InitialParameters(Rng(1));
  const auto actor = policy.MakeActor();
  float memory[3] = {2, 0.5f, 0};
  actor->BeginTrial(row.flat.const_data_ptr<float>(), memory);
  const float observation = 0;
  float action = 0;
  Rng rng(2);
  constexpr int kDraws = 20'000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    actor->Act({.observation = &observation, .step = 0}, rng, true, &action);
    const float z = memory[2];
    sum += z;
    squares += z * z;
    actor->Act({.observation = &observation, .step = 1}, rng, true, &action);
    ASSERT_EQ(memory[2], z);
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 2, 5 * 0.5 / std::sqrt(kDraws));
  EXPECT_NEAR(std::sqrt(squares / kDraws - mean * mean), 0.5, 5 * 0.5 / std::sqrt(2 * kDraws));
  EXPECT_EQ(memory[0], 2);
  EXPECT_EQ(memory[1], 0.5f);
}

// Log-probabilities are those of a density: over a range of actions, it integrates to 1.
TEST(LatentPolicy, ReportsTheDensityOfItsActions) {
  const ActionDistribution distribution = ActionDistribution::SquashedGaussian(
      torch::full({1, 1, 1}, 0.3), torch::full({1, 1, 1}, -0.7), -2, 6);
  constexpr int kCells = 20'000;
  double mass = 0;
  const torch::Tensor actions =
      ((torch::arange(kCells, torch::kFloat64) + 0.5) * (8.0 / kCells) - 2).view({1, kCells, 1});
  const ActionDistribution many = ActionDistribution::SquashedGaussian(
      distribution.mean.expand({1, kCells, 1}).to(torch::kFloat64),
      distribution.log_std.expand({1, kCells, 1}).to(torch::kFloat64), -2, 6);
  mass = many.LogProb(actions).exp().sum().item<double>() * 8.0 / kCells;
  EXPECT_NEAR(mass, 1, 1e-4);
  EXPECT_NEAR(distribution.Mode().item<double>(), 2 + 4 * std::tanh(0.3), 1e-6);
  // on the border, where rounding may put an action, it is finite
  EXPECT_TRUE(std::isfinite(distribution.LogProb(torch::full({1, 1, 1}, 6.0)).item<float>()));
  // KL does not change by what both are squashed with
  const auto gaussian = [](double mean, double log_std) {
    return ActionDistribution::Gaussian(torch::full({1, 1, 1}, mean),
                                        torch::full({1, 1, 1}, log_std));
  };
  const auto other = ActionDistribution::SquashedGaussian(torch::full({1, 1, 1}, -0.4),
                                                          torch::full({1, 1, 1}, 0.1), -2, 6);
  EXPECT_NEAR(distribution.Kl(other).item<double>(),
              gaussian(0.3, -0.7).Kl(gaussian(-0.4, 0.1)).item<double>(), 1e-6);
}

// What an actor says of its action is what the distribution of its percept says.
TEST(LatentPolicy, UnrollsToTheDistributionsThatActed) {
  const auto family = MakeFamily("point-corner@promp");
  const LatentPolicy policy = MakePolicy(family->spec(), 2);
  const Parameters row = policy.InitialParameters(Rng(1));
  const auto pool = MakePool(1);
  Sampler sampler(*family, *pool, SamplingPlan::kEpisodes);
  const std::vector<Task> tasks = family->Sample(Split::kTrain, 2, Rng(2));
  TrialStates trials = Beginning(policy, 6, 0, 1);
  const Rollouts rollouts = sampler.Collect(policy, row, tasks, {.episodes = 3}, Rng(3), &trials);
  Sequences sequences = TrialSequences(policy, rollouts, 6);
  sequences.memory = trials.memory;
  const PolicyOutput out = policy.Unroll(row, sequences);
  const torch::Tensor log_probs =
      out.distribution.LogProb(rollouts.actions.view({6, -1, 2})).view({2, 3, -1});
  EXPECT_LT(Distance(log_probs, rollouts.log_probs), 1e-2);
}

TEST(RandomPolicy, DrawsActionsUniformlyAndHoldsThemIfAsked) {
  const auto family = MakeFamily("point-corner@promp");
  const std::vector<Task> tasks = family->Sample(Split::kTrain, 4, Rng(2));
  for (const bool hold : {false, true}) {
    const RandomPolicy policy(family->spec(), hold);
    const Parameters row = policy.InitialParameters(Rng(1));
    Rollouts plans[2];
    for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
      const auto pool = MakePool(2);
      Sampler sampler(*family, *pool, plan);
      plans[plan == SamplingPlan::kLockstep] =
          sampler.Collect(policy, row, tasks, {.episodes = 50}, Rng(3));
    }
    EXPECT_LT(Distance(plans[0].actions, plans[1].actions), 1e-4);
    const torch::Tensor actions = plans[0].actions;  // [4, 50, 100, 2] in [-10, 10]
    const torch::Tensor drawn = hold ? actions.select(2, 0) : actions;
    EXPECT_EQ((actions == actions.select(2, 0).unsqueeze(2)).all().item<bool>(), hold);
    const double n = static_cast<double>(drawn.numel());
    EXPECT_NEAR(drawn.mean().item<double>(), 0, 5 * 10 / std::sqrt(3 * n));
    EXPECT_NEAR(drawn.square().mean().item<double>(), 100.0 / 3, 5 * 30 / std::sqrt(n));
    EXPECT_LE(drawn.abs().max().item<double>(), 10);
  }
}

}  // namespace
}  // namespace fewstep
