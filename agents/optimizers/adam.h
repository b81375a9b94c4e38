// Adam (Kingma and Ba 2015, algorithm 1) on one row of parameters. Its whole state is three tensors
// that a checkpoint stores, which is why LibTorch's is not used.
#pragma once

#include "agents/checkpoint.h"

namespace fewstep {

class Adam {
 public:
  Adam() = default;
  Adam(const torch::Tensor& like, double learning_rate)
      : learning_rate_(learning_rate),
        first_(torch::zeros_like(like)),
        second_(torch::zeros_like(like)) {}

  // The parameters after one step of descent.
  torch::Tensor Step(const torch::Tensor& parameters, const torch::Tensor& gradient);

  // As "first", "second" and "steps". Loaded throws Error(kData).
  void Save(CheckpointWriter checkpoint) const;
  Adam Loaded(CheckpointReader checkpoint) const;

  void set_learning_rate(double learning_rate) { learning_rate_ = learning_rate; }

  int64_t steps = 0;
  torch::Tensor& first() { return first_; }
  torch::Tensor& second() { return second_; }
  const torch::Tensor& first() const { return first_; }
  const torch::Tensor& second() const { return second_; }

 private:
  double learning_rate_ = 1e-3;
  torch::Tensor first_, second_;  // moments
};

}  // namespace fewstep
