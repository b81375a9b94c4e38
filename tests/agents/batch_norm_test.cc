#include "agents/networks/batch_norm.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agents/device.h"

namespace fewstep {
namespace {

// The formula, in operators that LibTorch differentiates by itself.
torch::Tensor WrittenOut(const torch::Tensor& x, const torch::Tensor& gain,
                         const torch::Tensor& offset, double epsilon, double slope) {
  const torch::Tensor mean = x.mean({0, 2, 3}, true),
                      variance = (x - mean).square().mean({0, 2, 3}, true);
  const torch::Tensor u = gain.view({1, -1, 1, 1}) * (x - mean) / (variance + epsilon).sqrt() +
                          offset.view({1, -1, 1, 1});
  return torch::where(u > 0, u, slope * u);
}

// How what comes after reads y, and so how the gradient that comes back lies in memory.
enum class Reader { kNumbers, kOtherLayout, kSum };

struct Case {
  std::vector<int64_t> sizes;
  bool channels_last = false;
  double slope = 0;
  Reader reader = Reader::kNumbers;
};

class BatchNorm : public testing::TestWithParam<Case> {
 protected:
  BatchNorm() {
    UseOneTorchThread();
    torch::manual_seed(1);
    const Case& of = GetParam();
    const int64_t channels = of.sizes[1];
    x_ = 3 + 2 * torch::randn(of.sizes, torch::kFloat64);
    if (of.channels_last) x_ = x_.contiguous(at::MemoryFormat::ChannelsLast);
    gain_ = torch::randn({channels}, torch::kFloat64);
    offset_ = torch::randn({channels}, torch::kFloat64);
  }
  torch::Tensor x_, gain_, offset_;
};

constexpr double kEpsilon = 1e-3;

TEST_P(BatchNorm, IsItsFormula) {
  const BatchNormResult of = RectifiedBatchNorm(x_, gain_, offset_, kEpsilon, GetParam().slope);
  EXPECT_TRUE(torch::allclose(of.y, WrittenOut(x_, gain_, offset_, kEpsilon, GetParam().slope),
                              1e-11, 1e-11));
  EXPECT_EQ(of.y.suggest_memory_format(), x_.suggest_memory_format());
  EXPECT_TRUE(torch::allclose(of.mean, x_.mean({0, 2, 3}), 1e-12, 1e-12));
  EXPECT_TRUE(torch::allclose(of.inverse_deviation.pow(-2) - kEpsilon,
                              x_.var({0, 2, 3}, /*unbiased=*/false), 1e-9, 1e-9));
}

// First derivatives, and second ones through all three of them, in single precision as well.
TEST_P(BatchNorm, HasTheDerivativesOfItsFormula) {
  const torch::Tensor weight = torch::randn_like(x_);
  const auto derivatives = [&](bool own, torch::ScalarType type) {
    std::vector<torch::Tensor> at;
    for (const torch::Tensor& of : {x_, gain_, offset_}) {
      at.push_back(of.detach().clone().to(type).requires_grad_());
    }
    const double slope = GetParam().slope;
    const torch::Tensor y = own ? RectifiedBatchNorm(at[0], at[1], at[2], kEpsilon, slope).y
                                : WrittenOut(at[0], at[1], at[2], kEpsilon, slope);
    torch::Tensor loss = (weight.to(type) * y + y.sin()).sum();
    if (GetParam().reader == Reader::kSum) loss = y.sum() + at[2].sin().sum();
    if (GetParam().reader == Reader::kOtherLayout) {
      const auto other =
          GetParam().channels_last ? at::MemoryFormat::Contiguous : at::MemoryFormat::ChannelsLast;
      loss = (weight.to(type).contiguous(other) * y.contiguous(other).sin()).sum();
    }
    std::vector<torch::Tensor> all = torch::autograd::grad({loss}, at, {}, true, true);
    const torch::Tensor of_first =
        (all[0] * x_.to(type).cos()).sum() + all[1].sin().sum() + all[2].square().sum();
    const std::vector<torch::Tensor> second = torch::autograd::grad({of_first}, at);
    all.insert(all.end(), second.begin(), second.end());
    return all;
  };
  const auto reference = derivatives(false, torch::kFloat64);
  for (const auto& [type, tolerance] :
       {std::pair{torch::kFloat64, 1e-9}, {torch::kFloat32, 1e-3}}) {
    const auto own = derivatives(true, type);
    ASSERT_EQ(own.size(), reference.size());
    for (size_t i = 0; i < own.size(); ++i) {
      const double largest = reference[i].abs().max().item<double>();
      EXPECT_GT(largest, 1e-3) << i;
      EXPECT_LT((own[i].to(torch::kFloat64) - reference[i]).abs().max().item<double>(),
                tolerance * largest)
          << i << " " << c10::toString(type);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, BatchNorm,
                         testing::Values(Case{{2, 3, 4, 5}}, Case{{5, 6, 1, 1}},
                                         Case{{3, 2, 7, 7}, false, 0.1},
                                         Case{{3, 2, 36, 36}, false, 1}, Case{{2, 3, 4, 5}, true},
                                         Case{{20, 16, 3, 3}, true, 0.1},
                                         Case{{2, 4, 3, 3}, true, 1}, Case{{4, 1, 5, 5}, true},
                                         Case{{2, 3, 4, 5}, false, 0, Reader::kSum},
                                         Case{{2, 3, 4, 5}, true, 0.1, Reader::kSum},
                                         Case{{2, 3, 4, 5}, false, 0.1, Reader::kOtherLayout},
                                         Case{{2, 3, 4, 5}, true, 0, Reader::kOtherLayout}),
                         [](const auto& of) {
                           std::string name;
                           for (const int64_t size : of.param.sizes)
                             name += std::to_string(size) + "x";
                           name.back() = '_';
                           return name + (of.param.channels_last ? "places" : "planes") +
                                  std::to_string(static_cast<int>(10 * of.param.slope)) +
                                  std::to_string(static_cast<int>(of.param.reader));
                         });

// Numbers far from 0 keep their deviation, which the mean of their squares would lose, and the
// rounding of their mean is no shift.
TEST(BatchNormOfLargeNumbers, KeepsTheirDeviation) {
  torch::manual_seed(2);
  const torch::Tensor far = torch::randn({4, 3, 8, 8}) + 4096, ones = torch::ones({3});
  const torch::Tensor reference =
      WrittenOut(far.to(torch::kFloat64), ones, torch::zeros({3}), kEpsilon, 1);
  for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
    const torch::Tensor y =
        RectifiedBatchNorm(far.contiguous(format), ones, torch::zeros({3}), kEpsilon, 1).y;
    EXPECT_LT((y - reference).abs().max().item<double>(), 1e-5);
  }
}

TEST(BatchNormGraph, IsThereOnlyForWhatLearnsAndGoesTwoDerivativesDeep) {
  const torch::Tensor x = torch::randn({2, 3, 4, 4}, torch::kFloat64).requires_grad_(),
                      ones = torch::ones({3}, torch::kFloat64);
  EXPECT_FALSE(RectifiedBatchNorm(x.detach(), ones, ones, kEpsilon, 0).y.requires_grad());
  {
    const torch::NoGradGuard no_grad;
    EXPECT_FALSE(RectifiedBatchNorm(x, ones, ones, kEpsilon, 0).y.requires_grad());
  }
  const BatchNormResult of = RectifiedBatchNorm(x, ones, ones, kEpsilon, 0);
  EXPECT_TRUE(of.y.requires_grad());
  EXPECT_FALSE(of.mean.requires_grad() || of.inverse_deviation.requires_grad());
  const torch::Tensor first =
      torch::autograd::grad({of.y.pow(3).sum()}, {x}, {}, true, /*create_graph=*/true)[0];
  EXPECT_DEATH(torch::autograd::grad({first.pow(2).sum()}, {x}, {}, true, true),
               "no third derivative");
}

TEST(BatchNormGraph, IsFreedWithWhatItGave) {
  const torch::Tensor x = torch::randn({2, 3, 4, 4}).requires_grad_(), ones = torch::ones({3});
  torch::Tensor y = RectifiedBatchNorm(x, ones, ones, kEpsilon, 0).y;
  const c10::weak_intrusive_ptr<c10::TensorImpl> seen(y.getIntrusivePtr());
  y.reset();
  EXPECT_TRUE(seen.expired());
}

}  // namespace
}  // namespace fewstep
