// The two sampling plans against each other, and what they record against the family stepped by
// hand.
#include "agents/sampler.h"

#include <cmath>

#include "agents/trials.h"
#include "envs/outside_families.h"
#include "envs/worlds/world_family.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

// Discrete choices, random dynamics and random endings: what the built-in families do not have.
class Coins final : public World {
 public:
  void Begin(std::span<const double> task) override { bias_ = task[0]; }
  void Reset(Rng& rng, double* observation) noexcept override {
    *observation = sum_ = rng.Uniform(-1, 1);
  }
  WorldStep Step(const double* action, Rng& rng, double* observation,
                 double* metrics) noexcept override {
    const double gain = rng.Uniform() < bias_ ? 1 : -1;
    sum_ += gain * (*action - 1) * 0.5;
    *observation = sum_;
    metrics[0] = gain;
    return {.reward = sum_, .terminated = rng.Uniform() < 0.05};
  }
  void GetState(double* state) const noexcept override { *state = sum_; }
  void SetState(const double* state, double* observation) noexcept override {
    *observation = sum_ = *state;
  }

 private:
  double bias_ = 0, sum_ = 0;
};

std::unique_ptr<TaskFamily> MakeCoins() {
  WorldDefinition definition;
  definition.make_world = []() -> std::unique_ptr<World> { return std::make_unique<Coins>(); };
  FamilySpec& spec = definition.spec;
  spec.name = "coins@test";
  spec.summary = "Three stakes on a biased coin.";
  spec.source = spec.model = spec.reset = spec.reward = spec.termination = spec.action = "test";
  spec.splits = "separate draws";
  spec.observation = {"sum"};
  spec.observation_size = 1;
  spec.action_size = 3;
  spec.action_kind = ActionKind::kDiscrete;
  spec.horizon = 30;
  spec.parameters = {
      {.name = "bias", .unit = "", .low = 0, .high = 1, .choices = {}, .law = "U(0, 1)"}};
  spec.metrics = {"gain"};
  spec.state = {"sum"};
  return MakeWorldFamily(std::move(definition), {});
}

// A family, a policy, a row of random parameters for each of its tasks.
struct Scene {
  explicit Scene(std::unique_ptr<TaskFamily> f, std::vector<Task> t = {})
      : family(std::move(f)), tasks(std::move(t)) {
    if (tasks.empty()) tasks = family->Sample(Split::kTrain, 5, Rng(1));
    MlpOptions options;
    options.hidden = {16};
    policy = MakeMlpPolicy(family->spec(), options);
    const auto num_tasks = static_cast<int64_t>(tasks.size());
    rows = {Normals({num_tasks, policy->layout()->size()}, 2).to(torch::kFloat32) * 0.5,
            policy->layout()};
  }

  Rollouts Collect(SamplingPlan plan, int threads, CollectOptions options = {.episodes = 3}) const {
    const auto pool = MakePool(threads);
    Sampler sampler(*family, *pool, plan);
    return sampler.Collect(*policy, rows, tasks, options, Rng(7));
  }

  std::unique_ptr<TaskFamily> family;
  std::vector<Task> tasks;
  std::unique_ptr<MemorylessPolicy> policy;
  Parameters rows;
};

// Points whose goals lie so near to the start that some episodes end at them.
Scene NearPoints() {
  std::vector<Task> tasks;
  for (const double x : {0.0, 0.1, 0.3, -0.02}) tasks.push_back({"point-nav@maml", {x, 0.01}});
  return Scene(MakeFamily("point-nav@maml"), std::move(tasks));
}
Scene Coin() { return Scene(MakeCoins()); }
Scene Cheetah() { return Scene(MakeFamily("half-cheetah-vel@promp", 15)); }
Scene Corner() { return Scene(MakeFamily("point-corner@promp")); }
// A task that changes every 25 of 100 steps.
Scene Changing() {
  FamilyCatalog catalog;
  AddFamilies(FEWSTEP_SOURCE_DIR "/examples/families/cart-changing", {}, Clash::kRefuse, catalog);
  return Scene(catalog.Make("cart-changing@example"));
}

