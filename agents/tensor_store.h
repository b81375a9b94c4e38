// LibTorch tensors in and out of the files of core/safetensors.h.
#pragma once

#include <string>

#include "agents/torch.h"
#include "core/safetensors.h"

namespace fewstep {

// Adds a copy of `tensor` (float32, float64 or int64, any device).
void StoreTensor(TensorFile& file, const std::string& name, const torch::Tensor& tensor);

// The stored values, on the device of `like`. Throws Error(kData) unless the stored tensor has the
// type and shape of `like`.
torch::Tensor LoadTensor(const TensorFile& file, const std::string& name,
                         const torch::Tensor& like);

}  // namespace fewstep
