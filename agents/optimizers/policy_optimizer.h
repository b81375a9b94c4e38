// How an objective is turned into better parameters: once an iteration, on the data of that
// iteration. The state that lasts between iterations is saved.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/checkpoint.h"
#include "agents/optimizers/objective.h"
#include "core/config.h"
#include "core/metrics.h"

namespace fewstep {

class PolicyOptimizer {
 public:
  virtual ~PolicyOptimizer() = default;

  // The form of the objective that Improve uses; `fewstep gradient-noise` takes the gradient of the
  // same one.
  virtual ObjectiveForm form() const = 0;
  // The names of what Improve adds, in their order.
  virtual std::vector<std::string> columns() const = 0;

  // The parameters [1, M] after one improvement; adds what it did to `metrics`. Throws
  // Error(kRuntime) when they are not finite; the optimizer is then as before the call.
  virtual torch::Tensor Improve(const torch::Tensor& point, const Objective& objective,
                                Metrics& metrics) = 0;

  // Load throws Error(kData); the optimizer is then as before the call.
  virtual void Save(CheckpointWriter) const {}
  virtual void Load(CheckpointReader) {}
};

// Throws Error(kRuntime) unless every element is finite.
void RequireFiniteUpdate(const torch::Tensor& values);

}  // namespace fewstep
