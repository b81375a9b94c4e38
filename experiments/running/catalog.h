// What recipes can name. Made once, in the program's main function, and handed down.
#pragma once

#include "envs/family_catalog.h"
#include "meta/meta_agent.h"

namespace fewstep {

struct Catalog {
  FamilyCatalog families;
  AgentRegistry agents;
};

// What is compiled in.
inline Catalog BuiltinCatalog() { return {BuiltinFamilies(), BuiltinAgents()}; }

}  // namespace fewstep
