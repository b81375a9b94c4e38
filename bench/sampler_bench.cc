// Control steps a second of the sampler, beside a bare mj_step loop that does the same physics: it
// replays the actions that the sampler's policy chose, from the same initial states, on the same
// threads, and must arrive at the same final observations bit for bit. What the sampler loses
// against it is the price of everything else: policy, noise, observations, rewards, recording.
//
// Every benchmark is one pair of measurements; run with --benchmark_repetitions for medians.
//   ratio            bare seconds / sampler seconds, wall clock
//   processor_ratio  the same of processor time, which other programs disturb less
#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <mujoco/mujoco.h>

#include "agents/device.h"
#include "agents/policies/mlp_policy.h"
#include "agents/sampler.h"
#include "bench/stopwatch.h"
#include "core/error.h"
#include "core/worker_pool.h"
#include "envs/families/half_cheetah/half_cheetah.h"
#include "envs/family_catalog.h"
#include "envs/mujoco/mujoco_simulation.h"

namespace fewstep {
namespace {

// ProMP's iteration: 40 tasks, 20 episodes each, 100 control steps.
constexpr int kTasks = 40, kEpisodes = 20;

// A sampler at work on one family, with a row of parameters a task.
class Workload {
 public:
  Workload(const std::string& family, SamplingPlan plan, int threads)
      : family_(BuiltinFamilies().Make(family)),
        pool_(threads, UseOneTorchThread),
        policy_(MakeMlpPolicy(family_->spec(), {})),
        tasks_(family_->Sample(Split::kTrain, kTasks, Rng(1).Fork("tasks"))),
        sampler_(*family_, pool_, plan) {
    std::vector<torch::Tensor> rows;
    for (int task = 0; task < kTasks; ++task) {
      rows.push_back(
          policy_->InitialParameters(Rng(1).Fork("row", static_cast<uint64_t>(task))).flat);
    }
    rows_ = policy_->InitialParameters(Rng(1)).WithFlat(torch::cat(rows, 0));
    Collect(Rng(2));  // makes what is made on first use
  }

  Rollouts Collect(const Rng& rng) {
    return sampler_.Collect(*policy_, rows_, tasks_, {.episodes = kEpisodes}, rng);
  }

  const TaskFamily& family() const { return *family_; }
  std::span<const Task> tasks() const { return tasks_; }
  WorkerPool& pool() { return pool_; }

 private:
  std::unique_ptr<TaskFamily> family_;
  WorkerPool pool_;
  std::unique_ptr<MemorylessPolicy> policy_;
  std::vector<Task> tasks_;
  Parameters rows_;
  Sampler sampler_;
};

// Nothing but mj_step, on one mjData a thread.
class BareLoop {
 public:
  explicit BareLoop(Workload& workload)
      : pool_(workload.pool()),
        definition_(half_cheetah::Define(half_cheetah::PublishedDefinitions()[0])),
        prepared_(workload.family().Prepare(workload.tasks()[0])),
        model_(dynamic_cast<const MujocoTask&>(*prepared_).model()) {
    for (int i = 0; i < pool_.num_threads(); ++i) data_.push_back(MakeData(model_));
  }

