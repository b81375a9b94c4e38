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

// Episodes come from the streams of Evaluate: with its seed, the first task of an evaluation is
// adapted to as there. Both must outlive it and all that it gives.
std::unique_ptr<Adaptation> MakeAgentAdaptation(const MetaAgent& agent, Sampler& sampler,
                                                const AgentAdaptationOptions& options,
                                                const Rng& rng);

}  // namespace fewstep
