// The registry entries of RL^2.
#pragma once

#include "meta/meta_agent.h"

namespace fewstep {

AgentEntry Rl2();
AgentEntry Rl2Trpo();

}  // namespace fewstep
