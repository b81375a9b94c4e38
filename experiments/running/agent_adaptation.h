// A trained agent as one that adapts while someone looks on.
#pragma once

#include <memory>
#include <string>

#include "envs/adaptation.h"
#include "meta/meta_agent.h"

namespace fewstep {

struct AgentAdaptationOptions {
  int episodes = 0;            // a unit of adaptation; 0: as many as the agent's own
  bool deterministic = false;  // act with the mode; what is adapted on is acted as the agent says
};

// Every task is adapted to with the streams of an Evaluate of it alone whose seed is that of `rng`.
// Agent and sampler must outlive it and all that it gives.
std::unique_ptr<Adaptation> MakeAgentAdaptation(const MetaAgent& agent, Sampler& sampler,
                                                const AgentAdaptationOptions& options,
                                                const Rng& rng);

}  // namespace fewstep
