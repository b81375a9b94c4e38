// Updates of PEARL and of the soft actor-critic: of the whole and of its parts measured alone, in
// arithmetic beside products of matrices of the same shapes on as many threads; and small networks
// beside the same update in LibTorch's eager mode, by autograd and its Adam.
#include <chrono>
#include <functional>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <torch/optim/adam.h>

#include "agents/device.h"
#include "agents/networks/mlp_pass.h"
#include "agents/optimizers/soft_actor_critic.h"
#include "bench/peak_memory.h"
#include "bench/stopwatch.h"
#include "core/memory.h"
#include "envs/family_catalog.h"
#include "meta/posterior/task_inference.h"

namespace fewstep {
namespace {

// The published size on the half-cheetah (katerakelly/oyster, configs/cheetah-vel.json).
constexpr int64_t kTasks = 16, kBatch = 256, kContext = 100, kLatent = 5;

double NetworkFlop(const Mlp& network, double rows) {
  double products = 0;
  const std::vector<int64_t>& widths = network.shape().widths;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    products += static_cast<double>(widths[i] * widths[i + 1]);
  }
  return 2 * rows * products;
}

SoftActorCriticOptions PublishedOptions() {
  SoftActorCriticOptions options;
  options.hidden = {300, 300, 300};
  options.target = SoftActorCriticOptions::Target::kValue;
  options.temperature = 1;
  options.reward_scale = 5;
  options.mean_penalty = options.log_std_penalty = 1e-3;
  return options;
}

class PublishedUpdate {
 public:
  explicit PublishedUpdate(int threads)
      : family_(BuiltinFamilies().Make("half-cheetah-vel@pearl")),
        pool_(threads, UseOneTorchThread),
        shards_(kTasks, threads, pool_),
        replay_(family_->spec(), kTasks, 2000, "none"),
        context_(replay_, 10),
        learner_(family_->spec().observation_size, family_->spec().action_size, kLatent,
                 PublishedOptions(), Rng(1)),
        inference_(family_->spec(), {}, Rng(2), torch::kCPU) {
    UseOneTorchThread();
    // transitions of any kind: arithmetic does not depend on them
    const FamilySpec& spec = family_->spec();
    Rollouts rollouts;
    rollouts.observations = torch::randn({1, 10, spec.horizon, spec.observation_size});
    rollouts.actions = torch::rand({1, 10, spec.horizon, spec.action_size}) * 2 - 1;
    rollouts.rewards = torch::randn({1, 10, spec.horizon});
    rollouts.mask = torch::ones({1, 10, spec.horizon});
    rollouts.final_observations = torch::randn({1, 10, spec.observation_size});
    rollouts.terminated = torch::zeros({1, 10});
    for (int64_t task = 0; task < kTasks; ++task) {
      context_.Add(task, replay_.Add(task, rollouts, 0));
      tasks_.push_back(task);
    }
  }

  Transitions Gather(Rng rng) const {
    return replay_.Sample(tasks_, kBatch, rng.Fork("transitions"));
  }
  torch::Tensor Context(Rng rng) const {
    return inference_.Contexts(replay_.Sample(tasks_, kContext, rng.Fork("context"), &context_));
  }
  TaskInference::Draw Draw(const torch::Tensor& context, Rng rng) const {
    return inference_.DrawLatents(context, rng, shards_);
  }
  void LearnEncoder(const TaskInference::Draw& draw, const torch::Tensor& gradient) {
    inference_.Learn(draw, gradient, {}, shards_);
  }
  torch::Tensor LearnActorCritic(const Transitions& transitions, const torch::Tensor& z, Rng rng,
                                 std::function<void()> critics_done = {}) {
    return learner_
        .Update(transitions, z, rng, {.shards = &shards_, .critics_done = std::move(critics_done)})
        .latent_gradient;
  }

  void Update(Rng rng) {
    const Transitions transitions = Gather(rng);
    const TaskInference::Draw draw = Draw(Context(rng), rng);
    LearnEncoder(draw, LearnActorCritic(transitions, draw.latents, rng));
  }

  // In products of matrices: of the critics' step (their target, both critics forth and back), of
  // what follows (actor forth and back, critics forth and back to the action, value forth and
  // back), and of the encoder.
  double CriticFlop() const { return 7 * Unit(); }
  double ActorFlop() const { return 10 * Unit(); }
  double EncoderFlop() const {
    const ContextEncoder encoder(family_->spec().observation_size + family_->spec().action_size + 1,
                                 {200, 200, 200}, kLatent);
    return 3 * NetworkFlop(encoder.network(), kTasks * kContext);
  }
  WorkerPool& pool() { return pool_; }

 private:
  double Unit() const { return NetworkFlop(learner_.actor_network(), kTasks * kBatch); }

