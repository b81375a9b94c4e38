#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerRegistry BuiltinLearners() {
  LearnerRegistry learners("learner");
  learners.Add("anil", FewShotAnil());
  learners.Add("fomaml", FirstOrderMaml());
  learners.Add("maml", Maml());
  learners.Add("matching", MatchingNetworks());
  learners.Add("meta-sgd", FewShotMetaSgd());
  learners.Add("prototypical", PrototypicalNetworks());
  learners.Add("reptile", FewShotReptile());
  return learners;
}

}  // namespace fewstep
