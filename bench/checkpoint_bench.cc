// Saving a checkpoint: how long it takes and how much memory it holds beside the parameters. An
// agent of P parameters saves three rows of them, theta and two moments of Adam.
#include <filesystem>
#include <string>
#include <unistd.h>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "agents/optimizers/adam.h"
#include "bench/peak_memory.h"
#include "bench/stopwatch.h"
#include "core/checkpoint_store.h"

namespace fewstep {
namespace {

void Save(benchmark::State& state, int64_t parameters) {
  const torch::Tensor theta = torch::rand({1, parameters});
  Adam adam(theta, 1e-3);
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("fewstep-checkpoint-bench-{}", getpid());
  CheckpointStore store(folder.string(), 2);
  int64_t iteration = 0;
  double beside = 0;
  for (auto _ : state) {
    ResetPeak();
    const double before = ResidentMib();
    const Elapsed elapsed = Measure([&] {
      TensorFile file;
      CheckpointWriter checkpoint(file);
      checkpoint.Store("theta", theta);
      adam.Save(checkpoint.Scope("adam"));
      store.Save(iteration++, file);
    });
    state.SetIterationTime(elapsed.wall);
    beside = std::max(beside, PeakMib() - before);
  }
  std::filesystem::remove_all(folder);
  const double size = 3.0 * sizeof(float) * static_cast<double>(parameters) / (1 << 20);
  state.counters["checkpoint_mib"] = size;
  state.counters["peak_beside_mib"] = beside;
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  using namespace fewstep;
  for (const int64_t parameters : {int64_t{100'000}, int64_t{16'000'000}, int64_t{64'000'000}}) {
    benchmark::RegisterBenchmark(fmt::format("save/parameters:{}", parameters).c_str(),
                                 [=](benchmark::State& state) { Save(state, parameters); })
        ->Iterations(3)
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
