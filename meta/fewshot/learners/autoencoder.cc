// An autoencoder of the base classes' pictures, which needs no labels, then fine-tuned on each
// support set.
#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerEntry FewShotAutoencoder() {
  return FineTuneEntry("Autoencoder: trained to rebuild examples without labels, then fine-tuned.",
                       [](FineTuneOptions& options) {
                         options.pretext = FineTuneOptions::Pretext::kReconstruction;
                       });
}

}  // namespace fewstep
