// What recipes can name. Made once, in the program's main function, and handed down.
#pragma once

#include <memory>
#include <string>

#include "data/data_catalog.h"
#include "data/regression.h"
#include "envs/family_catalog.h"
#include "envs/outside_families.h"
#include "meta/fewshot/learner.h"
#include "meta/meta_agent.h"

namespace fewstep {

struct DataOptions;

struct Catalog {
  FamilyCatalog families;
  AgentRegistry agents;
  DataCatalog data;
  RegressionCatalog functions;
  LearnerRegistry learners;
  FamilyOpener opener = {};         // of families that a run brings along
  std::string data_directory = {};  // --data-dir; "": $FEWSTEP_DATA_DIR

  // The keys of a data set, or of a family of functions. Throws Error(kUsage) when there is
  // neither.
  std::unique_ptr<DataOptions> MakeDataOptions(const std::string& name) const;
};

// What is compiled in.
inline Catalog BuiltinCatalog() {
  return {BuiltinFamilies(), BuiltinAgents(), BuiltinData(), BuiltinRegression(),
          BuiltinLearners()};
}

}  // namespace fewstep
