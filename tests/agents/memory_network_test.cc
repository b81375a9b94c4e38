// Networks with memory: three faces that give the same, gradients against finite differences, and
// LibTorch's own recurrent networks as peers.
#include "agents/networks/memory_network.h"

#include <ATen/Functions.h>

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kInputs = 3;

struct Case {
  const char* name;
  MemoryKind kind;
  int64_t size = 4, layers = 1, heads = 2, context = 32;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

constexpr Case kCases[] = {
    {"Gru", MemoryKind::kGru},
    {"GruOfTwoLayers", MemoryKind::kGru, 3, 2},
    {"Lstm", MemoryKind::kLstm},
    {"MinGru", MemoryKind::kMinGru},
    {"MinGruOfTwoLayers", MemoryKind::kMinGru, 3, 2},
    {"Transformer", MemoryKind::kTransformer, 4, 2, 2},
    {"TransformerOfOneHead", MemoryKind::kTransformer, 3, 1, 1},
    {"TransformerThatForgets", MemoryKind::kTransformer, 4, 2, 2, 5},
};

struct Network {
  explicit Network(const Case& c) {
    MemoryOptions options;
    options.kind = c.kind;
    options.size = c.size;
    options.layers = c.layers;
    options.heads = c.heads;
    options.context = c.context;
    // something else before it in the row
    layout->Add("else", {2, 2});
    memory = MakeMemoryNetwork(*layout, "memory.", kInputs, options);
  }

  // Different rows for different tasks.
  Parameters Rows(int64_t tasks, uint64_t seed, torch::Dtype type = torch::kFloat64) const {
    return {(Normals({tasks, layout->size()}, seed) * 0.5).to(type), layout};
  }

