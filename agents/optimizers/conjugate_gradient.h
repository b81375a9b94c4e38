// Conjugate gradients (Hestenes and Stiefel 1952) for a matrix that is known by its products.
#pragma once

#include <functional>

#include "agents/torch.h"

namespace fewstep {

using LinearMap = std::function<torch::Tensor(const torch::Tensor& vector)>;

// x with A x = b for a symmetric positive definite A, from x = 0; all of one shape. Stops after
// `iterations`, or when the squared residual is below `tolerance` of that of b, or when A shows a
// direction without positive curvature. Products are computed in the type of b, sums in double.
torch::Tensor SolveByConjugateGradients(const LinearMap& matrix, const torch::Tensor& b,
                                        int64_t iterations, double tolerance = 1e-10);

}  // namespace fewstep
