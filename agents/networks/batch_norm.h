// Batch normalisation and the rectifier behind it as one operation, whose first and second
// derivatives are closed forms: on processors each is two passes over its numbers, where those of
// LibTorch's operators are made of many.
#pragma once

#include "agents/torch.h"

namespace fewstep {

struct BatchNormResult {
  torch::Tensor y;                        // as x
  torch::Tensor mean, inverse_deviation;  // [C], outside of any graph
};

// x [B, C, H, W], floats or doubles, in any memory format; gain, offset [C]:
//
//   y = r(gain (x - mean) / sqrt(variance + epsilon) + offset)     (Ioffe and Szegedy 2015, alg. 1)
//   r(u) = u where u > 0, slope u elsewhere
//
// with the mean and the variance (divided by the count) of each channel over B, H and W. A slope of
// 1 is no rectifier. It can be differentiated twice; on a GPU as often as LibTorch's operators.
BatchNormResult RectifiedBatchNorm(const torch::Tensor& x, const torch::Tensor& gain,
                                   const torch::Tensor& offset, double epsilon, double slope);

}  // namespace fewstep
