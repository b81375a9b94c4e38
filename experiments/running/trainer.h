// The training loop: draws tasks, lets the agent train on them, logs, evaluates, saves.
#pragma once

#include <string>

#include "experiments/running/evaluation.h"
#include "experiments/running/run_config.h"
#include "experiments/running/run_directory.h"

namespace fewstep {

struct TrainOptions {
  bool quiet = false;
  std::string command_line;  // for build.json
};

struct TrainResult {
  int64_t iteration = 0;       // iterations done
  int signal = 0;              // the signal that interrupted it, 0 when it finished
  AdaptationCurve evaluation;  // of the last iteration; empty when interrupted
  std::string evaluation_path;
};

// What a recipe names, built. The constructor writes nothing; it throws Error when the device is
// missing or an iteration or an evaluation needs more memory than there is.
struct Workbench {
  explicit Workbench(const RunConfig& config);

  FamilyRegistry families;
  AgentRegistry agents;
  std::unique_ptr<TaskFamily> family;
  WorkerPool pool;
  torch::Device device;
  std::unique_ptr<MetaAgent> agent;
  Sampler sampler;
};

// The seed of a run's episodes outside training, which never draws them.
uint64_t EvaluationSeed(const RunConfig& config);
// The evaluation that a run's recipe asks for. Its tasks depend on run.evaluation_seed alone, so
// that runs which are compared share them; its episodes on run.seed, too.
EvaluationOptions EvaluationOf(const RunConfig& config);

// Throws Error(kUsage) when such an evaluation needs more memory than there is.
void CheckEvaluation(const Workbench& bench, const EvaluationOptions& options);

// Starts a run where none is.
TrainResult Train(Workbench& bench, RunConfig& config, const TrainOptions& options);

// Continues the run in config.run_path() from its newest readable checkpoint. The metrics become
// those of an uninterrupted run, byte for byte on the same machine. `config` may differ from the
// stored recipe in the keys that CheckResumable allows, and is stored then.
TrainResult Resume(Workbench& bench, RunConfig& config, const TrainOptions& options);

// The checkpoint at `path`, or the newest readable one of the run when it is empty, with a warning
// for every newer one. Throws Error(kData).
TensorFile OpenCheckpoint(const RunConfig& config, const std::string& path);

// Loads a checkpoint into an agent; throws Error(kData) when the family's definition or the agent
// is not the one that saved it.
void LoadAgent(const TensorFile& file, const Workbench& bench, const RunConfig& config);

}  // namespace fewstep
