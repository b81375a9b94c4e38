#include "agents/networks/convolution.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "agents/device.h"

namespace fewstep {
namespace {

// y = sum over i, j of weight[i, j] x[s a + i - p, s b + j - p], written out.
torch::Tensor WrittenOut(const torch::Tensor& x, const torch::Tensor& weight,
                         const ConvolutionShape& s) {
  const int64_t batch = x.size(0), height = x.size(2), width = x.size(3), outputs = weight.size(0),
                inputs = weight.size(1), kernel = weight.size(2);
  const int64_t out_height = (height + 2 * s.padding - kernel) / s.stride + 1,
                out_width = (width + 2 * s.padding - kernel) / s.stride + 1;
  torch::Tensor y = torch::zeros({batch, outputs, out_height, out_width}, x.options());
  const auto in = x.accessor<double, 4>(), w = weight.accessor<double, 4>();
  auto out = y.accessor<double, 4>();
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t o = 0; o < outputs; ++o) {
      const int64_t first = o / (outputs / s.groups) * inputs;
      for (int64_t r = 0; r < out_height; ++r) {
        for (int64_t q = 0; q < out_width; ++q) {
          for (int64_t c = 0; c < inputs; ++c) {
            for (int64_t i = 0; i < kernel; ++i) {
              for (int64_t j = 0; j < kernel; ++j) {
                const int64_t y_in = r * s.stride + i - s.padding,
                              x_in = q * s.stride + j - s.padding;
                if (y_in < 0 || x_in < 0 || y_in >= height || x_in >= width) continue;
                out[b][o][r][q] += w[o][c][i][j] * in[b][first + c][y_in][x_in];
              }
            }
          }
        }
      }
    }
  }
  return y;
}

class Convolution : public testing::TestWithParam<ConvolutionShape> {
 protected:
  Convolution() {
    UseOneTorchThread();
    torch::manual_seed(1);
    const ConvolutionShape& s = GetParam();
    x_ = torch::randn({2, 3 * s.groups, 6, 7}, torch::kFloat64);
    weight_ = torch::randn({2 * s.groups, 3, 3, 3}, torch::kFloat64);
  }
  torch::Tensor x_, weight_;
};

TEST_P(Convolution, IsItsSum) {
  const torch::Tensor y = Convolve(x_, weight_, GetParam());
  EXPECT_TRUE(torch::allclose(y, WrittenOut(x_, weight_, GetParam()), 1e-12, 1e-12));
}

// Derivatives up to the third, of a function that all three operations enter, against LibTorch's
// own convolution, whose derivatives are others.
TEST_P(Convolution, HasTheDerivativesOfLibTorchs) {
  const auto derivatives = [&](bool own) {
    torch::Tensor x = x_.clone().requires_grad_(), w = weight_.clone().requires_grad_();
    const ConvolutionShape& s = GetParam();
    const torch::Tensor y =
        own ? Convolve(x, w, s)
            : at::conv2d(x, w, {}, {s.stride, s.stride}, {s.padding, s.padding}, {1, 1}, s.groups);
    std::vector<torch::Tensor> all = torch::autograd::grad({y.sin().sum()}, {x, w}, {}, true, true);
    const torch::Tensor first = (all[0].square().sum() + all[1].sin().sum());
    const auto second = torch::autograd::grad({first}, {x, w}, {}, true, true);
    const auto third = torch::autograd::grad(
        {(second[0].square().sum() + second[1].square().sum())}, {x, w}, {}, true, true);
    all.insert(all.end(), second.begin(), second.end());
    all.insert(all.end(), third.begin(), third.end());
    return all;
  };
  const auto own = derivatives(true), reference = derivatives(false);
  for (size_t i = 0; i < own.size(); ++i) {
    EXPECT_TRUE(
        torch::allclose(own[i], reference[i], 1e-9, 1e-9 * reference[i].abs().max().item<double>()))
        << i;
    EXPECT_GT(reference[i].abs().max().item<double>(), 1e-3);
  }
}

// The second derivative along a direction, by differences of first derivatives.
TEST_P(Convolution, HasTheSecondDerivativeThatDifferencesShow) {
  const auto gradient = [&](const torch::Tensor& at, bool graph) {
    const torch::Tensor y = Convolve(x_, at, GetParam());
    return torch::autograd::grad({y.pow(3).sum()}, {at}, {}, true, graph)[0];
  };
  torch::Tensor w = weight_.clone().requires_grad_();
  const torch::Tensor direction = torch::randn_like(weight_);
  const torch::Tensor product =
      torch::autograd::grad({(gradient(w, true) * direction).sum()}, {w})[0];
  constexpr double kStep = 1e-5;
  const auto at = [&](double step) {
    return gradient((weight_ + step * direction).requires_grad_(), false);
  };
  const torch::Tensor difference = (at(kStep) - at(-kStep)) / (2 * kStep);
  EXPECT_TRUE(
      torch::allclose(product, difference, 1e-6, 1e-6 * difference.abs().max().item<double>()));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Convolution,
                         testing::Values(ConvolutionShape{1, 1, 1}, ConvolutionShape{2, 1, 1},
                                         ConvolutionShape{1, 0, 1}, ConvolutionShape{3, 1, 1},
                                         ConvolutionShape{2, 1, 4}, ConvolutionShape{1, 1, 3}),
                         [](const auto& shape) {
                           return "stride" + std::to_string(shape.param.stride) + "padding" +
                                  std::to_string(shape.param.padding) + "groups" +
                                  std::to_string(shape.param.groups);
                         });

TEST(ConvolutionOfNothingThatLearns, HasNoGraph) {
  const torch::Tensor x = torch::randn({1, 1, 5, 5}), w = torch::randn({2, 1, 3, 3});
  EXPECT_FALSE(Convolve(x, w, {}).requires_grad());
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(Convolve(x.clone().requires_grad_(), w, {}).requires_grad());
}

}  // namespace
}  // namespace fewstep
