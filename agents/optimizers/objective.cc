#include "agents/optimizers/objective.h"

#include "core/error.h"

namespace fewstep {

std::vector<std::unique_ptr<Objective>> Objective::Parts(int64_t /*epoch*/,
                                                         int64_t /*count*/) const {
  FEWSTEP_CHECK(false, "an objective without parts");
}

}  // namespace fewstep
