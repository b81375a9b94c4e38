// Iterations of MAML, second and first order, on pictures of 28 x 28 and on sines, through the
// interface that training goes through: episodes drawn, adaptation, queries scored after it,
// meta-gradient, Adam. bench/compare_few_shot.py does the same in PyTorch.
//
//   LEARNER/SHAPE/threads:N   T meta-batch, N ways, K shots, Q queries a class, S inner steps
//
// processor counts seconds of all threads of an iteration. peak_mib is the largest resident set
// while iterating, beside_mib what of it was not there before the learner was made.
//
// few_shot_bench --write LEARNER/SHAPE FILE writes what one iteration began with, its episodes,
// its loss and its meta-gradient as safetensors, for PyTorch to arrive at the same.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "agents/device.h"
#include "bench/peak_memory.h"
#include "bench/stopwatch.h"
#include "core/error.h"
#include "core/memory.h"
#include "data/data_catalog.h"
#include "meta/fewshot/learner.h"

namespace fewstep {
namespace {

struct Setting {
  std::string name;
  int64_t tasks, ways, shots, queries, steps;
};
const Setting kSettings[] = {
    {"T32_N5_K1_Q1_S1", 32, 5, 1, 1, 1},
    {"T32_N5_K1_Q15_S1", 32, 5, 1, 15, 1},
    {"T16_N20_K1_Q5_S1", 16, 20, 1, 5, 1},
    {"T32_N5_K5_Q1_S5", 32, 5, 5, 1, 5},
    {"sines", 25, 1, 10, 10, 1}};  // points of functions, which have no ways

bool IsPictures(const Setting& setting) { return setting.name != "sines"; }

const EpisodeSource& Pictures() {
  static const std::unique_ptr<EpisodeSource> source = [] {
    const DataCatalog catalog = BuiltinData();
    const DataEntry& entry = catalog.Get("glyphs");
    return MakeExampleSource(entry.make(*entry.make_options(), ""), Rotations::kNone);
  }();
  return *source;
}

const EpisodeSource& Sines() {
  static const std::unique_ptr<EpisodeSource> source = [] {
    const RegressionCatalog catalog = BuiltinRegression();
    const RegressionEntry& entry = catalog.Get("sinusoid@maml");
    return MakeFunctionSource(entry.make(*entry.make_options()), "sinusoid@maml");
  }();
  return *source;
}

const EpisodeSource& Source(const Setting& setting) {
  return IsPictures(setting) ? Pictures() : Sines();
}

class Bench {
 public:
  Bench(const std::string& learner, const Setting& setting, int threads)
      : setting_(setting), source_(Source(setting)), pool_(threads, UseOneTorchThread) {
    UseOneTorchThread();
    episodes_.ways = setting.ways;
    episodes_.shots = setting.shots;
    episodes_.queries = setting.queries;
    std::string keys = fmt::format(
        "[learner]\nmeta_batch_size = {}\ninner_steps = {}\ninner_learning_rate = 0.02\n",
        setting.tasks, setting.steps);
    if (!IsPictures(setting)) {
      keys += fmt::format("shards = {}\n[learner.network]\nkind = \"mlp\"\nhidden = [40, 40]\n",
                          threads);
    }
    const LearnerRegistry learners = BuiltinLearners();
    const LearnerEntry& entry = learners.Get(learner);
    const std::unique_ptr<Options> options = entry.make_options();
    Config::ParseText(keys, "bench").Read("learner", *options);
    learner_ = entry.make(
        *options,
        {.source = source_, .episodes = episodes_, .pool = pool_, .init = Rng(1).Fork("init")});
  }

  Metrics Iterate() { return learner_->Iterate(Rng(2).Fork("iteration", iteration_++)); }

  void Write(const std::string& path) {
    TensorFile begin, end, file;
    learner_->Save(begin);
    begin = WithoutKinks(begin);
    learner_->Load(begin);
    for (const TensorEntry& entry : begin.tensors()) {
      if (entry.name.starts_with("weights.")) file.AddEntry(entry);
    }
    const Rng rng = Rng(2).Fork("iteration", iteration_);  // that of Iterate
    const EpisodeBatch batch =
        source_.Draw(DataSplit::kTrain, rng.Fork("episodes").key(), 0, setting_.tasks, episodes_);
    const CheckpointWriter out(file);
    out.Store("support_x", batch.support_x);
    out.Store("support_y", batch.support_y);
    out.Store("query_x", batch.query_x);
    out.Store("query_y", batch.query_y);
    file.AddScalar("loss", Iterate().Get("loss"));
    learner_->Save(end);
    file.AddEntry(end.At("adam.first"));  // of Adam's first step a tenth of the gradient
    SaveTensorFile(file, path);
  }

 private:
  // Offsets of normalisation at 2 deviations instead of 0: few numbers are then near the kink of
  // ReLU, where a last bit decides whether a number, and with it all of a drawing's background,
  // has a gradient.
  static TensorFile WithoutKinks(const TensorFile& file) {
    TensorFile moved;
    for (const TensorEntry& entry : file.tensors()) {
      if (!entry.name.ends_with(".offset")) {
        moved.AddEntry(entry);
        continue;
      }
      const std::vector<float> offsets(entry.bytes.size() / sizeof(float), 2);
      moved.Add(entry.name, entry.dtype, entry.shape, offsets.data());
    }
    return moved;
  }

  const Setting& setting_;
  const EpisodeSource& source_;
  EpisodeOptions episodes_;
  WorkerPool pool_;
  std::unique_ptr<FewShotLearner> learner_;
  uint64_t iteration_ = 0;
};

void Run(benchmark::State& state, const std::string& learner, const Setting& setting, int threads) {
  Source(setting);
  const double before = ResidentMib();
  Bench bench(learner, setting, threads);
  bench.Iterate();
  ResetPeak();
  Elapsed total;
  for (auto _ : state) {
    const Elapsed elapsed = Measure([&] { bench.Iterate(); });
    state.SetIterationTime(elapsed.wall);
    total.wall += elapsed.wall;
    total.processor += elapsed.processor;
  }
  const auto count = static_cast<double>(state.iterations());
  const double peak = PeakMib();
  state.counters["iterations/s"] = count / total.wall;
  state.counters["processor"] = total.processor / count;
  state.counters["peak_mib"] = peak;
  state.counters["beside_mib"] = peak - before;
}

int WriteOne(const std::string& name, const std::string& path) {
  for (const std::string learner : {"maml", "fomaml"}) {
    for (const Setting& setting : kSettings) {
      if (name != learner + "/" + setting.name) continue;
      Bench(learner, setting, 1).Write(path);
      return 0;
    }
  }
  fmt::print(stderr, "there is no '{}'\n", name);
  return 1;
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  using namespace fewstep;
  KeepFreedMemory();
  if (argc == 4 && std::strcmp(argv[1], "--write") == 0) return WriteOne(argv[2], argv[3]);
  for (const std::string learner : {"maml", "fomaml"}) {
    for (const Setting& setting : kSettings) {
      for (const int threads : {1, 2}) {
        benchmark::RegisterBenchmark(
            fmt::format("{}/{}/threads:{}", learner, setting.name, threads).c_str(),
            [=, &setting](benchmark::State& state) { Run(state, learner, setting, threads); })
            ->UseManualTime()
            ->MinTime(2)
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
