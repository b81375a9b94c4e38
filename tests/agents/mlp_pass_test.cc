// The gradient that is written out against autograd's, in double.
#include "agents/networks/mlp_pass.h"

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

struct Case {
  Activation activation;
  bool bias;
  std::vector<int64_t> hidden;
};

class MlpPassTest : public testing::TestWithParam<Case> {};

TEST_P(MlpPassTest, GivesWhatAutogradGives) {
  const Case& c = GetParam();
  constexpr int64_t kRows = 2, kBatch = 5, kIn = 3, kOut = 4;
  MlpShape shape;
  shape.widths = {kIn};
  shape.widths.insert(shape.widths.end(), c.hidden.begin(), c.hidden.end());
  shape.widths.push_back(kOut);
  shape.activation = c.activation;
  shape.bias = c.bias;
  auto layout = std::make_shared<ParameterLayout>();
  layout->Add("before", {1, 3});  // arrays that are not the network's
  const Mlp network(*layout, "", shape);
  const Parameters rows{Normals({kRows, layout->size()}, 1), layout};
  const torch::Tensor by_outputs = Normals({kRows, kBatch, kOut}, 3);
  for (const bool shared : {false, true}) {
    const torch::Tensor x = Normals({shared ? 1 : kRows, kBatch, kIn}, 2);
    const torch::Tensor leaf = rows.flat.clone().requires_grad_();
    const torch::Tensor x_leaf = x.expand({kRows, -1, -1}).contiguous().requires_grad_();
    const torch::Tensor outputs = network.Forward(rows.WithFlat(leaf), x_leaf);
    const std::vector<torch::Tensor> expected =
        torch::autograd::grad({(outputs * by_outputs).sum()}, {leaf, x_leaf});

    const MlpPass pass(network, rows, x);
    EXPECT_LT(Distance(pass.outputs(), outputs), 1e-12);
    torch::Tensor gradient = torch::full_like(rows.flat, 7);
    const torch::Tensor by_x = pass.Backward(by_outputs, &gradient, true);
    EXPECT_LT(Distance(gradient.narrow(1, 3, layout->size() - 3),
                       expected[0].narrow(1, 3, layout->size() - 3)),
              1e-12);
    EXPECT_TRUE((gradient.narrow(1, 0, 3) == 7).all().item<bool>());
    EXPECT_LT(Distance(by_x, expected[1]), 1e-12);

    // one without the other
    EXPECT_TRUE(SameBits(pass.Backward(by_outputs, nullptr, true), by_x));
    torch::Tensor again = torch::full_like(rows.flat, 7);
    EXPECT_FALSE(pass.Backward(by_outputs, &again, false).defined());
    EXPECT_TRUE(SameBits(again, gradient));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, MlpPassTest,
                         testing::Values(Case{Activation::kTanh, true, {6, 5}},
                                         Case{Activation::kRelu, true, {7}},
                                         Case{Activation::kRelu, false, {6, 5}},
                                         Case{Activation::kTanh, true, {}}));

}  // namespace
}  // namespace fewstep
