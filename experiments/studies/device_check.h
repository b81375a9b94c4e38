// Whether a device computes what the processor computes, and how fast: meta-updates of the
// quickstart's learner on the same episodes.
#pragma once

#include <string>
#include <vector>

#include "experiments/running/catalog.h"

namespace fewstep {

// |ours - the processor's| / |the processor's|, in the 2-norm.
struct DeviceQuantity {
  std::string name;
  double distance = 0, tolerance = 0;
  bool agrees() const { return distance <= tolerance; }  // not when it is no number
};

struct DeviceCheck {
  std::vector<DeviceQuantity> quantities;
  double processor_updates = 0, device_updates = 0;  // a second
  std::string computed_on;                           // where the device's gradient was
  bool agrees() const;
};

struct DeviceCheckOptions {
  torch::Device device = torch::kCPU;
  int64_t shards = 0;  // of the device's meta-batch; 0: as many as the recipe has
  int updates = 10;    // to take the time of; one more goes before
  int threads = 1;
};

// An update is all that a learner does in an iteration but for sampling: advantages, the inner
// step, and the epochs of PPO. The tolerances are for sums of single precision in another order:
// ten times and more what other numbers of shards give on a processor.
DeviceCheck CheckDevice(const Catalog& catalog, const DeviceCheckOptions& options);

}  // namespace fewstep
