#include "meta/fewshot/learners/learners.h"

namespace fewstep {

LearnerRegistry BuiltinLearners() {
  LearnerRegistry learners("learner");
  learners.Add("anil", FewShotAnil());
  learners.Add("autoencoder", FewShotAutoencoder());
  learners.Add("fomaml", FirstOrderMaml());
  learners.Add("maml", Maml());
  learners.Add("matching", MatchingNetworks());
  learners.Add("meta-sgd", FewShotMetaSgd());
  learners.Add("nearest", NearestNeighbourLearner());
  learners.Add("prototypical", PrototypicalNetworks());
  learners.Add("relation", RelationNetworks());
  learners.Add("reptile", FewShotReptile());
  learners.Add("scratch", FewShotScratch());
  learners.Add("transfer", FewShotTransfer());
  return learners;
}

}  // namespace fewstep
