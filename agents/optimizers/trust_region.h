// Trust-region policy optimisation.
#pragma once

#include "agents/optimizers/policy_optimizer.h"
#include "agents/surrogates.h"

namespace fewstep {

struct TrustRegionOptions : Options {
  double max_kl = 0.01;
  int64_t cg_iterations = 10;
  double cg_damping = 1e-5;
  int64_t backtracks = 15;
  double backtrack_factor = 0.8;
  Surrogate outer_surrogate = Surrogate::kLikelihoodRatio;
  void Visit(FieldVisitor& visitor) override;
};

// One step of TRPO (Schulman et al. 2015): along the natural gradient, from conjugate gradients on
// exact products with the Hessian of the divergence after adaptation, as far as the divergence
// allows, and back until the objective has improved and the divergence stays within its bound.
std::unique_ptr<PolicyOptimizer> MakeTrustRegion(const TrustRegionOptions& options);

}  // namespace fewstep
