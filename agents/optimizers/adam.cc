#include "agents/optimizers/adam.h"

#include <cmath>

#include "agents/tensor_store.h"

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

void Adam::Save(TensorFile& file, const std::string& scope) const {
  StoreTensor(file, scope + ".first", first_);
  StoreTensor(file, scope + ".second", second_);
  StoreTensor(file, scope + ".steps", torch::tensor({steps}, torch::kInt64));
}

Adam Adam::Loaded(const TensorFile& file, const std::string& scope) const {
  Adam adam = *this;
  adam.first_ = LoadTensor(file, scope + ".first", first_);
  adam.second_ = LoadTensor(file, scope + ".second", second_);
  adam.steps = LoadTensor(file, scope + ".steps", torch::zeros({1}, torch::kInt64)).item<int64_t>();
  return adam;
}

}  // namespace fewstep
