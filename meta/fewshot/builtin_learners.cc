#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerRegistry BuiltinLearners() {
  LearnerRegistry learners("learner");
  learners.Add("matching", MatchingNetworks());
  learners.Add("prototypical", PrototypicalNetworks());
  return learners;
}

}  // namespace fewstep
