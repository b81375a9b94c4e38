// The device that learners compute on, and LibTorch's threads.
#pragma once

#include "agents/torch.h"
#include "core/config.h"

namespace fewstep {

// True when the CUDA half of LibTorch is installed and finds a GPU. Loads it on the first call: the
// program is linked with the processor half only.
bool CudaAvailable();

enum class DeviceKind { kCpu, kCuda };
inline constexpr ChoiceName<DeviceKind> kDeviceNames[] = {{"cpu", DeviceKind::kCpu},
                                                          {"cuda", DeviceKind::kCuda}};

// Throws Error(kRuntime) with a remedy when there is no usable GPU.
torch::Device OpenDevice(DeviceKind kind);

// LibTorch on one thread: call it on every thread that computes. Parallelism is over shards, not
// inside operators, whose OpenMP threads would fight the sampler's.
void UseOneTorchThread();

}  // namespace fewstep
