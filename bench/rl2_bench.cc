// An iteration of RL^2 on bandits: environment steps a second of the whole, and of its parts
// measured alone: acting, the learner's forward pass, one epoch of gradients. `of_parts` is the
// whole's rate as a part of 1 / (acting + epochs * gradients).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "agents/device.h"
#include "agents/trials.h"
#include "bench/peak_memory.h"
#include "bench/stopwatch.h"
#include "envs/family_catalog.h"
#include "meta/memory/trial_objective.h"
#include "meta/meta_agent.h"

namespace fewstep {
namespace {

struct Setting {
  int64_t trials, episodes, epochs, minibatches;
  int threads;
};

constexpr int64_t kShards = 8, kArms = 5, kUnits = 64;

class Bench {
 public:
  explicit Bench(const Setting& setting)
      : setting_(setting),
        family_(MakeBandit(setting.episodes)),
        pool_(setting.threads, UseOneTorchThread),
        sampler_(*family_, pool_, SamplingPlan::kAuto) {
    const AgentEntry entry = BuiltinAgents().Get("rl2");
    const auto options = entry.make_options();
    const std::string settings = fmt::format(
        "[agent]\nmeta_batch_size = {}\nouter_epochs = {}\nminibatches = {}\nshards = {}\n"
        "memory.size = {}\n",
        setting.trials, setting.epochs, setting.minibatches, kShards, kUnits);
    Config::ParseText(settings, "bench").Read("agent", *options);
    agent_ = entry.make(*options, {.family = *family_, .pool = pool_, .init = Rng(1)});
    MemoryPolicyOptions policy;
    policy.memory.size = kUnits;
    policy_ = std::make_unique<MemoryPolicy>(family_->spec(), policy);
    row_ = policy_->InitialParameters(Rng(1));
    tasks_ = family_->Sample(Split::kTrain, static_cast<int>(setting.trials), Rng(2));
  }

  void Iterate() { agent_->TrainIteration(tasks_, sampler_, Rng(++iteration_)); }

  Rollouts Act() {
    TrialStates states = BeginTrials(*policy_, setting_.trials);
    return sampler_.Collect(*policy_, row_, tasks_,
                            {.episodes = static_cast<int>(setting_.episodes)}, Rng(++iteration_),
                            &states);
  }

  // What one epoch of gradients needs.
  TrialData Data() {
    const Rollouts rollouts = Act();
    TrialData data{.sequences = TrialSequences(*policy_, rollouts, setting_.trials)};
    const torch::NoGradGuard no_grad;
    const PolicyOutput out = policy_->Unroll(row_, data.sequences);
    const torch::Tensor actions = rollouts.actions.reshape({setting_.trials, -1, 1});
    data.batch = {.observations = data.sequences.observations,
                  .actions = actions,
                  .advantages = torch::randn_like(data.sequences.mask),
                  .weights = data.sequences.mask,
                  .old_log_probs = out.distribution.LogProb(actions),
                  .old_distribution = out.distribution,
                  .horizon = 1};
    data.targets = torch::randn_like(data.sequences.mask);
    return data;
  }

  void Forward(const TrialData& data) {
    Shards(setting_.trials, kShards, pool_).ForEach([&](const Shard& shard) {
      const torch::NoGradGuard no_grad;
      policy_->Unroll(row_, data.sequences.Trials(torch::arange(shard.begin, shard.end)));
    });
  }

  void Epoch(const TrialData& data) {
    const TrialObjective objective(*policy_, data, torch::arange(setting_.trials),
                                   {.entropy_coefficient = 0.01, .value_coefficient = 0.5}, pool_,
                                   Rng(3));
    for (const auto& part : objective.Parts(0, setting_.minibatches)) {
      part->Gradient(row_.flat, {.surrogate = Surrogate::kClipped, .clip = 0.2});
    }
  }

  double steps() const {
    return static_cast<double>(setting_.trials) * static_cast<double>(setting_.episodes);
  }

 private:
  static std::unique_ptr<TaskFamily> MakeBandit(int64_t episodes) {
    const FamilyCatalog families = BuiltinFamilies();
    const auto options = families.MakeOptions("bandit-bernoulli@rl2");
    Config::ParseText(fmt::format("[family]\narms = {}\ntrial_episodes = {}\n", kArms, episodes),
                      "bench")
        .Read("family", *options);
    return families.Make("bandit-bernoulli@rl2", *options);
  }

  Setting setting_;
  std::unique_ptr<TaskFamily> family_;
  WorkerPool pool_;
  Sampler sampler_;
  std::unique_ptr<MetaAgent> agent_;
  std::unique_ptr<MemoryPolicy> policy_;
  Parameters row_;
  std::vector<Task> tasks_;
  uint64_t iteration_ = 0;
};

void Run(benchmark::State& state, const Setting& setting) {
  Bench bench(setting);
  bench.Iterate();
  const TrialData data = bench.Data();
  ResetPeak();
  const double before = ResidentMib();
  double whole = 0, acting = 0, forward = 0, epoch = 0, peak = 0;
  for (auto _ : state) {
    const double iteration = Measure([&] { bench.Iterate(); }).wall;
    state.SetIterationTime(iteration);
    whole += iteration;
    peak = std::max(peak, PeakMib() - before);
    acting += Measure([&] { bench.Act(); }).wall;
    forward += Measure([&] { bench.Forward(data); }).wall;
    epoch += Measure([&] { bench.Epoch(data); }).wall;
  }
  const double steps = bench.steps() * static_cast<double>(state.iterations());
  state.counters["steps_per_second"] = steps / whole;
  state.counters["acting"] = steps / acting;
  state.counters["forward"] = steps / forward;
  state.counters["epoch"] = steps / epoch;
  state.counters["of_parts"] = (acting + static_cast<double>(setting.epochs) * epoch) / whole;
  state.counters["peak_mib"] = peak;
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  using namespace fewstep;
  UseOneTorchThread();
  for (const int threads : {1, 2}) {
    for (const int64_t episodes : {10, 100}) {
      for (const int64_t epochs : {1, 2, 3}) {
        const Setting setting{.trials = 20480 / episodes * (episodes == 100 ? 5 : 1),
                              .episodes = episodes,
                              .epochs = epochs,
                              .minibatches = episodes == 100 ? 8 : 4,
                              .threads = threads};
        benchmark::RegisterBenchmark(
            fmt::format("rl2/threads:{}/episodes:{}/epochs:{}", threads, episodes, epochs).c_str(),
            [=](benchmark::State& state) { Run(state, setting); })
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
