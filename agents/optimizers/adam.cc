#include "agents/optimizers/adam.h"

#include <cmath>

namespace fewstep {

torch::Tensor Adam::Step(const torch::Tensor& parameters, const torch::Tensor& gradient) {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
  ++steps;
  first_ = first_ * kBeta1 + gradient * (1 - kBeta1);
  second_ = second_ * kBeta2 + gradient.square() * (1 - kBeta2);
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps));
  const double correction2 = 1 - std::pow(kBeta2, static_cast<double>(steps));
  return parameters -
         (first_ / correction1) / ((second_ / correction2).sqrt() + kEpsilon) * learning_rate_;
}

void Adam::Save(CheckpointWriter checkpoint) const {
  checkpoint.Store("first", first_);
  checkpoint.Store("second", second_);
  checkpoint.Store("steps", torch::tensor({steps}, torch::kInt64));
}

Adam Adam::Loaded(CheckpointReader checkpoint) const {
  Adam adam = *this;
  adam.first_ = checkpoint.Load("first", first_);
  adam.second_ = checkpoint.Load("second", second_);
  adam.steps = checkpoint.Load("steps", torch::zeros({1}, torch::kInt64)).item<int64_t>();
  return adam;
}

}  // namespace fewstep
