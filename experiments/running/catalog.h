// What recipes can name. Made once, in the program's main function, and handed down.
#pragma once

#include "envs/family_catalog.h"
#include "envs/outside_families.h"
#include "meta/meta_agent.h"

namespace fewstep {

struct Catalog {
  FamilyCatalog families;
  AgentRegistry agents;
  FamilyOpener opener = {};  // of families that a run brings along
};

// What is compiled in.
inline Catalog BuiltinCatalog() { return {BuiltinFamilies(), BuiltinAgents()}; }

}  // namespace fewstep
