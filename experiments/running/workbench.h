// What a meta-RL recipe names, built: a task family, an agent on it, and what samples.
#pragma once

#include <memory>
#include <string>

#include "experiments/running/evaluation.h"
#include "experiments/running/run_config.h"

namespace fewstep {

// The constructor writes nothing; it throws Error when the device is missing.
struct Workbench {
  // `catalog_of` must outlive it.
  Workbench(const RunConfig& config, const Catalog& catalog_of);

  const Catalog& catalog;
  std::unique_ptr<TaskFamily> family;
  WorkerPool pool;
  torch::Device device;
  std::unique_ptr<MetaAgent> agent;
  Sampler sampler;
};

// Seed of the episodes of evaluations, derived from run.seed and run.evaluation_seed; training uses
// other streams.
uint64_t EvaluationSeed(const RunConfig& config);
// The evaluation that a run's recipe asks for. Its tasks depend on run.evaluation_seed alone, so
// that runs which are compared share them; its episodes on run.seed, too.
EvaluationOptions EvaluationOf(const RunConfig& config);

// The checkpoint at `path`, or the newest readable one of the run when it is empty, with a warning
// for every newer one. Throws Error(kData).
TensorFile OpenCheckpoint(const RunConfig& config, const std::string& path);

// Loads a checkpoint into an agent; throws Error(kData) when the family's definition or the agent
// is not the one that saved it.
void LoadAgent(const TensorFile& file, const Workbench& bench, const RunConfig& config);

}  // namespace fewstep
