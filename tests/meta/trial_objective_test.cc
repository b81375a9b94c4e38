// The objective on trials: its gradient and Hessian against finite differences in double, through
// the ends of episodes and masks; its parts; truncation.
#include "meta/memory/trial_objective.h"

#include <numeric>

#include "agents/optimizers/ppo.h"
#include "agents/optimizers/trust_region.h"
#include "agents/trials.h"
#include "tests/agents/stakes.h"
#include "tests/meta/agent_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kTrials = 10, kEpisodes = 3;

// Trials of a small policy in double, with made-up advantages, and a point some way from the policy
// that acted.
struct Scene {
  explicit Scene(bool discrete, MemoryKind kind = MemoryKind::kGru,
                 ValueKind value = ValueKind::kShared)
      : family(MakeStakes(0.02, discrete, 4)), pool(MakePool(2)) {
    MemoryPolicyOptions options;
    options.memory.kind = kind;
    options.memory.size = 4;
    options.memory.heads = 2;
    options.memory.context = 16;
    options.head.scale = 1;
    options.value.kind = value;
    policy = std::make_unique<MemoryPolicy>(family->spec(), options);
    const Parameters acting = policy->InitialParameters(Rng(3));
    const auto tasks = family->Sample(Split::kTrain, kTrials, Rng(4));
    Sampler sampler(*family, *pool, SamplingPlan::kAuto);
    TrialStates states = BeginTrials(*policy, kTrials);
    const Rollouts rollouts =
        sampler.Collect(*policy, acting, tasks, {.episodes = kEpisodes}, Rng(5), &states);
    data.sequences = TrialSequences(*policy, rollouts, kTrials).To(torch::kCPU, torch::kFloat64);
    const torch::Tensor mask = data.sequences.mask;
    const Parameters old = acting.WithFlat(acting.flat.to(torch::kFloat64));
    const ActionDistribution distribution =
        policy->Unroll(old, data.sequences).distribution.Detach();
    const torch::Tensor actions =
        rollouts.actions.reshape({kTrials, -1, rollouts.actions.size(3)}).to(torch::kFloat64);
    data.batch = {.observations = data.sequences.observations,
                  .actions = actions,
                  .advantages = Normals(mask.sizes().vec(), 6) * mask,
                  .weights = mask,
                  .old_log_probs = distribution.LogProb(actions),
                  .old_distribution = distribution,
                  .horizon = 4};
    data.targets = Normals(mask.sizes().vec(), 7);
    point = old.flat + Normals(old.flat.sizes().vec(), 8) * 0.1;
  }

  TrialObjective Make(const TrialObjectiveOptions& options) const {
    return {*policy, data, torch::arange(kTrials, torch::kInt64), options, *pool, Rng(9)};
  }

  // The objective written down, all trials at once.
  torch::Tensor ByHand(const torch::Tensor& flat, const ObjectiveForm& form,
                       const TrialObjectiveOptions& options) const {
    const PolicyOutput out =
        policy->Unroll({flat, policy->layout()}, data.sequences, Derivatives::kSecond);
    const torch::Tensor mask = data.sequences.mask, a = data.batch.advantages;
    const torch::Tensor ratio =
        (out.distribution.LogProb(data.batch.actions) - data.batch.old_log_probs).exp();
    torch::Tensor step = torch::min(ratio * a, ratio.clamp(1 - form.clip, 1 + form.clip) * a);
    step = step + out.distribution.Entropy() * options.entropy_coefficient;
    step = step * options.policy_coefficient;
    if (out.value.defined()) {
      step = step - (out.value - data.targets).square() * options.value_coefficient / 2;
    }
    return (step * mask).sum() / mask.sum();
  }

  std::unique_ptr<TaskFamily> family;
  std::unique_ptr<WorkerPool> pool;
  std::unique_ptr<MemoryPolicy> policy;
  TrialData data;
  torch::Tensor point;
};

constexpr ObjectiveForm kClippedForm = {.surrogate = Surrogate::kClipped, .clip = 0.1};