struct Case {
  const char* name;
  Scene (*make)();
  double tolerance;  // of every number: contacts amplify the rounding of float actions
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class SamplerTest : public testing::TestWithParam<Case> {
 protected:
  const Scene scene_ = GetParam().make();
};

TEST_P(SamplerTest, BothPlansGiveTheSameEpisodes) {
  for (const bool deterministic : {false, true}) {
    const CollectOptions options{.episodes = 4, .deterministic = deterministic};
    const Rollouts a = scene_.Collect(SamplingPlan::kEpisodes, 1, options);
    const Rollouts b = scene_.Collect(SamplingPlan::kLockstep, 1, options);
    const double tolerance = GetParam().tolerance;
    EXPECT_TRUE(SameBits(a.mask, b.mask));
    EXPECT_TRUE(SameBits(a.terminated, b.terminated));
    EXPECT_EQ(a.steps, b.steps);
    EXPECT_EQ(a.diverged, b.diverged);
    EXPECT_LT(Distance(a.observations, b.observations), tolerance);
    EXPECT_LT(Distance(a.actions, b.actions), tolerance);
    EXPECT_LT(Distance(a.rewards, b.rewards), tolerance);
    EXPECT_LT(Distance(a.final_observations, b.final_observations), tolerance);
    EXPECT_LT(Distance(a.returns, b.returns), tolerance * 100);
    EXPECT_LT(Distance(a.metric_means, b.metric_means), tolerance);
  }
}

TEST_P(SamplerTest, TheSameBitsAtAnyNumberOfThreads) {
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    const Rollouts one = scene_.Collect(plan, 1);
    for (const int threads : {2, 4}) {
      EXPECT_TRUE(SameRollouts(one, scene_.Collect(plan, threads))) << threads;
    }
  }
}

TEST_P(SamplerTest, ASamplerThatIsUsedAgainGivesTheSameBits) {
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    const auto pool = MakePool(2);
    Sampler sampler(*scene_.family, *pool, plan);
    const auto collect = [&](uint64_t seed) {
      return sampler.Collect(*scene_.policy, scene_.rows, scene_.tasks, {.episodes = 3}, Rng(seed));
    };
    const Rollouts first = collect(7), other = collect(8);
    EXPECT_TRUE(SameRollouts(first, collect(7)));
    EXPECT_FALSE(SameBits(first.actions, other.actions));
  }
}

