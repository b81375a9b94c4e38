#include "agents/optimizers/policy_optimizer.h"

#include "core/error.h"

namespace fewstep {

void RequireFiniteUpdate(const torch::Tensor& values) {
  if (values.isfinite().all().item<bool>()) return;
  throw Error(ErrorKind::kRuntime, "the gradient of the outer loop is not finite",
              {.remedy = "Lower the learning rates of [agent]; the last checkpoint is intact"});
}

}  // namespace fewstep
