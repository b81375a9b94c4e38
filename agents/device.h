// The device that learners compute on, and LibTorch's threads.
#pragma once

#include <string>

#include "agents/torch.h"

namespace fewstep {

// True when the CUDA half of LibTorch is installed and finds a GPU. Loads it on the first call: the
// program is linked with the processor half only.
bool CudaAvailable();

// "cpu" or "cuda". Throws Error(kRuntime) with a remedy when there is no usable GPU.
torch::Device ParseDevice(const std::string& name);

// LibTorch on one thread: call it on every thread that computes. Parallelism is over shards, not
// inside operators, whose OpenMP threads would fight the sampler's.
void UseOneTorchThread();

}  // namespace fewstep
