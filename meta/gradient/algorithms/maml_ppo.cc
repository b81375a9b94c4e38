// MAML-PPO: MAML (Finn et al. 2017) whose outer loop is PPO (Schulman et al. 2017).
//
//   inner  theta' = theta + alpha grad J_inner(theta; D),      D ~ pi_theta
//   outer  max_theta  mean over tasks of J_clip(theta'(theta); D'),   D' ~ pi_theta'
//
// The data stay fixed over some epochs of Adam; theta' is differentiated as a function of theta.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry MamlPpo() {
  return PpoAgent("MAML with PPO in the outer loop.", [](PpoAgentOptions&) {});
}

}  // namespace fewstep
