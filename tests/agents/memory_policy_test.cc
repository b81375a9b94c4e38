// The policy with memory: what a learner finds for every step is what acted.
#include "agents/policies/memory_policy.h"

#include "agents/trials.h"
#include "tests/agents/allocation_count.h"
#include "tests/agents/learning_testing.h"
#include "tests/agents/stakes.h"

namespace fewstep {
namespace {

struct Case {
  const char* name;
  MemoryKind kind;
  int64_t layers = 1;
  HeadKind head = HeadKind::kMlp;
  ValueKind value = ValueKind::kShared;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

constexpr Case kCases[] = {
    {"Gru", MemoryKind::kGru},
    {"GruOfTwoLayers", MemoryKind::kGru, 2},
    {"GruHypernetwork", MemoryKind::kGru, 1, HeadKind::kHypernetwork, ValueKind::kOwn},
    {"Lstm", MemoryKind::kLstm},
    {"LstmHypernetwork", MemoryKind::kLstm, 1, HeadKind::kHypernetwork},
    {"MinGru", MemoryKind::kMinGru, 1, HeadKind::kMlp, ValueKind::kOwn},
    {"MinGruHypernetwork", MemoryKind::kMinGru, 1, HeadKind::kHypernetwork},
    {"Transformer", MemoryKind::kTransformer, 2},
};

MemoryPolicyOptions OptionsOf(const Case& c) {
  MemoryPolicyOptions options;
  options.memory.kind = c.kind;
  options.memory.size = 6;
  options.memory.layers = c.layers;
  options.memory.heads = 2;
  options.memory.context = 16;
  options.head.kind = c.head;
  options.head.hidden = {4};
  options.value.kind = c.value;
  options.normalize_observations = true;
  return options;
}

// Rows away from where training begins, so that every part of them matters, and small enough that
// actions, which follow from previous ones, do not grow.
Parameters RowsOf(const MemoryPolicy& policy, int64_t tasks, uint64_t seed) {
  Parameters rows{(Normals({tasks, policy.layout()->size()}, seed) * 0.35).to(torch::kFloat32),
                  policy.layout()};
  policy.SetNormalization(rows.flat, std::vector<double>{0.3, -0.2}, std::vector<double>{0.8, 0.7});
  return rows;
}

// Trials of a policy, as they were acted.
struct Played {
  const MemoryPolicy& policy;
  const Parameters& rows;
  Rollouts rollouts;
  TrialStates states;

  Sequences sequences() const { return TrialSequences(policy, rollouts, states.num_trials()); }
  torch::Tensor by_trial(const torch::Tensor& values) const {  // [T, E, H, ...] -> [N, S, ...]
    std::vector<int64_t> shape = {states.num_trials(), -1};
    if (values.dim() == 4) shape.push_back(values.size(3));
    return values.reshape(shape);
  }
  // What a learner finds for sequences of them: [N, S].
  torch::Tensor Found(const Sequences& s, torch::Dtype type = torch::kFloat32) const {
    return policy.Unroll(rows.WithFlat(rows.flat.to(type)), s.To(torch::kCPU, type))
        .distribution.LogProb(by_trial(rollouts.actions).to(type));
  }
  // Differences as parts of 1 + |log p|, 0 where no step was taken.
  torch::Tensor Apart(const torch::Tensor& found, const torch::Tensor& acted) const {
    return (found - acted).abs() / (1 + acted.abs()) * by_trial(rollouts.mask);
  }
};

// The log-probabilities of the same actions from the evaluator in double, percept by percept.
torch::Tensor ActedInDouble(const Played& played) {
  const Rollouts& r = played.rollouts;
  const int64_t trials = played.states.num_trials(), tasks = r.num_tasks();
  const int64_t episodes = tasks * r.episodes() / trials, horizon = r.horizon();
  const int64_t width = r.actions.size(3), observation_size = r.observations.size(3);
  torch::Tensor acted = torch::zeros({trials, episodes * horizon}, torch::kFloat64);
  const torch::Tensor rows = played.rows.flat.to(torch::kFloat64);
  std::vector<double> memory(static_cast<size_t>(played.policy.memory_size()));
  MemoryPolicy::Evaluator<double> evaluator(played.policy);
  const auto data = [](const torch::Tensor& values) { return values.const_data_ptr<float>(); };
  for (int64_t trial = 0; trial < trials; ++trial) {
    std::fill(memory.begin(), memory.end(), 0.0);
    const int64_t row = rows.size(0) == 1 ? 0 : trial * tasks / trials;
    evaluator.BeginTrial(rows.const_data_ptr<double>() + row * rows.size(1), memory.data());
    int64_t before = -1;  // the step before
    for (int64_t at = trial * episodes * horizon; at < (trial + 1) * episodes * horizon; ++at) {
      if (data(r.mask)[at] == 0) continue;
      Percept percept{.observation = data(r.observations) + at * observation_size,
                      .step = static_cast<int>(at % horizon)};
      if (before >= 0) {
        percept.previous_action = data(r.actions) + before * width;
        percept.previous_reward = data(r.rewards)[before];
        percept.previous_terminated =
            before / horizon != at / horizon && data(r.terminated)[before / horizon] != 0;
      }
      const double* outputs = evaluator.Outputs(percept);
      acted.mutable_data_ptr<double>()[at] =
          evaluator.meaning().LogProb(outputs, evaluator.log_std(), data(r.actions) + at * width);
      before = at;
    }
  }
  return acted;
}

class MemoryPolicyTest : public testing::TestWithParam<Case> {
 protected:
  static constexpr int kTasks = 5;

