#include "agents/device.h"

#include <dlfcn.h>

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "core/error.h"

namespace fewstep {

bool CudaAvailable() {
  static const bool available = [] {
    // registers the CUDA hooks; they must be there before LibTorch is asked for the first time
    for (const char* library : {"libc10_cuda.so", "libtorch_cuda.so"}) {
      if (dlopen(library, RTLD_NOW | RTLD_GLOBAL) == nullptr) return false;
    }
    return at::globalContext().hasCUDA();
  }();
  return available;
}

torch::Device OpenDevice(DeviceKind kind) {
  if (kind == DeviceKind::kCpu) return torch::kCPU;
  if (!CudaAvailable()) {
    throw Error(ErrorKind::kRuntime, "no usable GPU was found",
                {.key = "run.device",
                 .remedy = "Install the CUDA libraries with scripts/setup --cuda and check the "
                           "driver, or use device = \"cpu\""});
  }
  return {torch::kCUDA, 0};
}

void UseOneTorchThread() { at::set_num_threads(1); }

}  // namespace fewstep
