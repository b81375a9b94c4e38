// Networks with memory on one thread: steps a second of an unroll, forward only and with its
// backward pass, beside LibTorch's own recurrent networks; and of the evaluator that acts.
#include <ATen/Functions.h>
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "agents/device.h"
#include "agents/networks/memory_network.h"
#include "bench/stopwatch.h"

namespace fewstep {
namespace {

constexpr int64_t kInputs = 8, kSteps = 256, kTrials = 64;

struct Network {
  explicit Network(MemoryKind kind) {
    MemoryOptions options;
    options.kind = kind;
    options.context = kSteps;
    memory = MakeMemoryNetwork(*layout, "", kInputs, options);
    row = Initialized(layout, Rng(1));
  }

  std::shared_ptr<ParameterLayout> layout = std::make_shared<ParameterLayout>();
  std::unique_ptr<MemoryNetwork> memory;
  Parameters row;
};

enum class Way { kKernel, kOperators, kLibTorch };

torch::Tensor Outputs(const Network& network, MemoryKind kind, Way way, const torch::Tensor& x,
                      const Parameters& row) {
  const torch::Tensor memory = torch::zeros({1, kTrials, network.memory->memory_size()});
  if (way != Way::kLibTorch) {
    return network.memory
        ->Unroll(row, x, torch::ones({1, kSteps, kTrials}), memory,
                 way == Way::kKernel ? Derivatives::kFirst : Derivatives::kSecond)
        .outputs;
  }
  const std::vector<torch::Tensor> weights = {row.View(0)[0].t(), row.View(2)[0].t(),
                                              row.View(1)[0][0], row.View(3)[0][0]};
  if (kind == MemoryKind::kGru) {
    return std::get<0>(at::gru(x[0], memory, weights, true, 1, 0, true, false, false));
  }
  const int64_t units = network.memory->outputs();
  return std::get<0>(at::lstm(x[0], {memory.narrow(-1, 0, units), memory.narrow(-1, units, units)},
                              weights, true, 1, 0, true, false, false));
}

void Unroll(benchmark::State& state, MemoryKind kind, Way way, bool backward) {
  const Network network(kind);
  const torch::Tensor x = torch::rand({1, kSteps, kTrials, kInputs});
  const torch::AutoGradMode mode(backward);
  for (auto _ : state) {
    const torch::Tensor leaf = network.row.flat.clone().requires_grad_(backward);
    const torch::Tensor out = Outputs(network, kind, way, x, network.row.WithFlat(leaf));
    if (backward) {
      benchmark::DoNotOptimize(torch::autograd::grad({out.sum()}, {leaf})[0]);
    } else {
      benchmark::DoNotOptimize(out);
    }
  }
  state.counters["steps_per_second"] = benchmark::Counter(
      static_cast<double>(state.iterations() * kSteps * kTrials), benchmark::Counter::kIsRate);
}

void Act(benchmark::State& state, MemoryKind kind) {
  const Network network(kind);
  const auto evaluator = network.memory->MakeEvaluator(*network.layout, float{});
  std::vector<float> memory(static_cast<size_t>(network.memory->memory_size()));
  const std::vector<float> input(kInputs, 0.5f);
  int64_t steps = 0;
  for (auto _ : state) {
    if (steps++ % kSteps == 0) std::fill(memory.begin(), memory.end(), 0.0f);
    benchmark::DoNotOptimize(
        evaluator->Step(network.row.flat.const_data_ptr<float>(), input.data(), memory.data()));
  }
  state.counters["steps_per_second"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  using namespace fewstep;
  UseOneTorchThread();
  for (const auto& [name, kind] : kMemoryKindNames) {
    const std::vector<std::pair<const char*, Way>> ways = {
        {"kernel", Way::kKernel}, {"operators", Way::kOperators}, {"libtorch", Way::kLibTorch}};
    for (const auto& [way_name, way] : ways) {
      const bool own_network = kind == MemoryKind::kGru || kind == MemoryKind::kLstm;
      if (way == Way::kLibTorch && !own_network) continue;
      if (way == Way::kOperators && kind == MemoryKind::kTransformer) continue;
      for (const bool backward : {false, true}) {
        benchmark::RegisterBenchmark(
            fmt::format("unroll/{}/{}/{}", name, way_name, backward ? "both" : "forward").c_str(),
            [kind = kind, way = way, backward](benchmark::State& state) {
              Unroll(state, kind, way, backward);
            })
            ->Unit(benchmark::kMillisecond);
      }
    }
    benchmark::RegisterBenchmark(fmt::format("act/{}", name).c_str(),
                                 [kind = kind](benchmark::State& state) { Act(state, kind); });
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
