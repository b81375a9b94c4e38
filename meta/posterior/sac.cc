// Soft actor-critic: Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications", by
// itself. On one task (family.task) it is the plain algorithm; on many the baseline that does not
// adapt; on a family with observe_task = true the oracle that is told the task.
#include "meta/posterior/latent_agent.h"
#include "meta/posterior/pearl.h"

namespace fewstep {
namespace {

struct SacOptions final : LatentAgentOptions {
  SacOptions() {
    initial_actions = InitialActions::kUniform;
    collect_tasks = 1;
    episodes = 1;
    updates_per_collection = 0;
    meta_batch_size = 1;
  }
};

}  // namespace

AgentEntry Sac() {
  return {
      .summary =
          "Soft actor-critic on replay, without adaptation: one task, all of them, or told "
          "which.",
      .make_options = []() -> std::unique_ptr<Options> { return std::make_unique<SacOptions>(); },
      .make =
          [](const Options& options, const AgentContext& context) {
            return MakeLatentAgent(dynamic_cast<const SacOptions&>(options), nullptr, context);
          }};
}

}  // namespace fewstep