TEST_P(SamplerTest, EveryRowActsForItsTaskAndEverythingRecordedIsWhatHappened) {
  const FamilySpec& spec = scene_.family->spec();
  const Rollouts r = scene_.Collect(SamplingPlan::kEpisodes, 2);
  const auto num_tasks = static_cast<int64_t>(scene_.tasks.size());
  const int64_t action_size = r.actions.size(3), num_metrics = r.metric_means.size(1);

  // the family once more, driven by what Forward gives for each task by itself
  auto env = scene_.family->MakeVectorEnv(1, 1);
  StepBatch batch = env->MakeStepBatch();
  int64_t steps = 0;
  for (int64_t task = 0; task < num_tasks; ++task) {
    env->SetTasks({&scene_.tasks[static_cast<size_t>(task)], 1});
    std::vector<double> metric_sums(static_cast<size_t>(num_metrics));
    int64_t task_steps = 0;
    for (int64_t episode = 0; episode < 3; ++episode) {
      const auto item = static_cast<uint64_t>(task * 3 + episode);
      const int64_t length = r.mask[task][episode].sum().item<int64_t>();
      ASSERT_GT(length, 0);
      ASSERT_EQ(r.mask[task][episode].narrow(0, 0, length).min().item<float>(), 1);

      // the actor's draws
      Rng stream = Rng(7).Fork("act", item);
      for (int64_t t = 0; t < length; ++t) {
        const ActionDistribution distribution = scene_.policy->Forward(
            scene_.rows.Rows(task, task + 1),
            r.observations[task][episode][t].view({1, 1, spec.observation_size}));
        const torch::Tensor action = SampleActions(distribution, {&stream, 1}, false);
        ASSERT_LT(Distance(action.view({action_size}), r.actions[task][episode][t]), 2e-5);
      }
      EXPECT_NEAR(r.returns[task][episode].item<double>(),
                  r.rewards[task][episode].to(torch::kFloat64).sum().item<double>(), 1e-9);

      // nothing lies past the end
      const int64_t rest = spec.horizon - length;
      for (const torch::Tensor& values : {r.observations, r.actions, r.rewards.unsqueeze(-1)}) {
        EXPECT_EQ(values[task][episode].narrow(0, length, rest).abs().sum().item<double>(), 0);
      }
      EXPECT_TRUE(r.terminated[task][episode].item<float>() == 1 || length == spec.horizon);

      // the simulation: its stream is that of simulation `item` of a vector environment, so that
      // only a family that draws nothing can be replayed in simulation 0
      if (spec.name != "point-nav@maml") continue;
      std::vector<float> observation(static_cast<size_t>(spec.observation_size));
      const int ids[] = {0};
      env->Reset(ids, Rng(7), observation);
      for (int64_t t = 0; t < length; ++t) {
        ASSERT_LT(Distance(torch::tensor(observation), r.observations[task][episode][t]), 1e-6);
        const torch::Tensor action = r.actions[task][episode][t].to(torch::kFloat64);
        env->Step({action.const_data_ptr<double>(), static_cast<size_t>(action_size)}, batch);
        observation = batch.observations;
        ASSERT_NEAR(r.rewards[task][episode][t].item<double>(), batch.rewards[0], 1e-6);
        metric_sums[0] += batch.metrics[0];
        ASSERT_EQ(batch.terminated[0] || batch.truncated[0], t + 1 == length);
      }
      EXPECT_EQ(r.terminated[task][episode].item<float>(), batch.terminated[0]);
      EXPECT_LT(Distance(torch::tensor(observation), r.final_observations[task][episode]), 1e-6);
      task_steps += length;
    }
    steps += r.mask[task].sum().item<int64_t>();
    if (spec.name == "point-nav@maml") {
      EXPECT_NEAR(r.metric_means[task][0].item<double>(),
                  metric_sums[0] / static_cast<double>(task_steps), 1e-9);
    }
  }
  EXPECT_EQ(r.steps, steps);
}

TEST_P(SamplerTest, OneRowServesAllTasks) {
  const auto pool = MakePool(1);
  const Parameters one = scene_.rows.Rows(0, 1);
  const auto num_tasks = static_cast<int64_t>(scene_.tasks.size());
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    Sampler sampler(*scene_.family, *pool, plan);
    EXPECT_TRUE(
        SameRollouts(sampler.Collect(*scene_.policy, one, scene_.tasks, {.episodes = 2}, Rng(3)),
                     sampler.Collect(*scene_.policy, one.WithFlat(one.flat.repeat({num_tasks, 1})),
                                     scene_.tasks, {.episodes = 2}, Rng(3))));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, SamplerTest,
                         testing::Values(Case{"Points", NearPoints, 1e-5},
                                         Case{"Corner", Corner, 1e-5}, Case{"Coins", Coin, 1e-9},
                                         Case{"Changing", Changing, 1e-5},
                                         Case{"Cheetah", Cheetah, 2e-4}),
                         [](const auto& test) { return test.param.name; });

TEST(Sampler, EpisodesEndEarlyAtNearGoalsAndAtRandom) {
  // what the tests above rely on: some episodes end early and some do not
  for (const Scene& scene : {NearPoints(), Coin()}) {
    const Rollouts r = scene.Collect(SamplingPlan::kEpisodes, 1, {.episodes = 10});
    EXPECT_GT(r.terminated.sum().item<double>(), 0) << scene.family->spec().name;
    EXPECT_LT(r.steps, r.mask.numel());
    EXPECT_GT((r.mask.sum(2) == r.horizon()).sum().item<int64_t>(), 0);
  }
}