TEST(TrialObjective, ItsGradientIsTheDerivativeOfWhatIsWrittenDown) {
  for (const bool discrete : {true, false}) {
    for (const MemoryKind kind :
         {MemoryKind::kGru, MemoryKind::kLstm, MemoryKind::kMinGru, MemoryKind::kTransformer}) {
      const Scene scene(discrete, kind,
                        kind == MemoryKind::kLstm ? ValueKind::kOwn : ValueKind::kShared);
      const TrialObjectiveOptions options{.entropy_coefficient = 0.3, .value_coefficient = 0.7};
      const TrialObjective objective = scene.Make(options);
      ObjectiveValues values;
      const torch::Tensor gradient = objective.Gradient(scene.point, kClippedForm, &values);
      EXPECT_GT(values.clip_fraction, 0.02);
      const torch::Tensor numeric = NumericGradient(
          [&](const torch::Tensor& v) {
            return scene.ByHand(v, kClippedForm, options).template item<double>();
          },
          scene.point);
      EXPECT_LT(RelativeDistance(gradient, numeric), 1e-6);
      // the value function's error is no part of what is reported
      const TrialObjectiveOptions reported{.entropy_coefficient = 0.3};
      EXPECT_NEAR(values.objective,
                  scene.ByHand(scene.point, kClippedForm, reported).item<double>(), 1e-12);
      const ObjectiveValues again = objective.Values(scene.point, kClippedForm);
      EXPECT_NEAR(again.objective, values.objective, 1e-12);
      EXPECT_NEAR(again.kl, values.kl, 1e-12);
    }
  }
}

TEST(TrialObjective, ShardsAndThreadsChangeNothingBeyondTheOrderOfSums) {
  const Scene scene(true);
  TrialObjectiveOptions options{.entropy_coefficient = 0.3, .value_coefficient = 0.7};
  options.shards = 1;
  const torch::Tensor one = scene.Make(options).Gradient(scene.point, kClippedForm);
  options.shards = 4;
  const torch::Tensor four = scene.Make(options).Gradient(scene.point, kClippedForm);
  EXPECT_LT(RelativeDistance(four, one), 1e-12);
  for (const int threads : {1, 8}) {
    const auto pool = MakePool(threads);
    const TrialObjective other(*scene.policy, scene.data, torch::arange(kTrials, torch::kInt64),
                               options, *pool, Rng(9));
    EXPECT_TRUE(SameBits(other.Gradient(scene.point, kClippedForm), four)) << threads;
  }
}

TEST(TrialObjective, PartsShareTheTrialsOut) {
  const Scene scene(false);
  const TrialObjectiveOptions options{.entropy_coefficient = 0.3, .value_coefficient = 0.7};
  const TrialObjective objective = scene.Make(options);
  const torch::Tensor whole = objective.Gradient(scene.point, kClippedForm);
  std::vector<torch::Tensor> firsts;
  for (const int64_t epoch : {0, 1}) {
    const auto parts = objective.Parts(epoch, 3);
    ASSERT_EQ(parts.size(), 3u);
    // gradients are means over steps; parts that are the trials of Shards in the order of the
    // shuffle
    std::vector<int> order(kTrials);
    std::iota(order.begin(), order.end(), 0);
    Rng(9).Fork("epoch", static_cast<uint64_t>(epoch)).Shuffle(order);
    torch::Tensor sum = torch::zeros_like(whole);
    double steps = 0;
    const Shards shares(kTrials, 3, *scene.pool);
    for (size_t i = 0; i < parts.size(); ++i) {
      double own = 0;
      for (int64_t t = shares[i].begin; t < shares[i].end; ++t) {
        own += scene.data.sequences.mask[order[static_cast<size_t>(t)]].sum().item<double>();
      }
      const torch::Tensor gradient = parts[i]->Gradient(scene.point, kClippedForm);
      if (i == 0) firsts.push_back(gradient);
      sum = sum + gradient * own;
      steps += own;
    }
    EXPECT_EQ(steps, scene.data.sequences.mask.sum().item<double>());
    EXPECT_LT(RelativeDistance(sum / steps, whole), 1e-12);
  }
  EXPECT_GT(RelativeDistance(firsts[0], firsts[1]), 1e-3);  // drawn anew
  EXPECT_EQ(objective.Parts(0, 100).size(), static_cast<size_t>(kTrials));
}

