// A multilayer perceptron as a policy.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/networks/mlp.h"
#include "agents/policies/policy.h"
#include "core/config.h"

namespace fewstep {

struct MlpOptions : Options {
  std::vector<int64_t> hidden = {64, 64};
  Activation activation = Activation::kTanh;
  bool bias = true;
  double initial_std = 1.0;
  double head_scale = 1.0;
  double min_std = 1e-6;
  int64_t context_size = 0;
  void Visit(FieldVisitor& visitor) override;
};

// A network whose output is the mean of a Gaussian, with a log standard deviation that is a
// parameter of its own (adapted like the others), or the logits of a categorical distribution; as
// in ProMP's code. `context_size` parameters, 0 at the start, join the observation as inputs of the
// first layer (Zintgraf et al. 2019, CAVIA).
std::unique_ptr<MemorylessPolicy> MakeMlpPolicy(const FamilySpec& spec, const MlpOptions& options);

}  // namespace fewstep
