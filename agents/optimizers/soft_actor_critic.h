// Soft actor-critic on transitions of many tasks, which a latent variable may tell apart.
// Haarnoja et al., "Soft Actor-Critic: Off-Policy Maximum Entropy Deep Reinforcement Learning with
// a Stochastic Actor", ICML 2018 (a value network), and "Soft Actor-Critic Algorithms and
// Applications", 2018 (twin target critics, learned temperature).
//
//   y = c r + (1 - done) gamma V(s'; z),   V of a target value network, or
//       V(s') = min_i Q_i_target(s', a') - alpha log pi(a' | s'),  a' ~ pi(s')
//   critics:      sum_i mean (Q_i(s, a; z) - y)^2
//   value:        mean (V(s; z) - (min_i Q_i(s, a_new) - alpha log pi(a_new)))^2
//   actor:        mean alpha log pi(a_new) - min_i Q_i(s, a_new), and regularisers
//   temperature:  -log alpha mean (log pi(a_new) + target entropy)
// in this order, each with the critics that the first step has improved; a_new ~ pi(s) is drawn
// once, reparameterised.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/networks/mlp.h"
#include "agents/optimizers/adam.h"
#include "agents/replay.h"
#include "agents/squashed_gaussian.h"
#include "core/config.h"
#include "core/metrics.h"

namespace fewstep {

struct SoftActorCriticOptions : Options {
  enum class Target { kTwinCritics, kValue };

  std::vector<int64_t> hidden = {256, 256};
  double learning_rate = 3e-4;
  double discount = 0.99;
  double target_rate = 0.005;
  double reward_scale = 1;
  Target target = Target::kTwinCritics;
  double temperature = 0;     // fixed; 0: learned
  double target_entropy = 0;  // of a learned temperature; 0: minus the size of an action
  double mean_penalty = 0, log_std_penalty = 0;
  void Visit(FieldVisitor& visitor) override;
};

class SoftActorCritic {
 public:
  // For observations [O], actions [A] and a latent variable [L], 0: none. Parameters are those of
  // streams of `init`.
  SoftActorCritic(int64_t observation_size, int64_t action_size, int64_t latent_size,
                  const SoftActorCriticOptions& options, const Rng& init);

  // What the actor gives for observations [T, B, O] with latent variables [T, L] (undefined for
  // none), T tasks of which share one row of parameters.
  SquashedGaussian Act(const torch::Tensor& observations, const torch::Tensor& latents) const;

  // One update from T x B transitions, whose dense rewards the critics learn from. `latents` [T, L]
  // are constants to everything but the critics, whose loss is differentiated in them:
  // `latent_gradient` [T, L]. All noise comes from `rng`. Throws Error(kRuntime) when a loss is not
  // finite; everything is then as before the call.
  struct Result {
    torch::Tensor latent_gradient;  // undefined without a latent variable
    Metrics metrics;                // critic_loss, actor_loss, entropy, temperature, mean_q
  };
  Result Update(const Transitions& transitions, const torch::Tensor& latents, const Rng& rng);

  double temperature() const;

  const Parameters& actor() const { return actor_; }      // [1, P]
  const Parameters& critics() const { return critics_; }  // [1, P'] both
  const Parameters& targets() const { return targets_; }  // of the critics, or of the value network
  const Mlp& actor_network() const { return *actor_network_; }

  void Save(CheckpointWriter checkpoint) const;
  void Load(CheckpointReader checkpoint);  // throws Error(kData); then as before

  // What an update holds at once, in bytes, of so many transitions.
  double UpdateBytes(int64_t transitions) const;

 private:
  torch::Tensor Critic(const Parameters& row, int which, const torch::Tensor& observations,
                       const torch::Tensor& actions, const torch::Tensor& latents) const;
  torch::Tensor LeastCritic(const Parameters& row, const torch::Tensor& observations,
                            const torch::Tensor& actions, const torch::Tensor& latents) const;
  torch::Tensor Value(const Parameters& row, const torch::Tensor& observations,
                      const torch::Tensor& latents) const;

  int64_t observation_size_, action_size_, latent_size_;
  SoftActorCriticOptions options_;
  std::unique_ptr<Mlp> actor_network_, critic_networks_[2], value_network_;
  Parameters actor_, critics_, value_, targets_;  // value_ is empty with twin target critics
  torch::Tensor log_temperature_;                 // [1]
  Adam actor_adam_, critic_adam_, value_adam_, temperature_adam_;
};

}  // namespace fewstep