TEST(TrialObjective, TruncationCutsTheGradientAndNothingElse) {
  for (const MemoryKind kind : {MemoryKind::kGru, MemoryKind::kTransformer}) {
    const Scene scene(true, kind);
    TrialObjectiveOptions options{.value_coefficient = 0.7};
    const TrialObjective whole = scene.Make(options);
    options.truncation = 5;
    const TrialObjective truncated = scene.Make(options);
    EXPECT_NEAR(whole.Values(scene.point, kClippedForm).objective,
                truncated.Values(scene.point, kClippedForm).objective, 1e-12);
    EXPECT_NEAR(whole.Values(scene.point, kClippedForm).kl,
                truncated.Values(scene.point, kClippedForm).kl, 1e-12);

    // chunk by chunk, each a function of the parameters after a memory that is held still
    const auto by_hand = [&](const torch::Tensor& flat) {
      const Parameters moved{flat, scene.policy->layout()};
      const Parameters still{scene.point, scene.policy->layout()};
      const Sequences& all = scene.data.sequences;
      torch::Tensor memory = all.memory, sum = torch::zeros({}, torch::kFloat64);
      for (int64_t first = 0; first < all.num_steps(); first += 5) {
        const int64_t last = std::min<int64_t>(first + 5, all.num_steps());
        const auto part = [&](const torch::Tensor& values) {
          return values.narrow(1, first, last - first);
        };
        const Sequences chunk = all.Steps(first, last, memory, {});
        const PolicyOutput out = scene.policy->Unroll(moved, chunk, Derivatives::kSecond);
        const torch::Tensor a = part(scene.data.batch.advantages);
        const torch::Tensor ratio = (out.distribution.LogProb(part(scene.data.batch.actions)) -
                                     part(scene.data.batch.old_log_probs))
                                        .exp();
        const torch::Tensor step = torch::min(ratio * a, ratio.clamp(0.9, 1.1) * a) -
                                   (out.value - part(scene.data.targets)).square() * 0.35;
        sum = sum + (step * chunk.mask).sum();
        memory = scene.policy->Unroll(still, chunk).memory;
      }
      return (sum / all.mask.sum()).item<double>();
    };
    const torch::Tensor gradient = truncated.Gradient(scene.point, kClippedForm);
    EXPECT_LT(RelativeDistance(gradient, NumericGradient(by_hand, scene.point)), 1e-6);
    EXPECT_GT(RelativeDistance(gradient, whole.Gradient(scene.point, kClippedForm)), 1e-3);
    options.truncation = 1000;
    EXPECT_TRUE(SameBits(scene.Make(options).Gradient(scene.point, kClippedForm),
                         whole.Gradient(scene.point, kClippedForm)));
  }
}

TEST(TrialObjective, ItsHessianIsThatOfTheKl) {
  for (const bool discrete : {true, false}) {
    const Scene scene(discrete);
    const TrialObjective objective = scene.Make({.entropy_coefficient = 0.3});
    const LinearMap hessian = objective.HessianOfKl(scene.point);
    const torch::Tensor direction = Normals(scene.point.sizes().vec(), 11);
    const torch::Tensor other = Normals(scene.point.sizes().vec(), 12);
    const torch::Tensor product = hessian(direction);
    EXPECT_NEAR((product * other).sum().item<double>(),
                (hessian(other) * direction).sum().item<double>(), 1e-9);
    // along the direction the KL is a function of one variable
    const auto kl = [&](double t) {
      return objective.Values(scene.point + direction * t, kClippedForm).kl;
    };
    constexpr double kStep = 1e-4;
    const double curvature = (kl(kStep) - 2 * kl(0) + kl(-kStep)) / (kStep * kStep);
    EXPECT_NEAR((product * direction).sum().item<double>(), curvature, 1e-4 * curvature);
  }
}

