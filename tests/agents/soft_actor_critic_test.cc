// The soft actor-critic against the algorithm written out, and on problems whose answers are known.
#include "agents/optimizers/soft_actor_critic.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "agents/device.h"
#include "core/error.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

using Options = SoftActorCriticOptions;

constexpr int64_t kObservation = 3, kAction = 2, kLatent = 2, kTasks = 2, kBatch = 5;

Transitions RandomTransitions(uint64_t seed) {
  torch::manual_seed(static_cast<int64_t>(seed));
  Transitions t;
  t.observations = torch::randn({kTasks, kBatch, kObservation});
  t.actions = torch::rand({kTasks, kBatch, kAction}) * 1.8 - 0.9;
  t.rewards = torch::full({kTasks, kBatch}, 1e9);  // the critics learn from the dense ones
  t.dense_rewards = torch::randn({kTasks, kBatch});
  t.next_observations = torch::randn({kTasks, kBatch, kObservation});
  t.terminated = (torch::rand({kTasks, kBatch}) < 0.3).to(torch::kFloat32);
  return t;
}

// A network of two hidden layers, in double: arrays of a row in the order of its layout.
struct Net {
  std::vector<torch::Tensor> arrays;  // weight, bias, weight, bias, ...
  Net(const Parameters& rows, int64_t row) {
    for (size_t i = 0; i < rows.layout->slices().size(); ++i) {
      arrays.push_back(rows.View(i)[row].detach().to(torch::kFloat64).clone().requires_grad_());
    }
  }
  torch::Tensor operator()(torch::Tensor x) const {
    for (size_t i = 0; i < arrays.size(); i += 2) {
      x = x.matmul(arrays[i]) + arrays[i + 1].reshape({-1});
      if (i + 2 < arrays.size()) x = x.relu();
    }
    return x;
  }
};

torch::Tensor Joined(const std::vector<torch::Tensor>& arrays) {
  std::vector<torch::Tensor> flat;
  for (const torch::Tensor& array : arrays) flat.push_back(array.reshape({-1}));
  return torch::cat(flat);
}

// The first step of Adam.
torch::Tensor AdamStep(const torch::Tensor& row, const torch::Tensor& gradient, double rate) {
  const torch::Tensor m = 0.1 * gradient / (1 - 0.9), v = 0.001 * gradient.square() / (1 - 0.999);
  return row - rate * m / (v.sqrt() + 1e-8);
}

torch::Tensor NoiseOf(const Rng& rng, const char* name) {
  torch::Tensor noise = torch::empty({kTasks, kBatch, kAction}, torch::kFloat32);
  Rng stream = rng.Fork(name);
  stream.FillNormal({noise.mutable_data_ptr<float>(), static_cast<size_t>(noise.numel())});
  return noise.to(torch::kFloat64);
}

// A log standard deviation of the actor far above its bound, where nothing passes.
void PutOutOfBounds(SoftActorCritic& sac) {
  TensorFile file, changed;
  sac.Save(file);
  for (TensorEntry entry : file.tensors()) {
    if (entry.name == "actor") {
      std::vector<std::byte> bytes(entry.bytes.data(), entry.bytes.data() + entry.bytes.size());
      const float bias = 30;  // the last of the row is the last output's bias
      std::memcpy(bytes.data() + bytes.size() - sizeof(bias), &bias, sizeof(bias));
      entry.bytes = bytes;
    }
    changed.AddEntry(std::move(entry));
  }
  sac.Load(changed);
}

class SoftActorCriticUpdate : public ::testing::TestWithParam<std::tuple<Options::Target, double>> {
 protected:
  Options MakeOptions() const {
    Options options;
    options.hidden = {7, 6};
    options.learning_rate = 0.01;
    options.discount = 0.93;
    options.target_rate = 0.2;
    options.reward_scale = 2.5;
    options.target = std::get<0>(GetParam());
    options.temperature = std::get<1>(GetParam());
    options.mean_penalty = 0.03;
    options.log_std_penalty = 0.02;
    return options;
  }
};

