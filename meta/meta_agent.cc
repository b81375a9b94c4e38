#include "meta/meta_agent.h"

namespace fewstep {

std::unique_ptr<AdaptiveAgent> DeployOn(const MetaAgent& agent, std::span<const Task> tasks,
                                        const Rng& rng) {
  return agent.Deploy({.num_tasks = static_cast<int>(tasks.size()),
                       .rng = rng,
                       .told = agent.oracle() ? tasks : std::span<const Task>()});
}

}  // namespace fewstep