TEST(TrialObjective, WhatIsNotTheValueFunctionStaysWhereItAloneIsFitted) {
  const Scene scene(true, MemoryKind::kGru, ValueKind::kOwn);
  const TrialObjective fit = scene.Make({.policy_coefficient = 0, .value_coefficient = 1});
  const torch::Tensor gradient = fit.Gradient(scene.point, kClippedForm);
  const Parameters parts{gradient, scene.policy->layout()};
  for (size_t i = 0; i < scene.policy->layout()->slices().size(); ++i) {
    const bool of_value = scene.policy->layout()->slices()[i].name.starts_with("value.");
    EXPECT_EQ(parts.View(i).abs().max().item<double>() > 0, of_value) << i;
  }
}

TEST(TrialObjective, ATrustRegionStepStaysWithinItsBound) {
  const Scene scene(false);
  const TrialObjective objective = scene.Make({});
  TrustRegionOptions options;
  options.max_kl = 0.003;
  Metrics metrics;
  // from the policy that acted
  const torch::Tensor start = scene.policy->InitialParameters(Rng(3)).flat.to(torch::kFloat64);
  const torch::Tensor improved = MakeTrustRegion(options)->Improve(start, objective, metrics);
  const ObjectiveForm form = {.surrogate = Surrogate::kLikelihoodRatio};
  const ObjectiveValues before = objective.Values(start, form);
  const ObjectiveValues after = objective.Values(improved, form);
  EXPECT_GT(after.kl, 1e-4);
  EXPECT_LE(after.kl, 0.003);
  EXPECT_GT(after.objective, before.objective + 1e-3);
}

TEST(PpoMinibatches, AStepIsTakenOnEachPartAndTheRateFallsByIterations) {
  const Scene scene(true);
  const TrialObjective objective = scene.Make({.value_coefficient = 0.5});
  // more minibatches than trials: as many parts as there are trials
  for (const auto& [minibatches, parts] : {std::pair<int64_t, int64_t>{4, 4}, {1000, kTrials}}) {
    PpoOptions options;
    options.outer_epochs = 3;
    options.minibatches = minibatches;
    options.anneal_iterations = 2;
    const auto ppo = MakePpo(options, scene.point, 0);
    const auto steps = [&] {
      TensorFile file;
      ppo->Save(file);
      int64_t count = 0;
      std::memcpy(&count, file.At("adam.steps").bytes.data(), sizeof(count));
      return count;
    };
    // the rate falls to 0 in two iterations, after which nothing moves
    torch::Tensor point = scene.point;
    std::vector<double> moves;
    for (int i = 0; i < 3; ++i) {
      Metrics metrics;
      const torch::Tensor next = ppo->Improve(point, objective, metrics);
      moves.push_back(Distance(next, point));
      point = next;
      EXPECT_EQ(steps(), (i + 1) * 3 * parts);
      EXPECT_GT(metrics.Get("gradient_norm"), 0);
    }
    EXPECT_GT(moves[0], moves[1] * 1.2);
    EXPECT_GT(moves[1], 0);
    EXPECT_EQ(moves[2], 0);
  }
}

TEST(PpoMinibatches, ALongGradientIsShortened) {
  // the first step of Adam has the same length whatever the gradient's; what follows does not
  const Scene scene(true);
  const TrialObjective objective = scene.Make({.value_coefficient = 0.5});
  const auto first_moment = [&](double limit) {
    PpoOptions options;
    options.outer_epochs = 1;
    options.max_gradient_norm = limit;
    const auto ppo = MakePpo(options, scene.point, 0);
    Metrics metrics;
    ppo->Improve(scene.point, objective, metrics);
    TensorFile file;
    ppo->Save(file);
    return std::pair(SavedTensor(file, "adam.first") * 10, metrics.Get("gradient_norm"));
  };
  const auto [free, norm] = first_moment(0);
  EXPECT_NEAR(free.norm().item<double>(), norm, 1e-9);
  const auto [limited, same_norm] = first_moment(norm / 3);
  EXPECT_EQ(same_norm, norm);
  EXPECT_NEAR(limited.norm().item<double>(), norm / 3, 1e-9);
  EXPECT_LT(RelativeDistance(limited * 3, free), 1e-9);
  EXPECT_TRUE(SameBits(first_moment(norm * 2).first, free));
}

}  // namespace
}  // namespace fewstep
