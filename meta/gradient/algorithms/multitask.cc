// The multitask baseline ("pretrain" of Finn et al. 2017): PPO on the returns of all tasks at once.
// An evaluation fine-tunes it with the same gradient steps as a meta-learner's. On a family with
// observe_task = true it is the oracle that is told the task.
#include "meta/gradient/algorithms/algorithms.h"

namespace fewstep {

AgentEntry Multitask() {
  return PpoAgent(
      "One policy trained by PPO on all tasks, without an inner loop; gradient steps "
      "adapt it when it is evaluated.",
      [](PpoAgentOptions& options) {
        options.adaptation.inner_steps = 0;
        options.fixed = {"inner_steps", "exploration_credit", "outer_returns"};
      });
}

}  // namespace fewstep
