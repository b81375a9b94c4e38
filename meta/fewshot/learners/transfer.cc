// Transfer: a classifier of all base classes (of functions: one regressor of all of them), then
// fine-tuned on each support set (Chen et al., ICLR 2019, "Baseline").
#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerEntry FewShotTransfer() {
  return FineTuneEntry("Transfer: trained on all base classes together, then fine-tuned.",
                       [](FineTuneOptions&) {});
}

}  // namespace fewstep
