// How the outer loop turns a meta-objective into better meta-parameters: once an iteration, on the
// data of that iteration. The state that lasts between iterations is saved with the agent.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/optimizers/policy_optimizer.h"
#include "meta/gradient/meta_objective.h"

namespace fewstep {

// Like a PolicyOptimizer, but one that may know more of the meta-objective than its values.
class OuterOptimizer {
 public:
  virtual ~OuterOptimizer() = default;
  virtual ObjectiveForm form() const = 0;
  virtual std::vector<std::string> columns() const = 0;
  virtual torch::Tensor Improve(const torch::Tensor& meta, const MetaObjective& objective,
                                Metrics& metrics) = 0;
  virtual void Save(CheckpointWriter) const {}
  virtual void Load(CheckpointReader) {}
};

std::unique_ptr<OuterOptimizer> AsOuter(std::unique_ptr<PolicyOptimizer> optimizer);

}  // namespace fewstep
