#include "agents/optimizers/conjugate_gradient.h"

namespace fewstep {
namespace {

double Dot(const torch::Tensor& a, const torch::Tensor& b) { return (a * b).sum().item<double>(); }

}  // namespace

torch::Tensor SolveByConjugateGradients(const LinearMap& matrix, const torch::Tensor& b,
                                        int64_t iterations, double tolerance) {
  torch::Tensor residual = b.to(torch::kFloat64);
  torch::Tensor x = torch::zeros_like(residual), direction = residual;
  double squared = Dot(residual, residual);
  const double enough = tolerance * squared;
  for (int64_t i = 0; i < iterations && squared > enough; ++i) {
    const torch::Tensor product = matrix(direction.to(b.scalar_type())).to(torch::kFloat64);
    const double curvature = Dot(direction, product);
    if (!(curvature > 0)) break;
    const double length = squared / curvature;
    x = x + direction * length;
    residual = residual - product * length;
    const double next = Dot(residual, residual);
    direction = residual + direction * (next / squared);
    squared = next;
  }
  return x.to(b.scalar_type());
}

}  // namespace fewstep
