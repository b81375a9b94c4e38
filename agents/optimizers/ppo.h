// Proximal policy optimisation.
#pragma once

#include "agents/optimizers/policy_optimizer.h"
#include "agents/surrogates.h"

namespace fewstep {

// ProMP's penalty on how far the inner policies move (Rothfuss et al. 2019, eq. 14).
enum class KlPenalty { kNone, kFixed, kAdaptive };

struct PpoOptions : Options {
  double outer_learning_rate = 1e-3;
  int64_t outer_epochs = 5;
  Surrogate outer_surrogate = Surrogate::kClipped;
  double clip = 0.3;
  KlPenalty kl_penalty = KlPenalty::kNone;
  double kl_coefficient = 5e-4;
  double kl_target = 0.01;
  // of learners whose data can be divided
  int64_t minibatches = 1;
  double max_gradient_norm = 0;
  int64_t anneal_iterations = 0;
  double final_learning_rate = 0;
  void Visit(FieldVisitor& visitor) override;
};

// Adam on PPO's clipped objective for some epochs (Schulman et al. 2017), with ProMP's penalty on
// how far the inner policies move. One epoch of an objective that is not clipped is the plain
// policy gradient. With minibatches every epoch takes a step on each of its parts, and the values
// that are reported are means over the parts of the last epoch, each before its step. `point` [1,
// M]: parameters like those that it will improve; `inner_policies`: how many have a coefficient.
std::unique_ptr<PolicyOptimizer> MakePpo(const PpoOptions& options, const torch::Tensor& point,
                                         int64_t inner_policies);

}  // namespace fewstep