  // Replays half-cheetah episodes that were collected with `rng`.
  Elapsed Replay(const Rollouts& rollouts, const Rng& rng) {
    // the controls and the initial states, prepared before the clock starts
    const torch::Tensor controls =
        (rollouts.actions.to(torch::kFloat64) / 10).clamp(-1, 1).contiguous();
    const double* control = controls.const_data_ptr<double>();
    const int num_episodes = static_cast<int>(rollouts.num_tasks() * rollouts.episodes());
    const int64_t horizon = rollouts.horizon(), nq = model_->nq, nv = model_->nv, nu = model_->nu;
    std::vector<double> states;
    for (int episode = 0; episode < num_episodes; ++episode) {
      Rng stream = rng.Fork("env", static_cast<uint64_t>(episode));
      mjData* data = data_[0].get();
      mj_resetData(model_, data);
      definition_.reset({.model = model_, .data = data}, stream);
      states.insert(states.end(), data->qpos, data->qpos + nq);
      states.insert(states.end(), data->qvel, data->qvel + nv);
    }
    std::vector<double> finals(states.size());

    const Elapsed elapsed = Measure([&] {
      pool_.Run(num_episodes, [&](int episode, int worker) {
        mjData* data = data_[static_cast<size_t>(worker)].get();
        const int64_t row = episode * (nq + nv);
        mj_resetData(model_, data);
        mju_copy(data->qpos, states.data() + row, static_cast<int>(nq));
        mju_copy(data->qvel, states.data() + row + nq, static_cast<int>(nv));
        mj_forward(model_, data);
        for (int64_t step = 0; step < horizon; ++step) {
          mju_copy(data->ctrl, control + (episode * horizon + step) * nu, static_cast<int>(nu));
          for (int substep = 0; substep < kFrameSkip; ++substep) mj_step(model_, data);
        }
        mju_copy(finals.data() + row, data->qpos, static_cast<int>(nq));
        mju_copy(finals.data() + row + nq, data->qvel, static_cast<int>(nv));
      });
    });

    // an observation is the state without the root's x
    const float* observed = rollouts.final_observations.const_data_ptr<float>();
    for (int64_t episode = 0; episode < num_episodes; ++episode) {
      for (int64_t i = 1; i < nq + nv; ++i) {
        const float replayed =
            static_cast<float>(finals[static_cast<size_t>(episode * (nq + nv) + i)]);
        FEWSTEP_CHECK(replayed == observed[episode * (nq + nv - 1) + i - 1],
                      "episode {} was not replayed", episode);
      }
    }
    return elapsed;
  }

 private:
  static constexpr int kFrameSkip = 5;

  WorkerPool& pool_;
  MujocoDefinition definition_;
  std::shared_ptr<const PreparedTask> prepared_;
  const mjModel* model_;
  std::vector<DataPtr> data_;  // one a thread
};

void Register(const std::string& family, const std::string& plan, int threads) {
  std::shared_ptr<Workload> workload;  // made when its benchmark is chosen
  std::shared_ptr<BareLoop> bare;
  uint64_t round = 0;
  auto run = [=](benchmark::State& state) mutable {
    if (!workload) {
      UseOneTorchThread();
      workload = std::make_shared<Workload>(family, ValueOf(kSamplingPlanNames, plan), threads);
      if (family.starts_with("half-cheetah")) bare = std::make_shared<BareLoop>(*workload);
    }
    for (auto _ : state) {
      const Rng rng = Rng(3).Fork("round", round++);
      Rollouts rollouts;
      const Elapsed sampler = Measure([&] { rollouts = workload->Collect(rng); });
      state.SetIterationTime(sampler.wall);
      const auto steps = static_cast<double>(rollouts.steps);
      state.counters["steps_per_second"] = steps / sampler.wall;
      state.counters["steps_per_processor_second"] = steps / sampler.processor;
      if (!bare) continue;
      const Elapsed loop = bare->Replay(rollouts, rng);
      state.counters["bare_steps_per_second"] = steps / loop.wall;
      state.counters["bare_steps_per_processor_second"] = steps / loop.processor;
      state.counters["ratio"] = loop.wall / sampler.wall;
      state.counters["processor_ratio"] = loop.processor / sampler.processor;
    }
  };
  benchmark::RegisterBenchmark(fmt::format("{}/{}/threads:{}", family, plan, threads).c_str(), run)
      ->Iterations(1)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  for (const char* family : {"half-cheetah-dir@promp", "point-nav@maml"}) {
    for (const char* plan : {"episodes", "lockstep"}) {
      fewstep::Register(family, plan, 1);
      if (processors > 1) fewstep::Register(family, plan, processors);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