// One trial of two episodes, sampled at once and episode by episode: the task changes on the clock
// of the trial, by its own stream, in both plans.
TEST(Sampler, ATaskChangesOnTheClockOfItsTrial) {
  const Scene scene = Changing();
  const auto pool = MakePool(2);
  const auto num_tasks = static_cast<int64_t>(scene.tasks.size());
  // the speed that was asked for: the reward is -|v - speed| - 0.01 u^2, and v is observed next
  const auto error = [](const Rollouts& r, int64_t episode, int64_t step) {
    const torch::Tensor u = r.actions[0][episode][step][0].clamp(-1, 1);
    return -r.rewards[0][episode][step].item<double>() - 0.01 * (u * u).item<double>();
  };
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    Sampler sampler(*scene.family, *pool, plan);
    const auto collect = [&](TrialStates& trials, int episodes, uint64_t seed) {
      return sampler.Collect(*scene.policy, scene.rows, scene.tasks, {.episodes = episodes},
                             Rng(seed), &trials);
    };
    TrialStates whole = BeginTrials(*scene.policy, num_tasks), parts = whole.Clone();
    const Rollouts both = collect(whole, 2, 7);
    EXPECT_EQ(whole.episodes, 2);
    const Rollouts first = collect(parts, 1, 7), second = collect(parts, 1, 8);
    EXPECT_EQ(parts.episodes, 2);

    // speeds by step, each found from the observation that follows
    const auto speed = [&](const Rollouts& r, int64_t episode, int64_t step) {
      const double v = r.observations[0][episode][step + 1][0].item<double>();
      const double e = error(r, episode, step);
      // of the two speeds that give this error, the one of the step before tells which
      const double next = r.observations[0][episode][step + 2][0].item<double>();
      const double e2 = error(r, episode, step + 1);
      return std::abs(std::abs(next - (v + e)) - e2) < std::abs(std::abs(next - (v - e)) - e2)
                 ? v + e
                 : v - e;
    };
    for (const int64_t step : {1, 30, 60, 80}) {
      EXPECT_NEAR(speed(both, 1, step), speed(second, 0, step), 1e-4) << step;
      EXPECT_NEAR(speed(both, 0, step), speed(first, 0, step), 1e-4) << step;
    }
    EXPECT_GT(std::abs(speed(both, 0, 1) - speed(both, 0, 30)), 1e-3);
    EXPECT_GT(std::abs(speed(both, 0, 80) - speed(both, 1, 1)), 1e-3);
    // another trial, another course
    TrialStates other = BeginTrials(*scene.policy, num_tasks);
    EXPECT_GT(std::abs(speed(collect(other, 2, 9), 1, 30) - speed(both, 1, 30)), 1e-3);
  }
}

TEST(Sampler, TasksOfAMixedBatchAreNotMixedUp) {
  // rows that walk right, up, left and down whatever they see
  const auto family = MakeFamily("point-nav@maml");
  MlpOptions options;
  options.hidden = {};
  const auto policy = MakeMlpPolicy(family->spec(), options);
  Parameters rows{torch::zeros({4, policy->layout()->size()}), policy->layout()};
  const float x[] = {1, 0, -1, 0}, y[] = {0, 1, 0, -1};
  for (int64_t t = 0; t < 4; ++t) {
    rows.View(1)[t][0][0] = x[t];  // the bias
    rows.View(1)[t][0][1] = y[t];
  }
  const std::vector<Task> tasks(4, Task{"point-nav@maml", {0.5, 0.5}});
  const auto pool = MakePool(2);
  for (const SamplingPlan plan : {SamplingPlan::kEpisodes, SamplingPlan::kLockstep}) {
    Sampler sampler(*family, *pool, plan);
    const Rollouts r =
        sampler.Collect(*policy, rows, tasks, {.episodes = 2, .deterministic = true}, Rng(1));
    for (int64_t t = 0; t < 4; ++t) {
      for (int64_t e = 0; e < 2; ++e) {
        EXPECT_NEAR(r.final_observations[t][e][0].item<double>(), 10 * x[t], 1e-4);
        EXPECT_NEAR(r.final_observations[t][e][1].item<double>(), 10 * y[t], 1e-4);
      }
    }
  }
}

}  // namespace
}  // namespace fewstep
