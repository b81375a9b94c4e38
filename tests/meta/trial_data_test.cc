// Trials made ready for learning, against numbers worked out by hand.
#include "meta/memory/trial_data.h"

#include "tests/agents/stakes.h"
#include "tests/meta/agent_testing.h"

namespace fewstep {
namespace {

torch::Tensor Row(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64).to(torch::kFloat32).view({1, -1});
}

TEST(TrialData, RewardsAreShiftedThenScaled) {
  RewardOptions options;
  options.shift = 0.5;
  options.scale = 3;
  EXPECT_TRUE(torch::equal(ShiftedRewards(Row({1, 0, 2, 5}), Row({1, 1, 1, 0}), options),
                           Row({1.5, -1.5, 4.5, 0})));
}

TEST(TrialData, SumsSoFarAreOverWhatIsCreditedTogether) {
  // two episodes of up to three steps; the first ends after two
  const torch::Tensor rewards = Row({1, 2, 0, 4, 8, 16}), mask = Row({1, 1, 0, 1, 1, 1});
  TrialAdvantageOptions options;
  options.discount = 0.5;
  EXPECT_TRUE(torch::equal(DiscountedSoFar(rewards, mask, 3, options),
                           Row({1, 2.5, 0, 5.25, 10.625, 21.3125})));
  options.credit = Credit::kEpisode;
  EXPECT_TRUE(
      torch::equal(DiscountedSoFar(rewards, mask, 3, options), Row({1, 2.5, 0, 4, 10, 21})));
}

// Trials of a policy whose value function is far from 0, some of which end early or break.
struct Scene {
  explicit Scene(ValueKind value) : family(MakeStakes(0.05, true, 4)) {
    MemoryPolicyOptions options;
    options.memory.size = 5;
    options.value.kind = value;
    policy = std::make_unique<MemoryPolicy>(family->spec(), options);
    row = (Normals({1, policy->layout()->size()}, 3) * 0.5).to(torch::kFloat32);
    const auto tasks = family->Sample(Split::kTrain, kTrials, Rng(4));
    const auto pool = MakePool(1);
    Sampler sampler(*family, *pool, SamplingPlan::kAuto);
    states = BeginTrials(*policy, kTrials);
    rollouts = sampler.Collect(*policy, {row, policy->layout()}, tasks, {.episodes = kEpisodes},
                               Rng(5), &states);
    sequences = TrialSequences(*policy, rollouts, kTrials);
  }
  static constexpr int kTrials = 60, kEpisodes = 3;
  std::unique_ptr<TaskFamily> family;
  std::unique_ptr<MemoryPolicy> policy;
  torch::Tensor row;
  Rollouts rollouts;
  TrialStates states;
  Sequences sequences;
};

TEST(TrialData, TheValueBeyondALimitIsThatOfThePerceptThere) {
  for (const ValueKind kind : {ValueKind::kShared, ValueKind::kOwn}) {
    const Scene scene(kind);
    const Parameters parameters{scene.row, scene.policy->layout()};
    const EpisodeEnds ends = EndsOf(scene.rollouts, scene.states);
    const torch::Tensor lengths = scene.rollouts.mask.sum(2);  // [N, E]
    int64_t going_on = 0, terminated = 0, broken = 0;
    for (const Credit credit : {Credit::kTrial, Credit::kEpisode}) {
      const torch::Tensor values =
          FinalValues(*scene.policy, scene.row, scene.sequences, ends, credit);
      for (int64_t trial = 0; trial < Scene::kTrials; ++trial) {
        for (int64_t episode = 0; episode < Scene::kEpisodes; ++episode) {
          const auto length = lengths[trial][episode].item<int64_t>();
          if (length == 0) continue;
          const double found = values[trial][episode].item<double>();
          const bool last = episode + 1 == Scene::kEpisodes;
          const bool ended_in_terminal =
              scene.rollouts.terminated[trial][episode].item<float>() != 0;
          const bool breaks = scene.states.ended[trial].item<float>() != 0 &&
                              (last || lengths[trial][episode + 1].item<float>() == 0);
          terminated += ended_in_terminal ? 1 : 0;
          broken += breaks ? 1 : 0;
          if (ended_in_terminal || breaks || (credit == Credit::kTrial && !last)) {
            EXPECT_EQ(found, 0);
            continue;
          }
          ++going_on;
          // the trial up to the episode's last step and one percept more, by hand
          Sequences one = scene.sequences.Trials(torch::tensor({trial}, torch::kInt64));
          const int64_t end = (episode + 1) * 4;
          Sequences longer = one.Steps(0, end, one.memory, {});
          const auto with = [&](const torch::Tensor& values_before, const torch::Tensor& more) {
            return torch::cat({values_before, more}, 1);
          };
          const int64_t at = length - 1;
          longer.observations =
              with(longer.observations,
                   scene.rollouts.final_observations[trial][episode].view({1, 1, -1}));
          longer.previous_actions = with(
              longer.previous_actions, scene.rollouts.actions[trial][episode][at].view({1, 1, -1}));
          longer.previous_rewards = with(longer.previous_rewards,
                                         scene.rollouts.rewards[trial][episode][at].view({1, 1}));
          const torch::Tensor zero = torch::zeros({1, 1}), unit = torch::ones({1, 1});
          longer.terminated = with(longer.terminated, zero);
          longer.begun = with(longer.begun, unit);
          longer.starts = with(longer.starts, zero);
          longer.time_left = with(longer.time_left, zero);
          longer.mask = with(longer.mask, unit);
          EXPECT_NEAR(found, scene.policy->Unroll(parameters, longer).value[0][end].item<double>(),
                      1e-5);
          EXPECT_GT(std::abs(found), 1e-4);
        }
      }
    }
    EXPECT_GT(going_on, 20);
    EXPECT_GT(terminated, 20);
    EXPECT_GT(broken, 5);
  }
}

TEST(TrialData, ChunksGiveWhatTheWholeGives) {
  const Scene scene(ValueKind::kOwn);
  const Parameters parameters{scene.row, scene.policy->layout()};
  const PolicyOutput whole = scene.policy->Unroll(parameters, scene.sequences);
  std::vector<torch::Tensor> values;
  std::vector<ActionDistribution> distributions;
  const PolicyOutput last =
      UnrollInChunks(*scene.policy, parameters, scene.sequences, 5, Derivatives::kFirst,
                     [&](const PolicyOutput& out, int64_t first, int64_t count) {
                       EXPECT_EQ(first, 5 * static_cast<int64_t>(values.size()));
                       EXPECT_EQ(out.value.size(1), count);
                       values.push_back(out.value);
                       distributions.push_back(out.distribution);
                     });
  const torch::Tensor present = scene.sequences.mask;
  EXPECT_LT(Distance(torch::cat(values, 1) * present, whole.value * present), 1e-6);
  EXPECT_LT(
      Distance(ActionDistribution::JoinedSteps(distributions).log_probs * present.unsqueeze(-1),
               whole.distribution.log_probs * present.unsqueeze(-1)),
      1e-6);
  EXPECT_LT(Distance(last.memory, whole.memory), 1e-6);
  EXPECT_LT(Distance(last.value_memory, whole.value_memory), 1e-6);
}

}  // namespace
}  // namespace fewstep
