// A meta-RL agent on a task family, as something to train.
#pragma once

#include <memory>

#include "experiments/running/trainable.h"
#include "experiments/running/workbench.h"

namespace fewstep {

// Both must outlive it. `config` is the one that the bench was made of.
std::unique_ptr<Trainable> MakeMetaRlTrainable(Workbench& bench, const RunConfig& config);

// The memory of an evaluation with these options.
Footprint EvaluationFootprint(const Workbench& bench, const EvaluationOptions& options);

}  // namespace fewstep
