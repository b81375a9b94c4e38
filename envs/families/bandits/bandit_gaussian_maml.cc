// bandit-gaussian@maml: arms that pay a normal reward.
// The bandit of tristandeleu/pytorch-maml-rl, maml_rl/envs/bandit.py (BanditGaussianEnv).
#include <utility>

#include "envs/families/bandits/bandit.h"
#include "envs/families/families.h"

namespace fewstep {

std::unique_ptr<TaskFamily> MakeBanditGaussianMaml(const FamilyOptions& options) {
  FamilySpec spec;
  spec.name = "bandit-gaussian@maml";
  spec.summary = "Arms pay normally distributed rewards with means that are not told.";
  spec.source = "tristandeleu/pytorch-maml-rl, maml_rl/envs/bandit.py (BanditGaussianEnv)";
  spec.reward = "N(arm_i, 1) when arm i is pulled";
  spec.action_size = 5;
  return MakeBanditFamily(
      std::move(spec), [](Rng& rng, double arm) noexcept { return arm + rng.Normal(); }, options);
}

}  // namespace fewstep
