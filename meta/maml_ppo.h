// MAML with PPO in the outer loop; with the likelihood-ratio surrogate and the KL penalty it is
// ProMP (Rothfuss et al. 2019, "ProMP: Proximal Meta-Policy Search", algorithm 1).
//
//   inner  theta' = theta + alpha * grad J_inner(theta; D),      D ~ pi_theta
//   outer  max_theta  mean_T [ J_clip(theta'; D') ] - eta * mean_T,k KL(pi_old,k || pi_theta_k)
//
// J_clip is PPO's clipped objective on D' ~ pi_theta', with theta' differentiated as a function of
// theta. Sampling policies (old) stay fixed during the outer epochs.
#pragma once

#include <memory>

#include "meta/gradient_adaptation.h"
#include "meta/meta_agent.h"

namespace fewstep {

struct MamlPpoOptions : Options {
  int64_t meta_batch_size = 40;
  GradientAdaptationOptions adaptation;
  MlpOptions policy;
  double outer_learning_rate = 1e-3;
  int64_t outer_epochs = 5;
  double clip = 0.3;
  std::string kl_penalty = "none";
  double kl_coefficient = 5e-4;
  double kl_target = 0.01;
  int64_t shards = 8;
  void Visit(FieldVisitor& visitor) override;
};

std::unique_ptr<MetaAgent> MakeMamlPpo(const MamlPpoOptions& options, const AgentContext& context);

}  // namespace fewstep
