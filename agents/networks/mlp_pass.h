// A forward pass of an Mlp that keeps what its gradient needs, and the gradient by the chain rule
// written out. Without a graph: its upkeep costs small networks more than their arithmetic.
#pragma once

#include <vector>

#include "agents/networks/mlp.h"

namespace fewstep {

// Any type and device. Records nothing for autograd.
class MlpPass {
 public:
  // For rows [R, P] and x [R, B, inputs], or [1, B, inputs] as the input of every row. The rows
  // must stay as they are while this lives.
  MlpPass(const Mlp& network, const Parameters& rows, const torch::Tensor& x);

  const torch::Tensor& outputs() const { return values_.back(); }  // [R, B, outputs]

  // From d loss / d outputs [R, B, outputs]: writes d loss / d rows into `gradient` [R, P], into
  // the network's own arrays of it, unless it is null; and gives d loss / d x [R, B, inputs] where
  // it is wanted.
  torch::Tensor Backward(torch::Tensor outputs, torch::Tensor* gradient, bool wants_inputs) const;

 private:
  const Mlp& network_;
  Parameters rows_;
  std::vector<torch::Tensor> values_;  // the input, what each hidden layer gives, the outputs
};

}  // namespace fewstep
