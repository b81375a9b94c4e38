// A meta-RL agent on a task family, as something to train.
#pragma once

#include <memory>

#include "experiments/running/trainable.h"
#include "experiments/running/workbench.h"

namespace fewstep {

// Both must outlive it. The constructor of its Workbench throws.
std::unique_ptr<Trainable> MakeMetaRlTrainable(const RunConfig& config, const Catalog& catalog);

// The memory of an evaluation with these options.
Footprint EvaluationFootprint(const Workbench& bench, const EvaluationOptions& options);

}  // namespace fewstep