  std::unique_ptr<TaskFamily> family_;
  WorkerPool pool_;
  Shards shards_;
  Replay replay_;
  ReplayEpisodes context_;
  SoftActorCritic learner_;
  TaskInference inference_;
  std::vector<int64_t> tasks_;
};

// Products of the hidden layers' shape, as many on every thread as it takes to be measured.
double ProductRate(WorkerPool& pool) {
  const int threads = pool.num_threads();
  const int64_t rows = kTasks * kBatch / threads;
  constexpr int kProducts = 60;
  const Elapsed elapsed = Measure([&] {
    pool.Run(threads, [&](int, int) {
      const torch::NoGradGuard no_grad;
      const torch::Tensor x = torch::randn({rows, 300}), w = torch::randn({300, 300});
      torch::Tensor y = torch::empty({rows, 300});
      for (int i = 0; i < kProducts; ++i) at::mm_out(y, x, w);
    });
  });
  return 2.0 * static_cast<double>(rows) * 300 * 300 * kProducts * threads / elapsed.wall;
}

void PearlUpdate(benchmark::State& state) {
  PublishedUpdate bench(static_cast<int>(state.range(0)));
  bench.Update(Rng(0));
  ResetPeak();
  uint64_t i = 0;
  Elapsed whole, replay, encoder, critics, actor;
  const auto add = [](Elapsed& to, const Elapsed& elapsed) { to.wall += elapsed.wall; };
  double product_rate = 0;
  for (auto _ : state) {
    const Rng rng(++i);
    add(whole, Measure([&] { bench.Update(rng); }));
    // the parts, alone
    Transitions transitions;
    torch::Tensor context, gradient;
    TaskInference::Draw draw;
    add(replay, Measure([&] {
          transitions = bench.Gather(rng);
          context = bench.Context(rng);
        }));
    add(encoder, Measure([&] { draw = bench.Draw(context, rng); }));
    const auto start = std::chrono::steady_clock::now();
    std::chrono::duration<double> until{};
    const auto critics_done = [&] { until = std::chrono::steady_clock::now() - start; };
    const Elapsed both = Measure(
        [&] { gradient = bench.LearnActorCritic(transitions, draw.latents, rng, critics_done); });
    critics.wall += until.count();
    actor.wall += both.wall - until.count();
    add(encoder, Measure([&] { bench.LearnEncoder(draw, gradient); }));
    product_rate = std::max(product_rate, ProductRate(bench.pool()));
  }
  const double flop = bench.CriticFlop() + bench.ActorFlop() + bench.EncoderFlop();
  const double rate = flop * static_cast<double>(i) / whole.wall;
  state.counters["updates/s"] = static_cast<double>(i) / whole.wall;
  state.counters["GFLOP"] = flop * 1e-9;
  state.counters["GFLOP/s"] = rate * 1e-9;
  state.counters["product_GFLOP/s"] = product_rate * 1e-9;
  state.counters["of_products"] = rate / product_rate;
  state.counters["replay"] = replay.wall / whole.wall;
  state.counters["encoder"] = encoder.wall / whole.wall;
  state.counters["critics"] = critics.wall / whole.wall;
  state.counters["actor"] = actor.wall / whole.wall;  // and value network, targets
  state.counters["peak_MiB"] = PeakMib();
}

// Pendulum's shape, as RLtools measures it.
struct Small {
  static constexpr int64_t kObservation = 3, kAction = 1, kWidth = 64, kTransitions = 100;

  static Transitions Random() {
    Transitions t;
    t.observations = torch::randn({1, kTransitions, kObservation});
    t.actions = torch::rand({1, kTransitions, kAction}) * 2 - 1;
    t.rewards = t.dense_rewards = torch::randn({1, kTransitions});
    t.next_observations = torch::randn({1, kTransitions, kObservation});
    t.terminated = torch::zeros({1, kTransitions});
    return t;
  }
  static SoftActorCriticOptions Options() {
    SoftActorCriticOptions options;
    options.hidden = {kWidth, kWidth};
    return options;
  }
};

void SmallUpdate(benchmark::State& state) {
  UseOneTorchThread();
  SoftActorCritic learner(Small::kObservation, Small::kAction, 0, Small::Options(), Rng(1));
  const Transitions transitions = Small::Random();
  uint64_t i = 0;
  for (auto _ : state) learner.Update(transitions, {}, Rng(++i));
  state.counters["updates/s"] =
      benchmark::Counter(static_cast<double>(i), benchmark::Counter::kIsRate);
}

// The same in LibTorch's usual way: weights that require gradients, losses, backward, its Adam.
class Eager {
 public:
  Eager() {
    torch::manual_seed(1);
    actor_ = Network(Small::kObservation, 2 * Small::kAction);
    for (auto* critic : {&q_[0], &q_[1], &target_[0], &target_[1]}) {
      *critic = Network(Small::kObservation + Small::kAction, 1);
    }
    log_alpha_ = torch::zeros({1}).requires_grad_();
    std::vector<torch::Tensor> critics = q_[0];
    critics.insert(critics.end(), q_[1].begin(), q_[1].end());
    const torch::optim::AdamOptions rate(3e-4);
    actor_adam_ = std::make_unique<torch::optim::Adam>(actor_, rate);
    critic_adam_ = std::make_unique<torch::optim::Adam>(critics, rate);
    alpha_adam_ = std::make_unique<torch::optim::Adam>(std::vector{log_alpha_}, rate);
  }

