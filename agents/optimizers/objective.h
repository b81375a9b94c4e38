// What the optimizers of this folder improve: a function of one row of parameters, on fixed data.
// Where a policy is adapted in steps, the policies before the last step are called inner policies
// here; they have sampled a part of the data.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/optimizers/conjugate_gradient.h"
#include "agents/surrogates.h"

namespace fewstep {

// The form of the objective; all have the same gradient where the data were sampled, and differ
// away from it.
struct ObjectiveForm {
  Surrogate surrogate = Surrogate::kLikelihoodRatio;
  double clip = 0.3;  // kClipped
  // Coefficient of the KL penalty for each inner policy; empty: no penalty.
  std::vector<double> kl_coefficients = {};
};

// Means at one point.
struct ObjectiveValues {
  double objective = 0;  // without its penalty
  double kl = 0;         // mean KL(pi_old || pi) of the policies that the objective is measured on
  double clip_fraction = 0;
  std::vector<double> inner_kl;  // the same for each inner policy
};

class Objective {
 public:
  virtual ~Objective() = default;

  // The gradient at `point` [1, M], and the values there when `values` is not null.
  virtual torch::Tensor Gradient(const torch::Tensor& point, const ObjectiveForm& form,
                                 ObjectiveValues* values = nullptr) const = 0;
  virtual ObjectiveValues Values(const torch::Tensor& point, const ObjectiveForm& form) const = 0;
  // Products [1, M] -> [1, M] with the Hessian of ObjectiveValues::kl at `point`; usable as long as
  // the objective lives.
  virtual LinearMap HessianOfKl(const torch::Tensor& point) const = 0;

  // At most `count` objectives on parts of the data, each of which is in one of them, drawn anew
  // for every `epoch`. The objective must outlive them. Only objectives whose optimizers have
  // minibatches have parts.
  virtual std::vector<std::unique_ptr<Objective>> Parts(int64_t epoch, int64_t count) const;
};

}  // namespace fewstep
