// The gradient-based algorithms. Each stands in a file of its name and says what it chooses: an
// inner loop, a meta-objective and an outer optimizer.
#pragma once

#include "meta/gradient/gradient_agent.h"

namespace fewstep {

AgentEntry Anil();
AgentEntry Cavia();
AgentEntry DiceMaml();
AgentEntry EMaml();
AgentEntry EMamlMean();
AgentEntry Fomaml();
AgentEntry MamlPpo();
AgentEntry MamlTrpo();
AgentEntry MamlTrpoH2();
AgentEntry MamlVpg();
AgentEntry MetaSgd();
AgentEntry Multitask();
AgentEntry Promp();
AgentEntry Reptile();

}  // namespace fewstep