  std::shared_ptr<ParameterLayout> layout = std::make_shared<ParameterLayout>();
  std::unique_ptr<MemoryNetwork> memory;
};

// Sequences of steps some of which are left out, after a memory of some steps.
struct Sequence {
  Sequence(const Network& network, const Parameters& rows, int64_t steps, int64_t trials,
           uint64_t seed, int64_t steps_before = 3) {
    const int64_t tasks = rows.num_tasks();
    const auto type = rows.flat.scalar_type();
    x = Normals({tasks, steps, trials, kInputs}, seed).to(type);
    mask = (Normals({tasks, steps, trials}, seed + 1) > -0.7).to(type);
    memory = torch::zeros({tasks, trials, network.memory->memory_size()}, x.options());
    for (int64_t i = 0; i < steps_before; ++i) {
      memory = network.memory
                   ->Step(rows, Normals({tasks, trials, kInputs}, seed + 2 + i).to(type), memory)
                   .memory;
    }
  }
  torch::Tensor x, mask, memory;
};

class MemoryNetworkTest : public testing::TestWithParam<Case> {
 protected:
  const Network network_{GetParam()};
};

TEST_P(MemoryNetworkTest, AnUnrollIsWhatStepsGive) {
  const Parameters rows = network_.Rows(2, 1);
  for (const int64_t before : {0, 3}) {
    const Sequence s(network_, rows, 9, 5, 10, before);
    for (const Derivatives derivatives : {Derivatives::kFirst, Derivatives::kSecond}) {
      const MemoryOutput whole = network_.memory->Unroll(rows, s.x, s.mask, s.memory, derivatives);
      torch::Tensor memory = s.memory;
      for (int64_t step = 0; step < 9; ++step) {
        const torch::Tensor present = s.mask.select(1, step).unsqueeze(-1);
        const MemoryOutput next = network_.memory->Step(rows, s.x.select(1, step), memory);
        memory = torch::where(present != 0, next.memory, memory);
        EXPECT_LT(Distance(whole.outputs.select(1, step) * present, next.outputs * present), 1e-13)
            << step;
      }
      EXPECT_LT(Distance(whole.memory, memory), 1e-13);
    }
  }
}

template <typename Scalar>
void ExpectSameEvaluator(const Network& network, double tolerance) {
  const auto type = std::is_same_v<Scalar, float> ? torch::kFloat32 : torch::kFloat64;
  const Parameters rows = network.Rows(2, 1, type);
  const Sequence s(network, rows, 12, 3, 20, 0);
  const MemoryOutput whole =
      network.memory->Unroll(rows, s.x, s.mask, s.memory, Derivatives::kFirst);
  const auto evaluator = network.memory->MakeEvaluator(*network.layout, Scalar{});
  for (int64_t task = 0; task < 2; ++task) {
    for (int64_t trial = 0; trial < 3; ++trial) {
      torch::Tensor memory = s.memory[task][trial].clone();
      for (int64_t step = 0; step < 12; ++step) {
        if (s.mask[task][step][trial].template item<double>() == 0) continue;
        const torch::Tensor input = s.x[task][step][trial].contiguous();
        const Scalar* out =
            evaluator->Step(rows.flat[task].template const_data_ptr<Scalar>(),
                            input.template const_data_ptr<Scalar>(), memory.data_ptr<Scalar>());
        const torch::Tensor outputs =
            torch::from_blob(const_cast<Scalar*>(out), {network.memory->outputs()}, type);
        EXPECT_LT(Distance(whole.outputs[task][step][trial], outputs), tolerance) << step;
      }
      EXPECT_LT(Distance(whole.memory[task][trial], memory), tolerance);
    }
  }
}

TEST_P(MemoryNetworkTest, AnEvaluatorGivesWhatAnUnrollGives) {
  ExpectSameEvaluator<double>(network_, 1e-13);
  ExpectSameEvaluator<float>(network_, 1e-5);
}

TEST_P(MemoryNetworkTest, PartsOfASequenceGiveTheWhole) {
  const Parameters rows = network_.Rows(2, 1);
  const Sequence s(network_, rows, 12, 4, 30);
  const MemoryOutput whole =
      network_.memory->Unroll(rows, s.x, s.mask, s.memory, Derivatives::kFirst);
  torch::Tensor memory = s.memory;
  for (int64_t begin = 0; begin < 12; begin += 4) {
    const MemoryOutput part = network_.memory->Unroll(
        rows, s.x.narrow(1, begin, 4), s.mask.narrow(1, begin, 4), memory, Derivatives::kFirst);
    memory = part.memory;
    const torch::Tensor present = s.mask.narrow(1, begin, 4).unsqueeze(-1);
    EXPECT_LT(Distance(part.outputs * present, whole.outputs.narrow(1, begin, 4) * present), 1e-13);
  }
  EXPECT_LT(Distance(memory, whole.memory), 1e-13);
}

// A scalar that depends on every output that is not masked out, and on the memory at the end.
torch::Tensor Loss(const MemoryOutput& out, const torch::Tensor& mask) {
  const torch::Tensor weights = Normals(out.outputs.sizes().vec(), 40) * mask.unsqueeze(-1);
  return (out.outputs * weights).sum() + (out.memory * Normals(out.memory.sizes().vec(), 41)).sum();
}

TEST_P(MemoryNetworkTest, BackPropagationThroughTimeIsTheDerivative) {
  const Parameters rows = network_.Rows(2, 1);
  const Sequence s(network_, rows, 7, 3, 50);
  // one argument after the other: parameters, inputs, memory
  const std::vector<torch::Tensor> arguments = {rows.flat, s.x, s.memory};
  for (size_t argument = 0; argument < arguments.size(); ++argument) {
    const auto loss = [&](const torch::Tensor& value, Derivatives derivatives) {
      std::vector<torch::Tensor> all = arguments;
      all[argument] = value;
      const MemoryOutput out =
          network_.memory->Unroll(rows.WithFlat(all[0]), all[1], s.mask, all[2], derivatives);
      return Loss(out, s.mask);
    };
    const auto first = [&](const torch::Tensor& v) { return loss(v, Derivatives::kFirst); };
    const auto second = [&](const torch::Tensor& v) { return loss(v, Derivatives::kSecond); };
    const torch::Tensor gradient = AutogradGradient(first, arguments[argument]);
    EXPECT_LT(RelativeDistance(gradient, AutogradGradient(second, arguments[argument])), 1e-12)
        << argument;
    // the number of steps that a transformer remembers is not differentiated
    torch::Tensor numeric =
        NumericGradient([&](const torch::Tensor& v) { return first(v).template item<double>(); },
                        arguments[argument]);
    torch::Tensor compared = gradient.clone();
    if (argument == 2 && GetParam().kind == MemoryKind::kTransformer) {
      numeric.select(-1, 0).zero_();
      compared.select(-1, 0).zero_();
    }
    EXPECT_LT(RelativeDistance(compared, numeric), 1e-7) << argument;
  }
}

TEST_P(MemoryNetworkTest, ASecondDerivativeIsTheDerivativeOfTheFirst) {
  const Parameters rows = network_.Rows(1, 1);
  const Sequence s(network_, rows, 5, 2, 60);
  const torch::Tensor direction = Normals(rows.flat.sizes().vec(), 61);
  const auto slope = [&](const torch::Tensor& flat, bool create_graph) {
    const MemoryOutput out =
        network_.memory->Unroll(rows.WithFlat(flat), s.x, s.mask, s.memory, Derivatives::kSecond);
    return (torch::autograd::grad({Loss(out, s.mask)}, {flat}, {}, true, create_graph)[0] *
            direction)
        .sum();
  };
  const torch::Tensor leaf = rows.flat.clone().requires_grad_(true);
  const torch::Tensor product = torch::autograd::grad({slope(leaf, true)}, {leaf})[0];
  const torch::Tensor numeric = NumericGradient(
      [&](const torch::Tensor& v) {
        return slope(v.clone().requires_grad_(true), false).template item<double>();
      },
      rows.flat);
  EXPECT_LT(RelativeDistance(product, numeric), 1e-6);
}

TEST_P(MemoryNetworkTest, WhatIsMaskedOutHasNoInfluence) {
  const Parameters rows = network_.Rows(1, 1);
  const Sequence s(network_, rows, 8, 3, 70);
  torch::Tensor other = s.x + (1 - s.mask).unsqueeze(-1) * 5;
  const MemoryOutput a = network_.memory->Unroll(rows, s.x, s.mask, s.memory, Derivatives::kFirst);
  const MemoryOutput b =
      network_.memory->Unroll(rows, other, s.mask, s.memory, Derivatives::kFirst);
  EXPECT_TRUE(SameBits(a.memory, b.memory));
  const torch::Tensor present = s.mask.unsqueeze(-1);
  EXPECT_TRUE(SameBits(torch::where(present != 0, a.outputs, 0.0),
                       torch::where(present != 0, b.outputs, 0.0)));
  EXPECT_GT((s.x - other).abs().max().item<double>(), 1);
}

INSTANTIATE_TEST_SUITE_P(Kinds, MemoryNetworkTest, testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

// Arrays of a layer, [., .] each, as LibTorch lays them out: [gates H, inputs].
std::vector<torch::Tensor> AsLibTorch(const Parameters& rows) {
  std::vector<torch::Tensor> arrays;
  for (const size_t slice : {1, 3, 2, 4}) {
    torch::Tensor array = rows.View(slice)[0];
    arrays.push_back(slice % 2 == 1 ? array.transpose(0, 1).contiguous() : array[0]);
  }
  return arrays;
}

TEST(MemoryNetwork, AGruIsLibTorchs) {
  const Network network(kCases[0]);
  const Parameters rows = network.Rows(1, 1);
  const Sequence s(network, rows, 11, 6, 80);
  const MemoryOutput out =
      network.memory->Unroll(rows, s.x, torch::ones_like(s.mask), s.memory, Derivatives::kFirst);
  const auto [outputs, memory] = at::gru(s.x[0], s.memory, AsLibTorch(rows), /*has_biases=*/true,
                                         /*num_layers=*/1, /*dropout=*/0, /*train=*/false,
                                         /*bidirectional=*/false, /*batch_first=*/false);
  EXPECT_LT(Distance(out.outputs[0], outputs), 1e-14);
  EXPECT_LT(Distance(out.memory, memory), 1e-14);
}

TEST(MemoryNetwork, AnLstmIsLibTorchs) {
  const Network network(kCases[2]);
  const Parameters rows = network.Rows(1, 1);
  const Sequence s(network, rows, 11, 6, 90);
  const MemoryOutput out =
      network.memory->Unroll(rows, s.x, torch::ones_like(s.mask), s.memory, Derivatives::kFirst);
  const torch::Tensor h = s.memory.narrow(-1, 0, 4), c = s.memory.narrow(-1, 4, 4);
  const auto [outputs, last_h, last_c] =
      at::lstm(s.x[0], {h, c}, AsLibTorch(rows), /*has_biases=*/true, /*num_layers=*/1,
               /*dropout=*/0, /*train=*/false, /*bidirectional=*/false, /*batch_first=*/false);
  EXPECT_LT(Distance(out.outputs[0], outputs), 1e-14);
  EXPECT_LT(Distance(out.memory, torch::cat({last_h, last_c}, -1)), 1e-14);
}

TEST(MemoryNetwork, HeadsThatDoNotDivideTheSizeAreRefused) {
  ParameterLayout layout;
  MemoryOptions options;
  options.kind = MemoryKind::kTransformer;
  options.size = 10;
  options.heads = 4;
  try {
    MakeMemoryNetwork(layout, "", kInputs, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.context().key, "agent.memory.heads");
  }
}

TEST(InitialValues, AnLstmBeginsByRemembering) {
  const Network network(kCases[2]);
  const Parameters row = Initialized(network.layout, Rng(1));
  const torch::Tensor bias = row.View(2)[0][0];  // i, f, g, o
  EXPECT_EQ(bias.narrow(0, 4, 4).min().item<float>(), 1);
  EXPECT_EQ(bias.sum().item<float>(), 4);
}

TEST(InitialValues, OrthogonalBlocksAreOrthogonal) {
  const auto layout = std::make_shared<ParameterLayout>();
  layout->Add("tall", {7, 6}, ParameterRole::kBody, Initial::Orthogonal(2, 2));
  layout->Add("wide", {3, 10}, ParameterRole::kBody, Initial::Orthogonal(0.5, 2));
  const Parameters row = Initialized(layout, Rng(3));
  for (int64_t block = 0; block < 2; ++block) {
    const torch::Tensor tall = row.View(0)[0].narrow(1, block * 3, 3).to(torch::kFloat64);
    EXPECT_LT(Distance(tall.t().mm(tall), 4 * torch::eye(3, torch::kFloat64)), 1e-6);
    const torch::Tensor wide = row.View(1)[0].narrow(1, block * 5, 5).to(torch::kFloat64);
    EXPECT_LT(Distance(wide.mm(wide.t()), 0.25 * torch::eye(3, torch::kFloat64)), 1e-6);
  }
  // blocks are draws of their own
  EXPECT_GT(Distance(row.View(0)[0].narrow(1, 0, 3), row.View(0)[0].narrow(1, 3, 3)), 0.1);
  EXPECT_TRUE(SameBits(row.flat, Initialized(layout, Rng(3)).flat));
}

}  // namespace
}  // namespace fewstep
