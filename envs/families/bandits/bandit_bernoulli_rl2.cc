// bandit-bernoulli@rl2: arms that pay 1 or 0.
// Duan et al., "RL^2: Fast Reinforcement Learning via Slow Reinforcement Learning", 2016, section
// 3.1, with k of 5, 10, 50 arms and n of 10, 100, 500 pulls; SNAIL (Mishra et al., ICLR 2018)
// repeats it.
#include <utility>

#include "envs/families/bandits/bandit.h"
#include "envs/families/families.h"

namespace fewstep {

std::unique_ptr<TaskFamily> MakeBanditBernoulliRl2(const FamilyOptions& options) {
  FamilySpec spec;
  spec.name = "bandit-bernoulli@rl2";
  spec.summary = "Arms pay 1 with probabilities that are not told.";
  spec.source = "Duan et al. 2016, arXiv:1611.02779, section 3.1";
  spec.reward = "1 with probability arm_i when arm i is pulled, else 0";
  spec.action_size = 5;
  return MakeBanditFamily(
      std::move(spec),
      [](Rng& rng, double arm) noexcept { return rng.Uniform() < arm ? 1.0 : 0.0; }, options);
}

}  // namespace fewstep
