// Standard normal numbers as tensors, from our own streams.
#pragma once

#include <vector>

#include "agents/torch.h"
#include "core/rng.h"

namespace fewstep {

// Of this shape, float32, on the CPU.
inline torch::Tensor StandardNormal(const std::vector<int64_t>& shape, Rng rng) {
  torch::Tensor noise = torch::empty(shape, torch::kFloat32);
  rng.FillNormal({noise.mutable_data_ptr<float>(), static_cast<size_t>(noise.numel())});
  return noise;
}

}  // namespace fewstep
