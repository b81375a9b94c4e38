// The policy of a soft actor-critic: a network from the observation, and a latent variable z where
// there is one, to a Gaussian squashed into the range of actions.
//
// z is the policy's memory, together with the normal distribution that it is drawn from when an
// episode begins (Rakelly et al. 2019, PEARL, section 5: z is held for an episode). Who adapts
// writes that distribution; acting only draws from it.
#pragma once

#include "agents/networks/mlp.h"
#include "agents/policies/policy.h"

namespace fewstep {

class LatentPolicy final : public Policy {
 public:
  // `network`: from observation_size + latent_size inputs to means and log standard deviations of
  // action_size numbers. The family's actions are continuous and their range is finite.
  LatentPolicy(const FamilySpec& spec, int64_t latent_size, const MlpShape& network);

  int64_t memory_size() const override { return 3 * latent_size_; }
  // Memory [N, 3 L] before an episode with z ~ N(mean, deviation^2), both [N, L].
  static torch::Tensor Memory(const torch::Tensor& mean, const torch::Tensor& deviation);

  PolicyOutput Unroll(const Parameters& parameters, const Sequences& sequences) const override;
  ActionDistribution Step(const Parameters& parameters, const Percepts& percepts,
                          torch::Tensor& memory) const override;
  std::unique_ptr<Actor> MakeActor() const override;
  bool has_native_actor() const override { return true; }

 private:
  // Of observations [T, B, O] with latent variables [T, B, L].
  ActionDistribution Distribution(const Parameters& parameters, const torch::Tensor& observations,
                                  const torch::Tensor& latents) const;

  int64_t latent_size_, action_size_;
  double low_, high_;
  Mlp network_;
};

}  // namespace fewstep
