#include "envs/families/families.h"

namespace fewstep {

void RegisterBuiltins(FamilyRegistry& registry) {
  registry.Add("bandit-bernoulli@rl2", MakeBanditBernoulliRl2);
  registry.Add("bandit-gaussian@maml", MakeBanditGaussianMaml);
  registry.Add("half-cheetah-dir@promp", MakeHalfCheetahDirPromp);
  registry.Add("half-cheetah-vel@promp", MakeHalfCheetahVelPromp);
  registry.Add("half-cheetah-vel@rllab", MakeHalfCheetahVelRllab);
  registry.Add("half-cheetah-vel@tristan", MakeHalfCheetahVelTristan);
  registry.Add("point-corner@promp", MakePointCornerPromp);
  registry.Add("point-nav@maml", MakePointNavMaml);
  registry.Add("tabular-mdp@rl2", MakeTabularMdpRl2);
}

FamilyRegistry BuiltinFamilies() {
  FamilyRegistry registry("task family");
  RegisterBuiltins(registry);
  return registry;
}

}  // namespace fewstep
