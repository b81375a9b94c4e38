#include "agents/optimizers/adam.h"

#include <cmath>

namespace fewstep {
namespace {

constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;

// A step in two passes over the row, with the operations of the tensor form below in their order,
// so that both give the same bits. Roots are LibTorch's: compilers take them one by one.
template <typename Scalar>
torch::Tensor StepInPasses(double correction1, double correction2, double learning_rate,
                           const torch::Tensor& parameters, const torch::Tensor& gradients,
                           torch::Tensor& first_moments, torch::Tensor& second_moments) {
  const auto beta1 = static_cast<Scalar>(kBeta1), beta2 = static_cast<Scalar>(kBeta2),
             rest1 = static_cast<Scalar>(1 - kBeta1), rest2 = static_cast<Scalar>(1 - kBeta2),
             epsilon = static_cast<Scalar>(kEpsilon), rate = static_cast<Scalar>(learning_rate),
             c1 = static_cast<Scalar>(correction1), c2 = static_cast<Scalar>(correction2);
  // other tensors than those that were there, which copies of the optimizer share
  first_moments = first_moments.clone();
  second_moments = second_moments.clone();
  torch::Tensor scales = torch::empty_like(parameters), after = torch::empty_like(parameters);
  const int64_t size = parameters.numel();
  const Scalar* gradient = gradients.const_data_ptr<Scalar>();
  const Scalar* before = parameters.const_data_ptr<Scalar>();
  Scalar* first = first_moments.mutable_data_ptr<Scalar>();
  Scalar* second = second_moments.mutable_data_ptr<Scalar>();
  Scalar* scale = scales.mutable_data_ptr<Scalar>();
  Scalar* out = after.mutable_data_ptr<Scalar>();
  for (int64_t i = 0; i < size; ++i) {
    first[i] = first[i] * beta1 + gradient[i] * rest1;
    second[i] = second[i] * beta2 + (gradient[i] * gradient[i]) * rest2;
    scale[i] = second[i] / c2;
  }
  scales.sqrt_();
  for (int64_t i = 0; i < size; ++i) {
    out[i] = before[i] - (first[i] / c1) / (scale[i] + epsilon) * rate;
  }
  return after;
}

}  // namespace

torch::Tensor Adam::Step(const torch::Tensor& parameters, const torch::Tensor& gradient) {
  ++steps;
  const double correction1 = 1 - std::pow(kBeta1, static_cast<double>(steps));
  const double correction2 = 1 - std::pow(kBeta2, static_cast<double>(steps));
  const bool plain = parameters.is_cpu() && parameters.is_contiguous() &&
                     gradient.is_contiguous() &&
                     parameters.scalar_type() == gradient.scalar_type() && first_.is_contiguous() &&
                     second_.is_contiguous() && first_.scalar_type() == gradient.scalar_type();
  if (plain && parameters.scalar_type() == torch::kFloat32) {
    return StepInPasses<float>(correction1, correction2, learning_rate_, parameters, gradient,
                               first_, second_);
  }
  if (plain && parameters.scalar_type() == torch::kFloat64) {
    return StepInPasses<double>(correction1, correction2, learning_rate_, parameters, gradient,
                                first_, second_);
  }

  first_ = first_ * kBeta1 + gradient * (1 - kBeta1);
  second_ = second_ * kBeta2 + gradient.square() * (1 - kBeta2);
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
