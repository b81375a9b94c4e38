// An agent with all that it needs to train, built through the registry as the program does.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "meta/meta_agent.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {

// Options of a registered agent from the lines of its [agent] table.
inline std::unique_ptr<Options> AgentOptions(const std::string& name, const std::string& settings) {
  auto options = BuiltinAgents().Get(name).make_options();
  Config::ParseText("[agent]\n" + settings, "test").Read("agent", *options);
  return options;
}

class AgentBench {
 public:
  AgentBench(const std::string& name, const std::string& settings, int threads = 1,
             uint64_t init_seed = 1, int64_t horizon = 12)
      : AgentBench(name, settings, threads, init_seed, MakeFamily("point-nav@maml", horizon)) {}

  AgentBench(const std::string& name, const std::string& settings, int threads, uint64_t init_seed,
             std::unique_ptr<TaskFamily> family)
      : family_(std::move(family)),
        pool_(MakePool(threads)),
        sampler_(*family_, *pool_, SamplingPlan::kAuto),
        agent_(BuiltinAgents().Get(name).make(
            *AgentOptions(name, settings),
            {.family = *family_, .pool = *pool_, .init = Rng(init_seed)})) {}

  // Iteration number `iteration`, everything random in it drawn from its own stream.
  Metrics Train(uint64_t iteration) {
    return agent_->TrainIteration(Tasks(iteration), sampler_, StreamOf(iteration));
  }

  // Of all streams of training; 1 unless set.
  void set_seed(uint64_t seed) { seed_ = seed; }
  Rng StreamOf(uint64_t iteration) const { return Rng(seed_).Fork("iteration", iteration); }
  std::vector<Task> Tasks(uint64_t iteration) const {
    return family_->Sample(Split::kTrain, agent_->meta_batch_size(), StreamOf(iteration));
  }

  // A copy: what an agent saves is borrowed, and it may write there again.
  TensorFile Saved() const {
    TensorFile file;
    agent_->Save(file);
    agent_->SaveReplay(CheckpointWriter(file).Scope("replay"));
    const std::string bytes = Serialize(file);
    return Parse(std::as_bytes(std::span(bytes)), "");
  }
  void Load(const TensorFile& file) {
    agent_->Load(file);
    agent_->LoadReplay(CheckpointReader(file).Scope("replay"));
  }

  // One unit of adaptation to `tasks`.
  void Adapt(AdaptiveAgent& deployed, const std::vector<Task>& tasks, const Rng& rng) {
    deployed.Adapt(sampler_.Collect(deployed.policy(), deployed.parameters(), tasks,
                                    {.episodes = agent_->episodes_per_unit()}, rng,
                                    deployed.trials()));
  }

  const TaskFamily& family() const { return *family_; }
  WorkerPool& pool() { return *pool_; }
  Sampler& sampler() { return sampler_; }
  MetaAgent& agent() { return *agent_; }

 private:
  std::unique_ptr<TaskFamily> family_;
  std::unique_ptr<WorkerPool> pool_;
  Sampler sampler_;
  std::unique_ptr<MetaAgent> agent_;
  uint64_t seed_ = 1;
};

// A saved tensor of float32 or float64.
inline torch::Tensor SavedTensor(const TensorFile& file, const std::string& name) {
  const TensorEntry& entry = file.At(name);
  torch::Tensor out =
      torch::zeros(entry.shape, entry.dtype == DType::kF64 ? torch::kFloat64 : torch::kFloat32);
  std::memcpy(out.mutable_data_ptr(), entry.bytes.data(), entry.bytes.size());
  return out;
}

}  // namespace fewstep
