// How a network of pictures goes over tasks that have rows of their own: one after the other, or
// all of them side by side as groups of channels.
#pragma once

#include <functional>

#include "agents/networks/normalization.h"
#include "agents/parameters.h"

namespace fewstep {

// Of G tasks: pictures [B, G * C, H, W] with rows [G, P] -> [B, G, F]. What comes out of it for a
// task depends on nothing of another.
using NetworkOfTasks = std::function<torch::Tensor(
    const ParameterArrays& rows, const torch::Tensor& x, const NormContext& norm)>;

// pictures [T, B, C, H, W] -> [T, B, F], with rows [T, P], or one row for all [1, P]. On processors
// tasks go one after the other (docs/performance.md has the measurement), on a GPU side by side.
torch::Tensor MapTasks(const ParameterArrays& rows, const torch::Tensor& pictures,
                       const NormContext& norm, const NetworkOfTasks& network);

}  // namespace fewstep
