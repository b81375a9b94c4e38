// Reptile: Nichol et al. 2018, "On First-Order Meta-Learning Algorithms", algorithm 2, with policy
// gradients in the inner loop.
//
//   phi_i = U^{K+1}(theta; D_0 .. D_K) for every task i
//   theta <- theta + epsilon mean_i(phi_i - theta)
//
// Reptile judges on no data: the last batch D_K is adapted on as well, which is the step K + 1.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {
namespace {

struct InterpolationOptions : Options {
  double outer_step = 0.1;
  void Visit(FieldVisitor& v) override {
    v.Field("outer_step", outer_step,
            {.help = "Part epsilon of the way to the mean of the adapted parameters.",
             .min = 0,
             .max = 1});
  }
};

class Interpolation final : public OuterOptimizer {
 public:
  explicit Interpolation(const InterpolationOptions& options) : options_(options) {}

  ObjectiveForm form() const override { return {}; }

  std::vector<std::string> columns() const override { return {"move_norm"}; }

  torch::Tensor Improve(const torch::Tensor& meta, const MetaObjective& objective,
                        Metrics& metrics) override {
    const torch::Tensor adapted = objective.AdaptedBeyond(meta);  // [T, P]
    const torch::Tensor move = objective.adaptation().Trained(adapted.mean(0, true) - meta);
    RequireFiniteUpdate(move);
    metrics.Add("move_norm", move.norm().item<double>());
    return meta + move * options_.outer_step;
  }

 private:
  InterpolationOptions options_;
};

using ReptileOptions = GradientAgentOptionsWith<InterpolationOptions>;

}  // namespace

AgentEntry Reptile() {
  return GradientAgentEntry<ReptileOptions>(
      "Moves towards the mean of the adapted parameters; no meta-gradient.",
      [](ReptileOptions& options) {
        options.adaptation.inner_order = GradientOrder::kFirst;
        options.fixed = {"inner_order", "learn_inner_rates", "outer_returns", "exploration_credit"};
      },
      [](const ReptileOptions& options, const torch::Tensor&) -> std::unique_ptr<OuterOptimizer> {
        return std::make_unique<Interpolation>(options.outer);
      });
}

}  // namespace fewstep
