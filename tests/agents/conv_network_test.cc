#include "agents/networks/conv_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/device.h"
#include "agents/networks/residual_network.h"
#include "core/error.h"

namespace fewstep {
namespace {

struct Built {
  std::shared_ptr<ParameterLayout> layout = std::make_shared<ParameterLayout>();
  ConvNetwork network;
  explicit Built(ConvNetworkShape shape) : network(*layout, "", std::move(shape)) {
    UseOneTorchThread();
    torch::manual_seed(3);
  }
  Parameters Rows(int64_t tasks) const {
    return {torch::randn({tasks, layout->size()}, torch::kFloat64) * 0.5, layout};
  }
};

ConvNetworkShape Small(Normalization normalization = Normalization::kBatch) {
  ConvNetworkShape shape;
  shape.channels = 2;
  shape.height = shape.width = 8;
  shape.filters = 4;
  shape.blocks = {{.stride = 2}, {.stride = 1, .pool = true}};
  shape.normalization = {.kind = normalization, .groups = 2};
  shape.outputs = 3;
  return shape;
}

torch::Tensor Pictures(int64_t tasks, int64_t batch) {
  return torch::randn({tasks, batch, 2, 8, 8}, torch::kFloat64);
}

TEST(ConvNetwork, IsLayersOfLibTorchTaskByTask) {
  const Built built(Small());
  const Parameters rows = built.Rows(3);
  const torch::Tensor x = Pictures(3, 5);
  const torch::Tensor y = built.network.Forward(rows, x);
  ASSERT_EQ(y.sizes(), (std::vector<int64_t>{3, 5, 3}));
  for (int64_t t = 0; t < 3; ++t) {
    torch::Tensor h = x[t];
    size_t slice = 0;
    for (const ConvBlock& block : built.network.shape().blocks) {
      const torch::Tensor weight = rows.View(slice++)[t].view({4, h.size(1), 3, 3});
      const torch::Tensor offset = rows.View(slice++)[t], gain = rows.View(slice++)[t];
      h = torch::conv2d(h, weight, {}, block.stride, 1);
      h = torch::batch_norm(h, gain, offset, {}, {}, /*training=*/true, 0.1, 1e-5, false).relu();
      if (block.pool) h = torch::max_pool2d(h, 2);
    }
    h = h.flatten(1).matmul(rows.View(slice)[t]) + rows.View(slice + 1)[t];
    EXPECT_TRUE(torch::allclose(y[t], h, 1e-10, 1e-10)) << t;
  }
}

TEST(ConvNetwork, OneRowForAllTasksGivesWhatCopiesOfItGive) {
  for (const Normalization normalization : {Normalization::kBatch, Normalization::kGroup,
                                            Normalization::kLayer, Normalization::kNone}) {
    const Built built(Small(normalization));
    const Parameters row = built.Rows(1);
    const torch::Tensor x = Pictures(3, 4);
    EXPECT_TRUE(torch::allclose(built.network.Forward(row, x),
                                built.network.Forward(row.Expand(3), x), 1e-10, 1e-10));
  }
}

TEST(ConvNetwork, GroupAndLayerNormalizationAreLibTorchs) {
  for (const auto& [normalization, groups] :
       {std::pair{Normalization::kGroup, 2}, {Normalization::kLayer, 1}}) {
    ConvNetworkShape shape = Small(normalization);
    shape.blocks.resize(1);
    shape.outputs = 0;
    const Built built(shape);
    const Parameters row = built.Rows(1);
    const torch::Tensor x = Pictures(1, 4);
    const torch::Tensor weight = row.View(0)[0].view({4, 2, 3, 3});
    const torch::Tensor h = torch::group_norm(torch::conv2d(x[0], weight, {}, 2, 1), groups,
                                              row.View(2)[0], row.View(1)[0]);
    EXPECT_TRUE(torch::allclose(built.network.Forward(row, x)[0], h.relu().flatten(1), 1e-9, 1e-9));
  }
}

// Whatever is beside it: with batch statistics an example's features depend on the others, with
// given ones they do not, and those of one task never on another task.
TEST(ConvNetwork, BatchStatisticsAreTheirTasksAloneOrThoseThatAreGiven) {
  const Built built(Small());
  const Parameters row = built.Rows(1);
  const torch::Tensor x = Pictures(2, 6);
  NormStatistics support;
  built.network.Forward(row, x, {.record = &support});
  ASSERT_EQ(support.means.size(), 2u);
  EXPECT_EQ(support.means[0].sizes(), (std::vector<int64_t>{2, 4}));
  // given their own statistics, the same
  const torch::Tensor own = built.network.Forward(row, x);
  EXPECT_TRUE(torch::allclose(own, built.network.Forward(row, x, {.given = &support})));

  torch::Tensor changed = x.clone();
  changed[0][5] *= 3;
  const torch::Tensor with_batch = built.network.Forward(row, changed);
  EXPECT_FALSE(torch::allclose(with_batch[0][0], own[0][0]));
  EXPECT_TRUE(torch::equal(with_batch[1], own[1]));
  const torch::Tensor with_given = built.network.Forward(row, changed, {.given = &support});
  EXPECT_TRUE(torch::allclose(with_given[0].narrow(0, 0, 5), own[0].narrow(0, 0, 5), 1e-12, 1e-12));
}

// Second derivatives of everything together, by differences of first ones.
TEST(ConvNetwork, HasSecondDerivatives) {
  for (const Normalization normalization : {Normalization::kBatch, Normalization::kLayer}) {
    for (const bool mean : {false, true}) {
      ConvNetworkShape shape = Small(normalization);
      shape.spatial_mean = mean;
      const Built built(shape);
      const torch::Tensor x = Pictures(2, 3), flat = built.Rows(2).flat;
      const auto gradient = [&](const torch::Tensor& at, bool graph) {
        const torch::Tensor y = built.network.Forward({at, built.layout}, x);
        return torch::autograd::grad({y.square().sum()}, {at}, {}, true, graph)[0];
      };
      const torch::Tensor point = flat.clone().requires_grad_(),
                          direction = torch::randn_like(flat);
      const torch::Tensor product =
          torch::autograd::grad({(gradient(point, true) * direction).sum()}, {point})[0];
      constexpr double kStep = 1e-6;
      const auto at = [&](double step) {
        return gradient((flat + step * direction).requires_grad_(), false);
      };
      const torch::Tensor difference = (at(kStep) - at(-kStep)) / (2 * kStep);
      EXPECT_TRUE(
          torch::allclose(product, difference, 1e-4, 1e-5 * difference.abs().max().item<double>()));
    }
  }
}

// --- residual networks ---

struct BuiltResidual {
  std::shared_ptr<ParameterLayout> layout = std::make_shared<ParameterLayout>();
  ResidualNetwork network;
  explicit BuiltResidual(Normalization normalization = Normalization::kBatch)
      : network(*layout, "",
                {.channels = 2,
                 .height = 8,
                 .width = 8,
                 .widths = {4, 6},
                 .normalization = {.kind = normalization, .groups = 2},
                 .outputs = 3}) {
    UseOneTorchThread();
    torch::manual_seed(3);
  }
  Parameters Rows(int64_t tasks) const {
    return {torch::randn({tasks, layout->size()}, torch::kFloat64) * 0.5, layout};
  }
};

TEST(ResidualNetwork, IsLayersOfLibTorchTaskByTask) {
  const BuiltResidual built;
  EXPECT_EQ(built.network.norm_channels(), (std::vector<int64_t>{4, 4, 4, 4, 6, 6, 6, 6}));
  const Parameters rows = built.Rows(2);
  const torch::Tensor x = Pictures(2, 5);
  const torch::Tensor y = built.network.Forward(rows, x);
  ASSERT_EQ(y.sizes(), (std::vector<int64_t>{2, 5, 3}));
  for (int64_t t = 0; t < 2; ++t) {
    size_t slice = 0;
    const auto layer = [&](const torch::Tensor& in, int64_t out, int64_t kernel) {
      const torch::Tensor weight = rows.View(slice)[t].view({out, in.size(1), kernel, kernel});
      const torch::Tensor offset = rows.View(slice + 1)[t], gain = rows.View(slice + 2)[t];
      slice += 3;
      const torch::Tensor z = torch::conv2d(in, weight, {}, 1, kernel / 2);
      return torch::batch_norm(z, gain, offset, {}, {}, /*training=*/true, 0.1, 1e-5, false);
    };
    torch::Tensor h = x[t];
    for (const int64_t out : {4, 6}) {
      torch::Tensor main = torch::leaky_relu(layer(h, out, 3), 0.1);
      main = torch::leaky_relu(layer(main, out, 3), 0.1);
      main = layer(main, out, 3);
      h = torch::max_pool2d(torch::leaky_relu(main + layer(h, out, 1), 0.1), 2);
    }
    h = h.mean({2, 3}).matmul(rows.View(slice)[t]) + rows.View(slice + 1)[t];
    EXPECT_TRUE(torch::allclose(y[t], h, 1e-9, 1e-9)) << t;
  }
}

TEST(ResidualNetwork, RecordsWhatItIsGivenAgain) {
  for (const Normalization normalization : {Normalization::kBatch, Normalization::kGroup}) {
    const BuiltResidual built(normalization);
    const Parameters row = built.Rows(1);
    const torch::Tensor x = Pictures(3, 4);
    NormStatistics own;
    const torch::Tensor y = built.network.Forward(row, x, {.record = &own});
    EXPECT_EQ(own.means.size(), built.network.norm_channels().size());
    EXPECT_TRUE(torch::allclose(built.network.Forward(row, x, {.given = &own}), y, 1e-9, 1e-9));
    EXPECT_TRUE(torch::allclose(built.network.Forward(row.Expand(3), x), y, 1e-9, 1e-9));
  }
}

TEST(ConvNetwork, StartsAsXavierAndRefusesWhatLeavesNothing) {
  ConvNetworkShape shape;
  shape.blocks = {{2}, {2}, {2}, {2}};
  shape.spatial_mean = true;
  shape.outputs = 5;
  const Built built(shape);
  EXPECT_EQ(built.network.features().size(), 64);
  const Parameters row = Initialized(built.layout, Rng(1));
  const double limit = std::sqrt(6.0 / (9 + 9 * 64));
  EXPECT_NEAR(row.View(0).abs().max().item<double>(), limit, 0.01 * limit);
  EXPECT_EQ(row.View(1).abs().max().item<double>(), 0);
  EXPECT_EQ(row.View(2).min().item<double>(), 1);
  shape.blocks = std::vector<ConvBlock>(5, {.stride = 2, .pool = true});
  try {
    const Built refused(shape);
    ADD_FAILURE() << "not refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                testing::HasSubstr("28 x 28 pixels have no place left after 3 blocks"));
  }
}

}  // namespace
}  // namespace fewstep
