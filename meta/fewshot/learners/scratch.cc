// From scratch: a network as it starts by chance, fine-tuned on each support set.
#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerEntry FewShotScratch() {
  return FineTuneEntry(
      "From scratch: an untrained network, fine-tuned.",
      [](FineTuneOptions& options) { options.pretext = FineTuneOptions::Pretext::kNone; });
}

}  // namespace fewstep
