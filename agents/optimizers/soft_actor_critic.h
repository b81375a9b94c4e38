// Soft actor-critic on transitions of many tasks, which a latent variable may tell apart.
// Haarnoja et al., "Soft Actor-Critic: Off-Policy Maximum Entropy Deep Reinforcement Learning with
// a Stochastic Actor", ICML 2018 (a value network), and "Soft Actor-Critic Algorithms and
// Applications", 2018 (twin target critics, learned temperature).
//
//   y = c r + (1 - done) gamma V(s'; z),   V of a target value network, or
//       V(s') = min_i Q_i_target(s', a') - alpha log pi(a' | s'),  a' ~ pi(s')
//   critics:      sum_i mean (Q_i(s, a; z) - y)^2
//   value:        mean (V(s; z) - (min_i Q_i(s, a_new) - alpha log pi(a_new)))^2
//   actor:        mean (alpha log pi(a_new) - min_i Q_i(s, a_new)), and regularisers
//   temperature:  -log alpha mean (log pi(a_new) + target entropy)
// in this order, each with the critics that the first step has improved; a_new ~ pi(s) is drawn
// once, reparameterised. Gradients are written out (agents/networks/mlp_pass.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agents/networks/mlp.h"
#include "agents/optimizers/adam.h"
#include "agents/replay.h"
#include "agents/shards.h"
#include "agents/squashed_gaussian.h"
#include "core/config.h"

namespace fewstep {

struct SoftActorCriticOptions : Options {
  enum class Target { kTwinCritics, kValue };

  std::vector<int64_t> hidden = {256, 256};
  MlpInitial initial = MlpInitial::kXavier;
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

// How an update is computed.
struct ActorCriticWork {
  const Shards* shards = nullptr;  // of the tasks; null: all of them in one piece
  // The latent variables [T, L] that value network and actor learn with; undefined: the critics'.
  torch::Tensor actor_latents = {};
  bool actor_latent_gradient = false;       // whether Result has it
  std::function<void()> critics_done = {};  // called between the critics' step and the actor's
};

// A value type: a copy learns on by itself.
class SoftActorCritic {
 public:
  // For observations [O], actions [A] and a latent variable [L], 0: none. Parameters are those of
  // streams of `init`.
  SoftActorCritic(int64_t observation_size, int64_t action_size, int64_t latent_size,
                  const SoftActorCriticOptions& options, const Rng& init,
                  torch::Device device = torch::kCPU);

  // What the actor gives for observations [T, B, O] with latent variables [T, L] (undefined for
  // none), T tasks of which share one row of parameters.
  SquashedGaussian Act(const torch::Tensor& observations, const torch::Tensor& latents) const;

  // One update from T x B transitions, whose dense rewards the critics learn from. `latents` [T, L]
  // are constants; what the losses would have them changed by is in the result. All noise comes
  // from `rng`. Throws Error(kRuntime) when what comes of it is not finite; everything is then as
  // before the call.
  struct Result {
    torch::Tensor latent_gradient;  // [T, L] of the critics' loss; undefined without such variables
    // [T, L] of the actor's loss, through what the actor is told and not through the critics
    torch::Tensor actor_latent_gradient;
    torch::Tensor metrics;  // [5] metric_names()
  };
  Result Update(const Transitions& transitions, const torch::Tensor& latents, const Rng& rng,
                const ActorCriticWork& how = {});
  static const std::vector<std::string>& metric_names();

  double temperature() const;

  const Parameters& actor() const { return state_.actor; }      // [1, P]
  const Parameters& critics() const { return state_.critics; }  // [2, P'], a row each
  const Parameters& targets() const { return state_.targets; }  // of the critics, or of the value
  const Mlp& actor_network() const { return networks_->actor; }

  void Save(CheckpointWriter checkpoint) const;
  void Load(CheckpointReader checkpoint);  // throws Error(kData); then as before

  // What it holds, and an update of so many transitions beside it: bytes.
  double UpdateBytes(double transitions) const;

 private:
  struct Networks {
    std::shared_ptr<ParameterLayout> actor_layout, critic_layout, value_layout;
    Mlp actor, critic, value;
  };
  // What learns. Every step puts tensors in the place of others, so copies share them.
  struct State {
    Parameters actor, critics, value, targets;  // value is empty with twin target critics
    torch::Tensor log_temperature;              // [1]
    Adam actor_adam, critic_adam, value_adam, temperature_adam;
  };
  // A shard's part of the gradients and of the sums that metrics are made of.
  struct CriticPart {
    torch::Tensor gradient, latents, sums;
  };
  struct ActorPart {
    torch::Tensor actor, value, latents, sums;
  };

  CriticPart LearnCritics(const Transitions& part, const torch::Tensor& latents,
                          const torch::Tensor& noise, double count) const;
  // With the critics' new rows.
  ActorPart LearnActor(const Parameters& critics, const Transitions& part,
                       const torch::Tensor& latents, const torch::Tensor& noise, double count,
                       bool latent_gradient) const;
  torch::Tensor LeastTarget(const Transitions& part, const torch::Tensor& latents,
                            const torch::Tensor& noise) const;

  bool has_value() const { return options_.target == SoftActorCriticOptions::Target::kValue; }

  int64_t observation_size_, action_size_, latent_size_;
  SoftActorCriticOptions options_;
  torch::Device device_;
  std::shared_ptr<const Networks> networks_;
  State state_;
};

}  // namespace fewstep
