#include "agents/optimizers/trust_region.h"

#include <cmath>

#include "agents/optimizers/conjugate_gradient.h"

namespace fewstep {

void TrustRegionOptions::Visit(FieldVisitor& v) {
  v.Field("max_kl", max_kl,
          {.help = "Bound delta of the mean divergence between the adapted policies before and "
                   "after an outer step.",
           .unit = "nats",
           .min = 1e-12,
           .max = 1e6});
  v.Field("cg_iterations", cg_iterations,
          {.help = "Iterations of conjugate gradients.", .min = 1, .max = 1000});
  v.Field(
      "cg_damping", cg_damping,
      {.help = "Added to the diagonal of the Hessian of the divergence.", .min = 0, .max = 1e6});
  v.Field("backtracks", backtracks,
          {.help = "Step lengths that the line search tries.", .min = 1, .max = 1000});
  v.Field("backtrack_factor", backtrack_factor,
          {.help = "Each of them as a part of the one before.", .min = 1e-3, .max = 0.999});
  v.Choice("outer_surrogate", outer_surrogate, kSurrogateNames,
           {.help = "Objective of the outer loop; log_likelihood is what some published codes use.",
            .choices = {"likelihood_ratio", "log_likelihood"}});
}

namespace {

class TrustRegion final : public PolicyOptimizer {
 public:
  explicit TrustRegion(const TrustRegionOptions& options) : options_(options) {}

  ObjectiveForm form() const override { return {.surrogate = options_.outer_surrogate}; }

  std::vector<std::string> columns() const override {
    return {"gradient_norm", "outer_improvement", "outer_kl", "step_fraction"};
  }

  torch::Tensor Improve(const torch::Tensor& point, const Objective& objective,
                        Metrics& metrics) override {
    ObjectiveValues before;
    const torch::Tensor gradient = objective.Gradient(point, form(), &before);
    RequireFiniteUpdate(gradient);

    // s ~ H^-1 g, and the length at which s' H s / 2 is the bound
    torch::Tensor step;
    {
      const LinearMap hessian = objective.HessianOfKl(point);
      const auto damped = [&](const torch::Tensor& vector) {
        return hessian(vector) + vector * options_.cg_damping;
      };
      const torch::Tensor direction =
          SolveByConjugateGradients(damped, gradient, options_.cg_iterations);
      const double curvature = (direction * damped(direction)).sum().item<double>();
      const double length = curvature > 0 ? std::sqrt(2 * options_.max_kl / curvature) : 0.0;
      step = direction * length;
    }
    RequireFiniteUpdate(step);

    // the longest step that improves and stays within the bound; none: stay
    torch::Tensor improved = point;
    ObjectiveValues after = before;
    double fraction = 1;
    for (int64_t i = 0;; ++i, fraction *= options_.backtrack_factor) {
      if (i == options_.backtracks) {
        fraction = 0;
        break;
      }
      const torch::Tensor candidate = point + step * fraction;
      const ObjectiveValues values = objective.Values(candidate, form());
      if (!(values.kl <= options_.max_kl) || !(values.objective > before.objective)) continue;
      improved = candidate;
      after = values;
      break;
    }

    metrics.Add("gradient_norm", gradient.norm().item<double>());
    metrics.Add("outer_improvement", after.objective - before.objective);
    metrics.Add("outer_kl", after.kl);
    metrics.Add("step_fraction", fraction);
    return improved;
  }

 private:
  TrustRegionOptions options_;
};

}  // namespace

std::unique_ptr<PolicyOptimizer> MakeTrustRegion(const TrustRegionOptions& options) {
  return std::make_unique<TrustRegion>(options);
}

}  // namespace fewstep
