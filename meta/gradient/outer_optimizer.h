// How the outer loop turns a meta-objective into better meta-parameters: once an iteration, on the
// data of that iteration. The state that lasts between iterations is saved with the agent.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/metrics.h"
#include "core/safetensors.h"
#include "meta/gradient/meta_objective.h"

namespace fewstep {

class OuterOptimizer {
 public:
  virtual ~OuterOptimizer() = default;

  // The surrogate whose gradient a study of meta-gradients looks at.
  virtual OuterSurrogate surrogate() const = 0;

  // The names of what Improve adds, in their order.
  virtual std::vector<std::string> columns() const = 0;

  // The meta-parameters [1, M] after one improvement; adds what it did to `metrics`. Throws
  // Error(kRuntime) when they are not finite; the optimiser is then as before the call.
  virtual torch::Tensor Improve(const torch::Tensor& meta, const MetaObjective& objective,
                                Metrics& metrics) = 0;

  // Load throws Error(kData); the optimiser is then as before the call.
  virtual void Save(TensorFile&) const {}
  virtual void Load(const TensorFile&) {}
};

// Throws Error(kRuntime) unless every element is finite.
void RequireFiniteUpdate(const torch::Tensor& values);

// Adam on PPO's clipped objective for some epochs (Schulman et al. 2017), with ProMP's penalty on
// how far the sampling policies move (Rothfuss et al. 2019, eq. 14). One epoch of an objective that
// is not clipped is the plain policy gradient.
struct PpoOptions : Options {
  double outer_learning_rate = 1e-3;
  int64_t outer_epochs = 5;
  std::string outer_surrogate = "clipped";
  double clip = 0.3;
  std::string kl_penalty = "none";
  double kl_coefficient = 5e-4;
  double kl_target = 0.01;
  void Visit(FieldVisitor& visitor) override;
};
std::unique_ptr<OuterOptimizer> MakePpo(const PpoOptions& options, const torch::Tensor& meta,
                                        int64_t inner_steps);

// One step of TRPO (Schulman et al. 2015): along the natural gradient, from conjugate gradients on
// exact products with the Hessian of the divergence after adaptation, as far as the divergence
// allows, and back until the objective has improved and the divergence stays within its bound.
struct TrustRegionOptions : Options {
  double max_kl = 0.01;
  int64_t cg_iterations = 10;
  double cg_damping = 1e-5;
  int64_t backtracks = 15;
  double backtrack_factor = 0.8;
  std::string outer_surrogate = "likelihood_ratio";
  void Visit(FieldVisitor& visitor) override;
};
std::unique_ptr<OuterOptimizer> MakeTrustRegion(const TrustRegionOptions& options);

}  // namespace fewstep
