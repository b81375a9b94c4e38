// The training loop: iterates, logs, evaluates, saves, and stops where it is told to.
#pragma once

#include <optional>
#include <string>

#include "experiments/running/run_config.h"
#include "experiments/running/run_directory.h"
#include "experiments/running/trainable.h"

namespace fewstep {

// In the metadata of a checkpoint of what has a replay.
inline constexpr const char* kReplayKey = "replay";
// Of the replay's tensors, which only a run that goes on needs whole.
inline constexpr const char* kReplayTensors = "replay.";
inline constexpr const char* kReplaySaved = "saved";
inline constexpr const char* kReplayLeftOut = "left out";  // it is in another generation
inline constexpr const char* kReplayNotKept = "not kept";  // run.save_replay = false

struct LoopResult {
  int64_t iteration = 0;        // iterations done
  int signal = 0;               // the signal that interrupted it, 0 when it finished
  int64_t best_iteration = -1;  // the best by validation; -1: none
};

struct LoopOptions {
  bool quiet = false;
  std::string recipe;  // resolved, kept with every checkpoint
};

// Iterations first + 1 .. run.iterations. `checkpoint` is the one that training continues from, or
// null. The first signal ends it after its iteration, which is saved.
LoopResult RunTrainingLoop(Trainable& trainable, const RunOptions& run, RunDirectory& directory,
                           const TensorFile* checkpoint, int64_t first, const LoopOptions& options);

}  // namespace fewstep