// Transition by transition, in double, as the papers have it.
TEST_P(SoftActorCriticUpdate, IsTheAlgorithmWrittenOut) {
  const Options options = MakeOptions();
  SoftActorCritic sac(kObservation, kAction, kLatent, options, Rng(3));
  PutOutOfBounds(sac);
  const Transitions t = RandomTransitions(4);
  const torch::Tensor z32 = torch::randn({kTasks, kLatent});
  const torch::Tensor actor_z32 = torch::randn({kTasks, kLatent});
  const Rng rng(5);
  // the value network has no accessor: its target is a copy of it before the first update
  const bool has_value = options.target == Options::Target::kValue;
  Net actor(sac.actor(), 0), q0(sac.critics(), 0), q1(sac.critics(), 1);
  const Net target_net(sac.targets(), 0), target_other(sac.targets(), has_value ? 0 : 1);
  Net value(sac.targets(), 0);
  const double alpha = sac.temperature();

  const auto d = [](const torch::Tensor& x) { return x.to(torch::kFloat64); };
  const torch::Tensor z = d(z32).clone().requires_grad_();
  const torch::Tensor actor_z = d(actor_z32).clone().requires_grad_();
  const torch::Tensor next_noise = NoiseOf(rng, "next"), noise = NoiseOf(rng, "action");
  const auto act = [&](const Net& net, const torch::Tensor& s, const torch::Tensor& latent,
                       const torch::Tensor& e) {
    const torch::Tensor out = net(torch::cat({s, latent}));
    const torch::Tensor mean = out.narrow(0, 0, kAction);
    const torch::Tensor log_std = out.narrow(0, kAction, kAction).clamp(-20, 2);
    const torch::Tensor u = mean + log_std.exp() * e;
    torch::Tensor log_prob = torch::zeros({}, torch::kFloat64);
    for (int64_t i = 0; i < kAction; ++i) {
      log_prob = log_prob - 0.5 * e[i].square() - log_std[i] - 0.5 * std::log(2 * M_PI) -
                 torch::log(1 - u[i].tanh().square());
    }
    return std::tuple{u.tanh(), log_prob, mean, log_std};
  };

  // critics
  torch::Tensor critic_loss = torch::zeros({}, torch::kFloat64);
  const double count = kTasks * kBatch;
  for (int64_t i = 0; i < kTasks; ++i) {
    for (int64_t b = 0; b < kBatch; ++b) {
      const torch::Tensor next = d(t.next_observations[i][b]), latent = z[i].detach();
      torch::Tensor after;
      if (has_value) {
        after = target_net(torch::cat({next, latent}))[0];
      } else {
        const auto [a, log_prob, mean, log_std] = act(actor, next, latent, next_noise[i][b]);
        const torch::Tensor in = torch::cat({next, a, latent});
        after = torch::min(target_net(in)[0], target_other(in)[0]) - alpha * log_prob;
      }
      const torch::Tensor y = (d(t.dense_rewards[i][b]) * options.reward_scale +
                               (1 - d(t.terminated[i][b])) * options.discount * after)
                                  .detach();
      const torch::Tensor in = torch::cat({d(t.observations[i][b]), d(t.actions[i][b]), z[i]});
      critic_loss = critic_loss + ((q0(in)[0] - y).square() + (q1(in)[0] - y).square()) / count;
    }
  }
  std::vector<torch::Tensor> wanted = q0.arrays;
  wanted.insert(wanted.end(), q1.arrays.begin(), q1.arrays.end());
  wanted.push_back(z);
  std::vector<torch::Tensor> gradients = torch::autograd::grad({critic_loss}, wanted);
  const torch::Tensor z_gradient = gradients.back();
  gradients.pop_back();
  wanted.pop_back();
  const torch::Tensor critic_gradient = Joined(gradients);
  const torch::Tensor critics_after =
      AdamStep(Joined(wanted), critic_gradient, options.learning_rate).detach();
  int64_t offset = 0;
  for (Net* net : {&q0, &q1}) {
    for (torch::Tensor& array : net->arrays) {
      array = critics_after.narrow(0, offset, array.numel()).view(array.sizes());
      offset += array.numel();
    }
  }

  // value and actor, with the critics as they are now
  torch::Tensor value_loss = torch::zeros({}, torch::kFloat64), actor_loss = value_loss;
  torch::Tensor entropy = value_loss;
  for (int64_t i = 0; i < kTasks; ++i) {
    for (int64_t b = 0; b < kBatch; ++b) {
      const torch::Tensor s = d(t.observations[i][b]), latent = actor_z[i].detach();
      const auto [a, log_prob, mean, log_std] = act(actor, s, actor_z[i], noise[i][b]);
      const torch::Tensor in = torch::cat({s, a, latent});
      const torch::Tensor least = torch::min(q0(in)[0], q1(in)[0]);
      actor_loss = actor_loss + (alpha * log_prob - least) / count +
                   options.mean_penalty * mean.square().sum() / (count * kAction) +
                   options.log_std_penalty * log_std.square().sum() / (count * kAction);
      entropy = entropy - log_prob.detach() / count;
      if (!has_value) continue;
      const torch::Tensor towards = (least - alpha * log_prob).detach();
      value_loss = value_loss + (value(torch::cat({s, latent}))[0] - towards).square() / count;
    }
  }
  std::vector<torch::Tensor> of_actor = actor.arrays;
  of_actor.push_back(actor_z);
  gradients = torch::autograd::grad({actor_loss}, of_actor);
  const torch::Tensor actor_z_gradient = gradients.back();
  gradients.pop_back();
  const torch::Tensor actor_gradient = Joined(gradients);
  const torch::Tensor actor_after =
      AdamStep(Joined(actor.arrays), actor_gradient, options.learning_rate);
  const torch::Tensor old_targets = d(sac.targets().flat.view({-1}));
  torch::Tensor followed = critics_after, value_gradient;
  if (has_value) {
    value_gradient = Joined(torch::autograd::grad({value_loss}, value.arrays));
    followed = AdamStep(Joined(value.arrays), value_gradient, options.learning_rate);
  }
  const torch::Tensor targets_after = 0.8 * old_targets + 0.2 * followed;
  double log_temperature = std::log(alpha);
  if (options.temperature <= 0) {
    // one step of Adam goes as far as its rate, towards more entropy where there is too little
    const double gradient = entropy.item<double>() + kAction;
    log_temperature -= options.learning_rate * gradient / (std::abs(gradient) + 1e-8);
  }

  const SoftActorCritic::Result result =
      sac.Update(t, z32, rng, {.actor_latents = actor_z32, .actor_latent_gradient = true});
  EXPECT_LT(Distance(d(sac.critics().flat.view({-1})), critics_after), 2e-4);
  EXPECT_LT(Distance(d(sac.actor().flat[0]), actor_after.detach()), 2e-4);
  EXPECT_LT(Distance(d(sac.targets().flat.view({-1})), targets_after.detach()), 2e-4);
  // moments keep the size of gradients, of which a first step of Adam keeps the sign
  TensorFile saved;
  sac.Save(saved);
  const auto moment = [&](const char* name) {
    const auto values = saved.Values<float>(fmt::format("{}.first", name));
    return torch::tensor(std::vector<double>(values.begin(), values.end()), torch::kFloat64);
  };
  EXPECT_LT(RelativeDistance(moment("critic_adam"), 0.1 * critic_gradient), 1e-4);
  EXPECT_LT(RelativeDistance(moment("actor_adam"), 0.1 * actor_gradient), 1e-4);
  EXPECT_EQ(actor_gradient[-1].item<double>(), 0);
  EXPECT_EQ(moment("actor_adam")[-1].item<double>(), 0);
  if (has_value) {
    EXPECT_LT(RelativeDistance(moment("value_adam"), 0.1 * value_gradient), 1e-4);
  }
  EXPECT_LT(Distance(d(result.latent_gradient), z_gradient), 1e-4);
  EXPECT_LT(Distance(d(result.actor_latent_gradient), actor_z_gradient), 1e-4);
  EXPECT_NEAR(std::log(sac.temperature()), log_temperature, 1e-5);
  const auto metric = [&](const char* name) {
    const auto& names = SoftActorCritic::metric_names();
    return result.metrics[std::ranges::find(names, name) - names.begin()].item<double>();
  };
  EXPECT_NEAR(metric("critic_loss"), critic_loss.item<double>(), 1e-4 * critic_loss.item<double>());
  EXPECT_NEAR(metric("actor_loss"), actor_loss.item<double>(), 1e-3);
  EXPECT_NEAR(metric("entropy"), entropy.item<double>(), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(All, SoftActorCriticUpdate,
                         ::testing::Combine(::testing::Values(Options::Target::kTwinCritics,
                                                              Options::Target::kValue),
                                            ::testing::Values(0.0, 0.7)));

// Shards of tasks on any number of threads.
TEST_P(SoftActorCriticUpdate, IsTheSameInParts) {
  const Transitions t = RandomTransitions(4);
  const torch::Tensor z = torch::randn({kTasks, kLatent});
  const auto after = [&](const ActorCriticWork& how) {
    SoftActorCritic sac(kObservation, kAction, kLatent, MakeOptions(), Rng(3));
    const SoftActorCritic::Result result = sac.Update(t, z, Rng(5), how);
    return torch::cat({sac.actor().flat.view({-1}), sac.critics().flat.view({-1}),
                       sac.targets().flat.view({-1}), result.latent_gradient.view({-1}),
                       result.metrics.view({-1})});
  };
  const auto one = MakePool(1), two = MakePool(2);
  const Shards on_one(kTasks, 2, *one), on_two(kTasks, 2, *two);
  const torch::Tensor whole = after({}), parts = after({.shards = &on_one});
  EXPECT_LT(Distance(whole, parts), 1e-5);
  EXPECT_TRUE(SameBits(parts, after({.shards = &on_two})));
}

TEST(SoftActorCritic, ACopyLearnsByItself) {
  Options options;
  options.hidden = {6};
  SoftActorCritic sac(kObservation, kAction, 0, options, Rng(1));
  const SoftActorCritic copy = sac;
  const torch::Tensor before = sac.actor().flat.clone();
  sac.Update(RandomTransitions(1), {}, Rng(1));
  EXPECT_FALSE(torch::equal(sac.actor().flat, before));
  EXPECT_TRUE(torch::equal(copy.actor().flat, before));
}

TEST(SoftActorCritic, IsSavedWithAllThatItsNextUpdateDependsOn) {
  for (const auto target : {Options::Target::kTwinCritics, Options::Target::kValue}) {
    Options options;
    options.hidden = {6};
    options.target = target;
    SoftActorCritic sac(kObservation, kAction, kLatent, options, Rng(1));
    const torch::Tensor z = torch::randn({kTasks, kLatent});
    for (uint64_t i = 0; i < 3; ++i) sac.Update(RandomTransitions(i), z, Rng(i));
    TensorFile file;
    sac.Save(CheckpointWriter(file).Scope("sac"));
    SoftActorCritic loaded(kObservation, kAction, kLatent, options, Rng(2));
    loaded.Load(CheckpointReader(file).Scope("sac"));
    for (uint64_t i = 3; i < 6; ++i) {
      sac.Update(RandomTransitions(i), z, Rng(i));
      loaded.Update(RandomTransitions(i), z, Rng(i));
    }
    EXPECT_TRUE(torch::equal(sac.actor().flat, loaded.actor().flat));
    EXPECT_TRUE(torch::equal(sac.critics().flat, loaded.critics().flat));
    EXPECT_TRUE(torch::equal(sac.targets().flat, loaded.targets().flat));
    EXPECT_EQ(sac.temperature(), loaded.temperature());
    SoftActorCritic wider(kObservation, kAction, kLatent + 1, options, Rng(2));
    const torch::Tensor before = wider.actor().flat.clone();
    EXPECT_THROW(wider.Load(CheckpointReader(file).Scope("sac")), Error);
    EXPECT_TRUE(torch::equal(wider.actor().flat, before));
  }
}

TEST(SoftActorCritic, AnUpdateThatIsNotFiniteChangesNothing) {
  Options options;
  options.hidden = {6};
  SoftActorCritic sac(kObservation, kAction, 0, options, Rng(1));
  Transitions t = RandomTransitions(1);
  t.dense_rewards[0][0] = std::numeric_limits<float>::quiet_NaN();
  const torch::Tensor before = sac.actor().flat.clone(), critics = sac.critics().flat.clone();
  EXPECT_THROW(sac.Update(t, {}, Rng(1)), Error);
  EXPECT_TRUE(torch::equal(sac.actor().flat, before));
  EXPECT_TRUE(torch::equal(sac.critics().flat, critics));
  t.dense_rewards[0][0] = 0;
  EXPECT_NO_THROW(sac.Update(t, {}, Rng(1)));
}

// scripts/learning_tests runs these for many seeds, of weights, noise and data.
class SoftActorCriticLearns : public ::testing::Test {
 protected:
  SoftActorCriticLearns() { UseOneTorchThread(); }
};

// One state, reward -(a - 0.4)^2 and an end: the soft optimum is the Boltzmann distribution
// exp(-(a - 0.4)^2 / alpha), a Gaussian about 0.4 of variance alpha / 2 where that is small.
TEST_F(SoftActorCriticLearns, TheBoltzmannDistribution) {
  Options options;
  options.hidden = {32, 32};
  options.learning_rate = 3e-3;
  options.temperature = 0.02;
  SoftActorCritic sac(1, 1, 0, options, Rng(6 + TestSeed()));
  for (uint64_t i = 0; i < 1500; ++i) {
    torch::manual_seed(static_cast<int64_t>(i + 10000 * TestSeed()));
    Transitions t;
    t.observations = t.next_observations = torch::ones({1, 64, 1});
    t.actions = torch::rand({1, 64, 1}) * 2 - 1;
    t.rewards = t.dense_rewards = -(t.actions.squeeze(2) - 0.4).square();
    t.terminated = torch::ones({1, 64});
    sac.Update(t, {}, Rng(11 + TestSeed()).Fork("update", i));
  }
  torch::manual_seed(0);
  const torch::Tensor actions =
      sac.Act(torch::ones({1, 4000, 1}), {}).Sample(torch::randn({1, 4000, 1})).actions;
  EXPECT_NEAR(actions.mean().item<double>(), 0.4, 0.05);
  EXPECT_NEAR(actions.std().item<double>(), std::sqrt(0.01), 0.03);
}

// A reward of 1 for ever is worth 1 / (1 - gamma); with an end after every step it is worth 1. What
// entropy adds is kept at zero by a temperature of next to nothing.
TEST_F(SoftActorCriticLearns, ToDiscountWhatFollowsUnlessItEnds) {
  for (const auto target : {Options::Target::kTwinCritics, Options::Target::kValue}) {
    for (const float end : {0.0f, 1.0f}) {
      Options options;
      options.hidden = {16};
      options.learning_rate = 5e-3;
      options.discount = 0.8;
      options.target_rate = 0.05;
      options.temperature = 1e-6;
      options.target = target;
      SoftActorCritic sac(1, 1, 0, options, Rng(6 + TestSeed()));
      double q = 0;
      for (uint64_t i = 0; i < 800; ++i) {
        Transitions t;
        t.observations = t.next_observations = torch::ones({1, 16, 1});
        torch::manual_seed(static_cast<int64_t>(i + 10000 * TestSeed()));
        t.actions = torch::rand({1, 16, 1}) * 2 - 1;  // everywhere, so that nothing is guessed
        t.rewards = t.dense_rewards = torch::ones({1, 16});
        t.terminated = torch::full({1, 16}, end);
        q = sac.Update(t, {}, Rng(11 + TestSeed()).Fork("update", i)).metrics[4].item<double>();
      }
      EXPECT_NEAR(q, end > 0 ? 1 : 5, end > 0 ? 0.05 : 0.6);
    }
  }
}

// A learned temperature brings the entropy to its target.
TEST_F(SoftActorCriticLearns, ToKeepTheEntropyThatIsAskedFor) {
  Options options;
  options.hidden = {32};
  options.learning_rate = 3e-3;
  options.target_entropy = -0.5;
  SoftActorCritic sac(1, 1, 0, options, Rng(6 + TestSeed()));
  double entropy = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    torch::manual_seed(static_cast<int64_t>(i + 10000 * TestSeed()));
    Transitions t;
    t.observations = t.next_observations = torch::ones({1, 64, 1});
    t.actions = torch::rand({1, 64, 1}) * 2 - 1;
    t.rewards = t.dense_rewards = -(t.actions.squeeze(2) - 0.2).square();
    t.terminated = torch::ones({1, 64});
    const double now =
        sac.Update(t, {}, Rng(11 + TestSeed()).Fork("update", i)).metrics[2].item<double>();
    entropy = 0.98 * entropy + 0.02 * now;
  }
  EXPECT_NEAR(entropy, -0.5, 0.15);
}

}  // namespace
}  // namespace fewstep
