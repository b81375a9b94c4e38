// The agent of every gradient-based algorithm (Finn et al. 2017, algorithm 3): sample, adapt,
// sample again, improve what adaptation starts from. An algorithm of this family is a choice of
// inner loop, meta-objective and outer optimizer; each stands in a file of algorithms/.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agents/optimizers/ppo.h"
#include "agents/optimizers/trust_region.h"
#include "agents/policies/mlp_policy.h"
#include "meta/gradient/meta_objective.h"
#include "meta/gradient/outer_optimizer.h"

namespace fewstep {

struct GradientAgentOptions : Options {
  int64_t meta_batch_size = 40;
  GradientAdaptationOptions adaptation;
  MlpOptions policy;
  MetaObjectiveOptions objective;
  int64_t shards = 8;
  std::vector<std::string> fixed;  // keys that the algorithm decides and a recipe cannot set
  void Visit(FieldVisitor& visitor) override;

 protected:
  virtual void VisitOuter(FieldVisitor& visitor) = 0;
};

template <typename OuterOptions>
struct GradientAgentOptionsWith : GradientAgentOptions {
  OuterOptions outer;

 protected:
  void VisitOuter(FieldVisitor& visitor) override { outer.Visit(visitor); }
};
using PpoAgentOptions = GradientAgentOptionsWith<PpoOptions>;
using TrustRegionAgentOptions = GradientAgentOptionsWith<TrustRegionOptions>;

class GradientAgent : public MetaAgent {
 public:
  // The meta-objective on episodes sampled along the inner loop from the present meta-parameters
  // (algorithm 3, lines 3 to 8); `metrics` gets what the episodes brought.
  virtual MetaObjective Collect(std::span<const Task> tasks, Sampler& sampler, const Rng& rng,
                                Metrics& metrics) const = 0;
  virtual const torch::Tensor& meta() const = 0;  // [1, M]
  virtual const OuterOptimizer& outer() const = 0;
};

// Makes the outer optimizer for meta-parameters like `meta` [1, M].
using MakeOuter = std::function<std::unique_ptr<OuterOptimizer>(const torch::Tensor& meta)>;

std::unique_ptr<GradientAgent> MakeGradientAgent(const GradientAgentOptions& options,
                                                 const AgentContext& context,
                                                 const MakeOuter& make_outer);

// A registry entry. Its options are the defaults as changed by `define`, which sets what makes the
// algorithm.
template <typename AgentOptions>
AgentEntry GradientAgentEntry(
    std::string summary, std::function<void(AgentOptions&)> define,
    std::function<std::unique_ptr<OuterOptimizer>(const AgentOptions&, const torch::Tensor& meta)>
        make_outer) {
  return {.summary = std::move(summary),
          .make_options = [define]() -> std::unique_ptr<Options> {
            auto options = std::make_unique<AgentOptions>();
            define(*options);
            return options;
          },
          .make = [make_outer](const Options& options,
                               const AgentContext& context) -> std::unique_ptr<MetaAgent> {
            const auto& own = dynamic_cast<const AgentOptions&>(options);
            return MakeGradientAgent(
                own, context, [&](const torch::Tensor& meta) { return make_outer(own, meta); });
          }};
}

// The same with PPO, or a trust region, as the outer optimizer.
AgentEntry PpoAgent(std::string summary, std::function<void(PpoAgentOptions&)> define);
AgentEntry TrustRegionAgent(std::string summary,
                            std::function<void(TrustRegionAgentOptions&)> define);

}  // namespace fewstep
