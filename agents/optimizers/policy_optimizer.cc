#include "agents/optimizers/policy_optimizer.h"

#include "core/error.h"

namespace fewstep {

void RequireFiniteUpdate(const torch::Tensor& values) {
  if (values.isfinite().all().item<bool>()) return;
  throw Error(ErrorKind::kRuntime, "the meta-gradient is not finite",
              {.remedy = "Lower agent.outer_learning_rate or agent.inner_learning_rate; the last "
                         "checkpoint is intact"});
}

}  // namespace fewstep
