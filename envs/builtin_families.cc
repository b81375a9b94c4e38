#include "envs/families/families.h"

namespace fewstep {

void RegisterBuiltins(FamilyRegistry& registry) {
  registry.Add("half-cheetah-dir@promp", MakeHalfCheetahDirPromp);
  registry.Add("half-cheetah-vel@promp", MakeHalfCheetahVelPromp);
  registry.Add("half-cheetah-vel@rllab", MakeHalfCheetahVelRllab);
  registry.Add("half-cheetah-vel@tristan", MakeHalfCheetahVelTristan);
  registry.Add("point-corner@promp", MakePointCornerPromp);
  registry.Add("point-nav@maml", MakePointNavMaml);
}

FamilyRegistry BuiltinFamilies() {
  FamilyRegistry registry("task family");
  RegisterBuiltins(registry);
  return registry;
}

}  // namespace fewstep