  // `trials_of_task` trials of each of some tasks, `episodes` long.
  static Played Play(const MemoryPolicy& policy, const Parameters& rows, const TaskFamily& family,
                     SamplingPlan plan, int threads, int trials_of_task, int episodes,
                     uint64_t seed) {
    const auto tasks = family.Sample(Split::kTrain, kTasks, Rng(seed));
    const auto pool = MakePool(threads);
    Sampler sampler(family, *pool, plan);
    TrialStates states = BeginTrials(policy, kTasks * trials_of_task);
    Rollouts rollouts = sampler.Collect(
        policy, rows, tasks, {.episodes = trials_of_task * episodes}, Rng(seed), &states);
    return {policy, rows, std::move(rollouts), std::move(states)};
  }
};

TEST_P(MemoryPolicyTest, WhatALearnerFindsIsWhatActed) {
  // 1e5 trials; each has its own pattern of ends of episodes, and some end before their time
  int64_t patterns = 0;
  uint64_t seed = 0;
  double apart = 0, apart_in_double = 0;
  for (const bool discrete : {true, false}) {
    for (const int threads : {1, 2, 8}) {
      for (const int episodes : {1, 2, 3, 5}) {
        const auto family = MakeStakes(0.01, discrete, episodes == 1 ? 12 : 4);
        const MemoryPolicy policy(family->spec(), OptionsOf(GetParam()));
        const Parameters rows = RowsOf(policy, episodes == 2 ? kTasks : 1, ++seed);
        for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
          // other trials for each plan
          const Played played = Play(policy, rows, *family, plan, threads, 420, episodes, ++seed);
          const torch::Tensor acted = played.by_trial(played.rollouts.log_probs);
          const Sequences sequences = played.sequences();
          apart =
              std::max(apart, played.Apart(played.Found(sequences), acted).max().item<double>());
          apart_in_double =
              std::max(apart_in_double,
                       played.Apart(played.Found(sequences, torch::kFloat64), ActedInDouble(played))
                           .max()
                           .item<double>());
          patterns += played.states.num_trials();
          EXPECT_TRUE(torch::equal(played.rollouts.mask != 0, played.rollouts.log_probs != 0));
        }
      }
    }
  }
  EXPECT_GE(patterns, 100'000);
  EXPECT_LT(apart, 1e-5);
  EXPECT_LT(apart_in_double, 1e-12);
}

TEST_P(MemoryPolicyTest, AFaultThatIsPlantedIsSeen) {
  constexpr double kSeen = 1e-3;  // a hundred times what agreement allows
  for (const bool discrete : {true, false}) {
    const auto family = MakeStakes(0, discrete, 4);
    const MemoryPolicy policy(family->spec(), OptionsOf(GetParam()));
    const Parameters rows = RowsOf(policy, 1, 3);
    const Played played = Play(policy, rows, *family, SamplingPlan::kAuto, 2, 20, 3, 4);
    const torch::Tensor acted = played.by_trial(played.rollouts.log_probs);
    const Sequences s = played.sequences();
    ASSERT_LT(played.Apart(played.Found(s), acted).max().item<double>(), 1e-5);
    const PolicyOutput whole = policy.Unroll(rows, s);
    // the memory that the trial before has left
    const torch::Tensor kept = whole.memory.roll(1, 0), fresh = s.memory;
    const auto found = [&](const Sequences& wrong) {
      return played.Apart(played.Found(wrong), acted).max().item<double>();
    };

    Sequences kept_across = s;
    kept_across.memory = kept;
    EXPECT_GT(found(kept_across), kSeen);

    // the first step still sees it, and what that step leaves is cleared; or at every episode's
    // first step, as codes do that take the end of an episode for the end of the trial
    const int64_t steps = s.num_steps();
    const auto found_in_parts = [&](const std::vector<std::pair<int64_t, torch::Tensor>>& parts) {
      std::vector<torch::Tensor> log_probs;
      for (size_t i = 0; i < parts.size(); ++i) {
        const int64_t first = parts[i].first;
        const int64_t last = i + 1 < parts.size() ? parts[i + 1].first : steps;
        log_probs.push_back(
            policy.Unroll(rows, s.Steps(first, last, parts[i].second, {}))
                .distribution.LogProb(
                    played.by_trial(played.rollouts.actions).narrow(1, first, last - first)));
      }
      return played.Apart(torch::cat(log_probs, 1), acted).max().item<double>();
    };
    ASSERT_LT(found_in_parts({{0, fresh}}), 1e-5);
    EXPECT_GT(found_in_parts({{0, kept}, {1, fresh}}), kSeen);
    EXPECT_GT(found_in_parts({{0, fresh}, {1, fresh}}), kSeen);
    EXPECT_GT(found_in_parts({{0, fresh}, {4, fresh}, {8, fresh}}), kSeen);

    Sequences shifted = s;  // the reward of the step itself, or of the step before the last
    shifted.previous_rewards = played.by_trial(played.rollouts.rewards) * s.begun;
    EXPECT_GT(found(shifted), kSeen);
    shifted.previous_rewards = s.previous_rewards.roll(1, 1) * s.begun;
    EXPECT_GT(found(shifted), kSeen);

    Sequences flagged = s;  // every step begins an episode
    flagged.starts = torch::ones_like(s.starts);
    EXPECT_GT(found(flagged), kSeen);
    Sequences ended = s;  // no episode has terminated
    ended.terminated = torch::zeros_like(s.terminated);
    EXPECT_GT(found(ended), kSeen);
  }
}

TEST_P(MemoryPolicyTest, BothPlansAndAnyThreadsActAlike) {
  for (const bool discrete : {true, false}) {
    const auto family = MakeStakes(0, discrete, 4);
    const MemoryPolicy policy(family->spec(), OptionsOf(GetParam()));
    const Parameters rows = RowsOf(policy, kTasks, 5);
    const Played first = Play(policy, rows, *family, SamplingPlan::kEpisodes, 1, 8, 3, 6);
    for (const int threads : {2, 8}) {
      const Played again = Play(policy, rows, *family, SamplingPlan::kEpisodes, threads, 8, 3, 6);
      EXPECT_TRUE(SameRollouts(first.rollouts, again.rollouts));
      EXPECT_TRUE(SameBits(first.states.memory, again.states.memory));
    }
    const Played lockstep = Play(policy, rows, *family, SamplingPlan::kLockstep, 2, 8, 3, 6);
    EXPECT_LT(Distance(first.rollouts.actions, lockstep.rollouts.actions), 1e-4);
    EXPECT_LT(Distance(first.states.memory, lockstep.states.memory), 1e-4);
    // and a learner ends where acting has ended
    EXPECT_LT(Distance(policy.Unroll(rows, first.sequences()).memory, first.states.memory), 1e-5);
  }
}

TEST_P(MemoryPolicyTest, GradientsAreDerivativesThroughBordersAndMasks) {
  const auto family = MakeStakes(0.02, true, 3);
  const MemoryPolicy policy(family->spec(), OptionsOf(GetParam()));
  const Parameters rows = RowsOf(policy, kTasks, 7);
  const Played played = Play(policy, rows, *family, SamplingPlan::kAuto, 1, 2, 3, 8);
  const Sequences s = played.sequences().To(torch::kCPU, torch::kFloat64);
  const torch::Tensor actions = played.by_trial(played.rollouts.actions).to(torch::kFloat64);
  const torch::Tensor weights = Normals(s.mask.sizes().vec(), 9) * s.mask;
  const auto loss = [&](const torch::Tensor& flat, Derivatives derivatives) {
    const PolicyOutput out = policy.Unroll(rows.WithFlat(flat), s, derivatives);
    return ((out.distribution.LogProb(actions) + out.value * 0.7) * weights).sum();
  };
  const torch::Tensor point = rows.flat.to(torch::kFloat64);
  const auto by_kernel = [&](const torch::Tensor& v) { return loss(v, Derivatives::kFirst); };
  const auto by_operators = [&](const torch::Tensor& v) { return loss(v, Derivatives::kSecond); };
  const torch::Tensor gradient = AutogradGradient(by_kernel, point);
  EXPECT_LT(RelativeDistance(gradient, AutogradGradient(by_operators, point)), 1e-11);

  torch::Tensor numeric = NumericGradient(
      [&](const torch::Tensor& v) { return by_kernel(v).template item<double>(); }, point);
  // buffers are measured, not learned
  const torch::Tensor buffers = policy.layout()->Mask(ParameterRole::kBuffer).to(torch::kFloat64);
  EXPECT_EQ((gradient * buffers).abs().max().item<double>(), 0);
  EXPECT_GT((numeric * buffers).abs().max().item<double>(), 0);
  EXPECT_LT(RelativeDistance(gradient, numeric * (1 - buffers)), 1e-6);
}

TEST_P(MemoryPolicyTest, ActingAllocatesNothing) {
  for (const bool discrete : {true, false}) {
    const auto family = MakeStakes(0, discrete);
    const MemoryPolicy policy(family->spec(), OptionsOf(GetParam()));
    const Parameters rows = RowsOf(policy, 1, 1);
    const auto actor = policy.MakeActor();
    std::vector<float> memory(static_cast<size_t>(policy.memory_size()));
    actor->BeginTrial(rows.flat.const_data_ptr<float>(), memory.data());
    Rng rng(1);
    float action = 0;
    const float observation = 0.5f;
    const int64_t before = AllocationsOfThisThread();
    for (int step = 0; step < 40; ++step) {
      actor->Act({.observation = &observation,
                  .previous_action = step > 0 ? &action : nullptr,
                  .previous_reward = 0.25f,
                  .step = step},
                 rng, false, &action);
    }
    EXPECT_EQ(AllocationsOfThisThread(), before);
  }
}

INSTANTIATE_TEST_SUITE_P(Memories, MemoryPolicyTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

TEST(MemoryPolicy, AHypernetworkStartsAsTheNetworkThatItMakes) {
  const FamilySpec spec = SpecOf(3, 2, ActionKind::kContinuous);
  MemoryPolicyOptions options;
  options.head.kind = HeadKind::kHypernetwork;
  options.head.hidden = {8};
  options.head.scale = 1;
  const MemoryPolicy policy(spec, options);
  const Parameters row = policy.InitialParameters(Rng(4));
  // whatever is remembered: the same network, and not one of zeros
  torch::Tensor memory = torch::randn({1, 5, policy.memory_size()});
  const torch::Tensor observation = torch::randn({1, 1, 3}).expand({1, 5, 3});
  const Percepts percepts{.observations = observation,
                          .previous_actions = torch::zeros({1, 5, 2}),
                          .previous_rewards = torch::zeros({1, 5}),
                          .terminated = torch::zeros({1, 5}),
                          .begun = torch::ones({1, 5}),
                          .running = torch::ones({1, 5}),
                          .step = 1};
  const torch::Tensor means = policy.Step(row, percepts, memory).mean;
  EXPECT_LT(Distance(means[0][0], means[0][4]), 1e-6);
  EXPECT_GT(means.abs().min().item<double>(), 1e-4);
}

}  // namespace
}  // namespace fewstep
