#pragma once

#include "meta/meta_agent.h"

namespace fewstep {

AgentEntry Pearl();
AgentEntry Sac();

}  // namespace fewstep
