// Convolution that can be differentiated again and again at the cost of convolutions. LibTorch's
// own second derivative of a convolution goes through kernels as large as the picture, group by
// group; a convolution and its two derivatives are, however, closed under differentiation:
//   y = F(x, w);  Bx(g, w) = (dy/dx)' g;  Bw(g, x) = (dy/dw)' g, and with a gradient G of each
//   F:  Bx(G, w), Bw(G, x)        Bx:  F(G, w), Bw(g, G)        Bw:  F(x, G), Bx(g, G)
// (in the order of their arguments), since all three are bilinear.
#pragma once

#include "agents/torch.h"

namespace fewstep {

struct ConvolutionShape {
  int64_t stride = 1, padding = 0;
  int64_t groups = 1;
};

// x [B, groups * C, H, W] with weight [groups * O, C, k, k] -> [B, groups * O, H', W'], the cross-
// correlation that networks call convolution. Any type and device.
torch::Tensor Convolve(const torch::Tensor& x, const torch::Tensor& weight,
                       const ConvolutionShape& shape);

}  // namespace fewstep
