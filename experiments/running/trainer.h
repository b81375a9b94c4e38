// Runs: a new one, and one that goes on.
#pragma once

#include <functional>
#include <string>

#include "experiments/running/run_config.h"
#include "experiments/running/trainable.h"

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
  LearningCurve learning_curve;
};

// Trains what `config` names. A run that is in config.run_path() goes on from its newest readable
// checkpoint if `resume`; otherwise there must be none. The metrics of a run that goes on become
// those of an uninterrupted one, byte for byte on the same machine. `config` may differ from the
// stored recipe in the keys that CheckResumable allows, and is stored then. Throws before anything
// is written where the recipe asks for what is not there, or for more memory than there is.
// `before_writing` is called once, after these checks and before the first file is touched.
TrainResult Train(RunConfig& config, const Catalog& catalog, bool resume,
                  const TrainOptions& options, const std::function<void()>& before_writing = {});

}  // namespace fewstep
