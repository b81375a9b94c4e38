// Seconds of a ProMP meta-update and where they go: 40 tasks x 20 episodes x 100 control steps of
// half-cheetah-dir@promp, second-order gradients, a 64x64 policy, 5 outer epochs.
//
//   iteration   one whole iteration as in training: sampling twice, adaptation, outer epochs
//   advantages  baseline, advantages and batches of one sampling
//   inner_step  the adaptation before the second sampling
//   epoch       one outer gradient through the inner step
//   hessian_product  one product with the exact Hessian of the divergence, graph not included
//
// processor counts seconds of all threads, which other programs disturb less than the time that
// went by. peak_mib is the largest resident set, program, LibTorch and episodes included.
#include <algorithm>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "agents/device.h"
#include "agents/policies/mlp_policy.h"
#include "bench/peak_memory.h"
#include "bench/stopwatch.h"
#include "core/error.h"
#include "envs/family_catalog.h"
#include "meta/gradient/gradient_agent.h"
#include "meta/gradient/meta_objective.h"

namespace fewstep {
namespace {

constexpr int kTasks = 40, kEpisodes = 20;

// The recipe of ProMP and the episodes of one iteration, the same for every benchmark.
struct Recipe {
  Recipe() {
    options.outer.kl_penalty = KlPenalty::kFixed;
    options.adaptation.inner_surrogate = Surrogate::kLikelihoodRatio;
    tasks = family->Sample(Split::kTrain, kTasks, Rng(1).Fork("tasks"));
    meta = policy->InitialParameters(Rng(1)).flat;

    // two samplings with an inner step between them
    WorkerPool pool(static_cast<int>(std::thread::hardware_concurrency()), UseOneTorchThread);
    const Shards shards(kTasks, options.shards, pool);
    Sampler sampler(*family, pool, SamplingPlan::kAuto);
    const GradientAdaptation adaptation(*policy, options.adaptation, pool, torch::kCPU);
    AdaptedRows trial = adaptation.Start(meta, kTasks, shards);
    rows = trial.rows;
    before = sampler.Collect(*policy, rows, tasks, {.episodes = kEpisodes}, Rng(2));
    adaptation.Step(trial, adaptation.Prepare(before, rows, shards), shards, meta);
    adapted = trial.rows;
    after = sampler.Collect(*policy, adapted, tasks, {.episodes = kEpisodes}, Rng(3));
  }

  PpoAgentOptions options;
  std::unique_ptr<TaskFamily> family = BuiltinFamilies().Make("half-cheetah-dir@promp");
  std::unique_ptr<MemorylessPolicy> policy = MakeMlpPolicy(family->spec(), {});
  std::vector<Task> tasks;
  torch::Tensor meta;        // [1, P]
  Parameters rows, adapted;  // [T, P]
  Rollouts before, after;
};

const Recipe& SharedRecipe() {
  static const Recipe recipe;
  return recipe;
}

// What the learner needs to work on the recipe with some number of threads and shards.
struct Learner {
  Learner(int threads, int64_t num_shards)
      : pool(threads, UseOneTorchThread),
        shards(kTasks, num_shards, pool),
        adaptation(*recipe.policy, recipe.options.adaptation, pool, torch::kCPU) {}

