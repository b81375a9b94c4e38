// LibTorch tensors in and out of the files of core/safetensors.h.
#pragma once

#include <string>

#include "agents/torch.h"
#include "core/safetensors.h"

namespace fewstep {

// Adds `tensor` (float32, float64 or int64, any device) without copying it where it is contiguous
// in the processor's memory: it must then stay as it is while the file lives.
void StoreTensor(TensorFile& file, const std::string& name, const torch::Tensor& tensor);

// The stored values, on the device of `like`. Throws Error(kData) unless the stored tensor has the
// type and shape of `like`.
torch::Tensor LoadTensor(const TensorFile& file, const std::string& name,
                         const torch::Tensor& like);

}  // namespace fewstep
