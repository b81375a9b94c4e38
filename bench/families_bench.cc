// What a task family from outside costs: the sampler on half-cheetah-vel@promp as it is built in,
// as a folder and as a plug-in, the same physics, tasks, policies and seeds, in turn; and what a
// task costs that changes the model, beside the mj_setConst that MuJoCo needs for it.
//
// ratio: seconds of the built-in family / seconds of the other one, of processor time, so that 0.97
// is 3 % slower; the pair's order alternates. Returns must be the same to the bit.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "agents/device.h"
#include "agents/policies/mlp_policy.h"
#include "agents/sampler.h"
#include "bench/stopwatch.h"
#include "core/error.h"
#include "core/worker_pool.h"
#include "embedded/half_cheetah.xml.h"
#include "envs/declarative/declarative_family.h"
#include "envs/outside_families.h"

namespace fewstep {
namespace {

constexpr int kTasks = 40, kEpisodes = 4;

class Workload {
 public:
  Workload(std::unique_ptr<TaskFamily> family, int threads)
      : family_(std::move(family)),
        pool_(threads, UseOneTorchThread),
        policy_(MakeMlpPolicy(family_->spec(), {})),
        tasks_(family_->Sample(Split::kTrain, kTasks, Rng(1).Fork("tasks"))),
        rows_(policy_->InitialParameters(Rng(1))),
        sampler_(*family_, pool_, SamplingPlan::kEpisodes) {
    Collect(0);
  }
  // Returns of all episodes.
  torch::Tensor Collect(uint64_t seed) {
    return sampler_.Collect(*policy_, rows_, tasks_, {.episodes = kEpisodes}, Rng(seed)).returns;
  }

 private:
  std::unique_ptr<TaskFamily> family_;
  WorkerPool pool_;
  std::unique_ptr<MemorylessPolicy> policy_;
  std::vector<Task> tasks_;
  Parameters rows_;
  Sampler sampler_;
};

// A folder of the declared half-cheetah.
std::string DeclaredFolder() {
  const std::string folder =
      (std::filesystem::temp_directory_path() / fmt::format("families_bench_{}", getpid()))
          .string();
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(FEWSTEP_SOURCE_DIR "/tests/samples/families/half-cheetah-vel.toml",
                             folder + "/family.toml",
                             std::filesystem::copy_options::overwrite_existing);
  std::ofstream(folder + "/model.xml") << embedded::half_cheetah_xml;
  return folder;
}

std::unique_ptr<TaskFamily> Outside(const std::string& path) {
  FamilyCatalog catalog;
  AddFamilies(path, {}, Clash::kRefuse, catalog);
  return catalog.Make(catalog.Names().at(0));
}

void Compare(benchmark::State& state, const std::function<std::unique_ptr<TaskFamily>()>& make) {
  const int threads = static_cast<int>(state.range(0));
  Workload built_in(BuiltinFamilies().Make("half-cheetah-vel@promp"), threads);
  Workload other(make(), threads);
  double built_in_seconds = 0, other_seconds = 0;
  uint64_t seed = 1;
  for (auto _ : state) {
    torch::Tensor expected, found;
    const auto measure = [&](Workload& workload, torch::Tensor& returns) {
      const double begin = ProcessorSeconds();
      returns = workload.Collect(seed);
      return ProcessorSeconds() - begin;
    };
    if (seed % 2 == 0) built_in_seconds += measure(built_in, expected);
    other_seconds += measure(other, found);
    if (seed % 2 == 1) built_in_seconds += measure(built_in, expected);
    FEWSTEP_CHECK(torch::equal(expected, found), "not the same family");
    ++seed;
  }
  state.counters["ratio"] = built_in_seconds / other_seconds;
}

void DeclaredFamily(benchmark::State& state) {
  Compare(state, [] { return Outside(DeclaredFolder()); });
}
void PluginFamily(benchmark::State& state) {
  Compare(state, [] { return Outside(FEWSTEP_BENCH_PLUGIN); });
}
BENCHMARK(DeclaredFamily)->Arg(1)->Arg(2)->Iterations(8)->Unit(benchmark::kMillisecond);
BENCHMARK(PluginFamily)->Arg(1)->Arg(2)->Iterations(8)->Unit(benchmark::kMillisecond);

// A task of the hovercraft, whose mass, drag and fans change: all of it, and mj_setConst alone.
void ApplyTask(benchmark::State& state) {
  const declarative::FamilyFolder folder =
      declarative::ReadFamilyFolder(FEWSTEP_SOURCE_DIR "/examples/families/hover-dynamics");
  const MujocoDefinition definition = declarative::Define(folder);
  const ModelPtr nominal =
      CompileModel(definition.mjcf, definition.files, "model.xml", Textures::kDrop);
  const ModelPtr model = CopyModel(nominal.get());
  const DataPtr data = MakeData(nominal.get());
  const bool all = state.range(0) != 0;
  const double task[] = {1.1, 0.9, 1.2, -1, 1};
  for (auto _ : state) {
    if (all) definition.apply_task(nominal.get(), model.get(), task, definition.context.get());
    if (all) {
      RefreshConstants(nominal.get(), model.get(), data.get());
    } else {
      mj_setConst(model.get(), data.get());
    }
    benchmark::DoNotOptimize(model->body_mass[1]);
  }
}
BENCHMARK(ApplyTask)->ArgName("all")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace fewstep

BENCHMARK_MAIN();