  const Recipe& recipe = SharedRecipe();
  WorkerPool pool;
  Shards shards;
  GradientAdaptation adaptation;
};

// Runs `work` as often as asked for. Counts processor seconds of all threads a run.
template <typename Work>
Elapsed Time(benchmark::State& state, const Work& work) {
  Elapsed total;
  for (auto _ : state) {
    const Elapsed elapsed = Measure(work);
    state.SetIterationTime(elapsed.wall);
    total.wall += elapsed.wall;
    total.processor += elapsed.processor;
  }
  state.counters["processor"] = total.processor / static_cast<double>(state.iterations());
  return total;
}

void Iteration(benchmark::State& state, Learner& learner) {
  const Recipe& recipe = learner.recipe;
  PpoAgentOptions options = recipe.options;
  options.shards = static_cast<int64_t>(learner.shards.size());
  const std::unique_ptr<MetaAgent> agent =
      BuiltinAgents()
          .Get("maml-ppo")
          .make(options, {.family = *recipe.family, .pool = learner.pool, .init = Rng(1)});
  Sampler sampler(*recipe.family, learner.pool, SamplingPlan::kAuto);
  uint64_t iteration = 0;
  const auto train = [&] {
    agent->TrainIteration(recipe.tasks, sampler, Rng(4).Fork("iteration", iteration++));
  };
  train();
  ResetPeak();
  const double sampled = sampler.seconds();
  const Elapsed elapsed = Time(state, train);
  const auto count = static_cast<double>(state.iterations());
  const double sampling = (sampler.seconds() - sampled) / count;
  state.counters["sampling"] = sampling;
  state.counters["learning"] = elapsed.wall / count - sampling;
  state.counters["peak_mib"] = PeakMib();
}

void PrepareData(benchmark::State& state, Learner& learner) {
  const Recipe& recipe = learner.recipe;
  Time(state, [&] { learner.adaptation.Prepare(recipe.before, recipe.rows, learner.shards); });
}

void InnerStep(benchmark::State& state, Learner& learner) {
  const Recipe& recipe = learner.recipe;
  const AdaptationData data =
      learner.adaptation.Prepare(recipe.before, recipe.rows, learner.shards);
  Time(state, [&] {
    AdaptedRows trial = learner.adaptation.Start(recipe.meta, kTasks, learner.shards);
    learner.adaptation.Step(trial, data, learner.shards, recipe.meta);
  });
}

void Epoch(benchmark::State& state, Learner& learner) {
  const Recipe& recipe = learner.recipe;
  const MetaObjective objective(
      learner.adaptation, recipe.options.objective, learner.shards,
      {learner.adaptation.Prepare(recipe.before, recipe.rows, learner.shards),
       learner.adaptation.Prepare(recipe.after, recipe.adapted, learner.shards)});
  const ObjectiveForm surrogate{.surrogate = Surrogate::kClipped,
                                .clip = recipe.options.outer.clip,
                                .kl_coefficients = {recipe.options.outer.kl_coefficient}};
  const auto compute = [&] { objective.Gradient(recipe.meta, surrogate); };
  compute();
  ResetPeak();
  Time(state, compute);
  state.counters["peak_mib"] = PeakMib();
}

// One product with the Hessian of the divergence, as conjugate gradients take ten of.
void HessianProduct(benchmark::State& state, Learner& learner) {
  const Recipe& recipe = learner.recipe;
  const MetaObjective objective(
      learner.adaptation, recipe.options.objective, learner.shards,
      {learner.adaptation.Prepare(recipe.before, recipe.rows, learner.shards),
       learner.adaptation.Prepare(recipe.after, recipe.adapted, learner.shards)});
  ResetPeak();
  const LinearMap hessian = objective.HessianOfKl(recipe.meta);
  const torch::Tensor vector = torch::ones_like(recipe.meta);
  Time(state, [&] { hessian(vector); });
  state.counters["peak_mib"] = PeakMib();
}

void Register(const std::string& name, void (*body)(benchmark::State&, Learner&), int threads,
              int64_t shards, int iterations) {
  const auto run = [=](benchmark::State& state) {
    UseOneTorchThread();
    Learner learner(threads, shards);
    body(state, learner);
  };
  const std::string title = fmt::format("{}/threads:{}/shards:{}", name, threads, shards);
  benchmark::RegisterBenchmark(title.c_str(), run)
      ->Iterations(iterations)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  using namespace fewstep;
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  const int64_t default_shards = PpoAgentOptions{}.shards;
  for (const int threads : std::set<int>{1, processors}) {
    Register("iteration", Iteration, threads, default_shards, 1);
    Register("advantages", PrepareData, threads, default_shards, 5);
    Register("inner_step", InnerStep, threads, default_shards, 5);
    Register("hessian_product", HessianProduct, threads, default_shards, 5);
    for (const int64_t shards : {1, 2, 4, 8, 20, 40}) {
      Register("epoch", Epoch, threads, shards, 5);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