  void Update(const Transitions& t) {
    const torch::Tensor s = t.observations[0], next = t.next_observations[0];
    const double alpha = log_alpha_.exp().item<double>();
    torch::Tensor y;
    {
      const torch::NoGradGuard no_grad;
      const auto [a, log_prob] = Act(next);
      const torch::Tensor in = torch::cat({next, a}, 1);
      y = t.rewards[0] +
          0.99 * (1 - t.terminated[0]) *
              (torch::min(Forward(target_[0], in), Forward(target_[1], in)).squeeze(1) -
               alpha * log_prob);
    }
    const torch::Tensor in = torch::cat({s, t.actions[0]}, 1);
    const torch::Tensor critic_loss = (Forward(q_[0], in).squeeze(1) - y).square().mean() +
                                      (Forward(q_[1], in).squeeze(1) - y).square().mean();
    critic_adam_->zero_grad();
    critic_loss.backward();
    critic_adam_->step();

    const auto [a, log_prob] = Act(s);
    const torch::Tensor on_policy = torch::cat({s, a}, 1);
    for (auto& critic : q_) {
      for (torch::Tensor& array : critic) array.requires_grad_(false);
    }
    const torch::Tensor least =
        torch::min(Forward(q_[0], on_policy), Forward(q_[1], on_policy)).squeeze(1);
    actor_adam_->zero_grad();
    (alpha * log_prob - least).mean().backward();
    actor_adam_->step();
    for (auto& critic : q_) {
      for (torch::Tensor& array : critic) array.requires_grad_(true);
    }

    alpha_adam_->zero_grad();
    (-log_alpha_ * (log_prob.detach().mean() - 1)).backward();
    alpha_adam_->step();
    const torch::NoGradGuard no_grad;
    for (size_t i = 0; i < 2; ++i) {
      for (size_t k = 0; k < q_[i].size(); ++k) target_[i][k].lerp_(q_[i][k], 0.005);
    }
  }

 private:
  using Arrays = std::vector<torch::Tensor>;

  static Arrays Network(int64_t in, int64_t out) {
    Arrays arrays;
    for (const auto& [rows, columns] :
         {std::pair{in, Small::kWidth}, {Small::kWidth, Small::kWidth}, {Small::kWidth, out}}) {
      arrays.push_back((torch::rand({rows, columns}) * 0.2 - 0.1).requires_grad_());
      arrays.push_back(torch::zeros({columns}).requires_grad_());
    }
    return arrays;
  }
  static torch::Tensor Forward(const Arrays& arrays, torch::Tensor x) {
    for (size_t i = 0; i < arrays.size(); i += 2) {
      x = torch::addmm(arrays[i + 1], x, arrays[i]);
      if (i + 2 < arrays.size()) x = x.relu();
    }
    return x;
  }
  std::pair<torch::Tensor, torch::Tensor> Act(const torch::Tensor& s) const {
    const auto policy = SquashedGaussian::Of(Forward(actor_, s));
    const auto drawn = policy.Sample(torch::randn_like(policy.mean));
    return {drawn.actions, drawn.log_probs};
  }

  Arrays actor_, q_[2], target_[2];
  torch::Tensor log_alpha_;
  std::unique_ptr<torch::optim::Adam> actor_adam_, critic_adam_, alpha_adam_;
};

void SmallUpdateEager(benchmark::State& state) {
  UseOneTorchThread();
  Eager eager;
  const Transitions transitions = Small::Random();
  int64_t i = 0;
  for (auto _ : state) {
    eager.Update(transitions);
    ++i;
  }
  state.counters["updates/s"] =
      benchmark::Counter(static_cast<double>(i), benchmark::Counter::kIsRate);
}

BENCHMARK(PearlUpdate)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond)->MinTime(3);
BENCHMARK(SmallUpdate)->UseRealTime()->Unit(benchmark::kMicrosecond)->MinTime(1);
BENCHMARK(SmallUpdateEager)->UseRealTime()->Unit(benchmark::kMicrosecond)->MinTime(1);

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  fewstep::KeepFreedMemory();  // as the program does
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
