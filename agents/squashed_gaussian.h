// Actions in (-1, 1): tanh of a Gaussian whose mean and standard deviation depend on the state.
// Haarnoja et al., "Soft Actor-Critic", ICML 2018, appendix C.
#pragma once

#include "agents/torch.h"

namespace fewstep {

struct SquashedGaussian {
  torch::Tensor mean, log_std;  // [..., A] of what tanh is taken of

  // From the outputs [..., 2 A] of a network: means, then log standard deviations, bounded as in
  // the published code.
  static constexpr double kMinLogStd = -20, kMaxLogStd = 2;
  // The largest that an action counts as on its way back through tanh, where rounding has put it on
  // the border.
  static constexpr double kInside = 1 - 0x1p-24;
  static SquashedGaussian Of(const torch::Tensor& outputs);

  // An action for `noise` [..., A], which is standard normal: differentiable in mean and log_std
  // (the reparameterisation of eq. 11).
  struct Draw {
    torch::Tensor actions;    // [..., A]
    torch::Tensor log_probs;  // [...]
    torch::Tensor before;     // [..., A] of which the actions are the tanh
  };
  Draw Sample(const torch::Tensor& noise) const;

  torch::Tensor Mode() const { return mean.tanh(); }  // of the Gaussian, squashed

  // log pi(tanh(before)) (eq. 26): the Gaussian's density less sum log(1 - tanh(u)^2), which is
  // computed as 2 (log 2 - u - softplus(-2 u)) and so is exact where tanh(u) rounds to 1.
  torch::Tensor LogProb(const torch::Tensor& before) const;  // [...]
};

}  // namespace fewstep
