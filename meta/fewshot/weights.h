// Rows of a few-shot learner in files, array by array under their names, so that what one learner
// has learned is what another starts from.
#pragma once

#include <string>

#include "agents/checkpoint.h"
#include "agents/parameters.h"
#include "meta/fewshot/running_norm.h"

namespace fewstep {

// Every array of a row [1, P] under its name, with its shape.
void SaveWeights(CheckpointWriter checkpoint, const Parameters& row);
// The flat row [1, P] of such arrays; throws Error(kData).
torch::Tensor LoadWeights(CheckpointReader checkpoint, const Parameters& like);

// Takes the arrays of a network, the first `slices` of the row's, from a safetensors file; "" takes
// none. Its last layer stays as it starts, since its outputs belong to a task. Files are
// checkpoints of few-shot learners, and others with arrays named as the layout's; a convolution may
// be [out, in, k, k]. Running statistics of the network's normalisations are taken where the file
// has them, of learners with inner steps those before the first; else `running` stays. Throws
// Error(kData) for what is missing, or of another shape or type.
void TakePretrained(const std::string& path, size_t slices, Parameters& row, RunningNorm& running);

}  // namespace fewstep
