// One interface for all few-shot learners, whether they compare features or adapt by gradients, so
// that one training loop and one evaluator serve all of them.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agents/checkpoint.h"
#include "core/config.h"
#include "core/metrics.h"
#include "core/registry.h"
#include "core/worker_pool.h"
#include "meta/fewshot/episode_source.h"

namespace fewstep {

// Where batch normalisation takes its statistics from when queries are predicted. Only kBatch is
// transductive: a prediction depends on the other queries.
enum class NormMode {
  kBatch,    // of the examples that go through the network together
  kSupport,  // of the support set alone
  kRunning,  // running means over training
  kPerStep,  // the same, of each number of gradient steps by itself
};
inline constexpr ChoiceName<NormMode> kNormModeNames[] = {{"batch", NormMode::kBatch},
                                                          {"support", NormMode::kSupport},
                                                          {"running", NormMode::kRunning},
                                                          {"per-step", NormMode::kPerStep}};

class FewShotLearner {
 public:
  virtual ~FewShotLearner() = default;

  virtual std::string unit() const = 0;  // of adaptation: "gradient step", "support set"
  // Ways of the episodes that it can predict, 0: any.
  virtual int64_t ways() const { return 0; }
  // Units that it can be judged after, when `asked` are asked for; -1: as many as in training.
  // What has one unit alone gives 0.
  virtual int64_t Units(int64_t asked) const = 0;
  // The columns that Iterate's metrics have, in their order: how many "episodes" or "examples" it
  // took; ...; and last what a learning curve shows: the score after adaptation, or where nothing
  // adapts in training what is learned instead.
  virtual std::vector<std::string> columns() const = 0;
  // An iteration of training. Everything random comes from `rng`. Throws Error(kRuntime) when the
  // update is not finite, and is then as before the call.
  virtual Metrics Iterate(const Rng& rng) = 0;

  // What an iteration holds at least, beside the learner itself: bytes.
  virtual double IterationBytes() const = 0;

  // Whether batch statistics matter to what it predicts.
  virtual bool has_batch_norm() const = 0;
  // The modes that it can predict with; the first is that of its publication.
  virtual std::vector<NormMode> norm_modes() const = 0;
  bool HasMode(NormMode mode) const { return std::ranges::count(norm_modes(), mode) > 0; }
  // Predictions of the queries after 0, 1, ..., `units` units of adaptation: scores of classes
  // [T, Q, ways], or values [T, Q, O]. What has one unit alone gives one element.
  virtual std::vector<torch::Tensor> Predict(const EpisodeBatch& episodes, int64_t ways,
                                             NormMode mode, int64_t units) const = 0;

  // Scores of classes as what a person is shown, [..., ways] -> the same shape, sums of 1.
  virtual torch::Tensor Probabilities(const torch::Tensor& scores) const {
    return scores.softmax(-1);
  }

  virtual void Save(CheckpointWriter checkpoint) const = 0;
  virtual void Load(CheckpointReader checkpoint) = 0;
};

// Examples of a class-wise episode's support or queries; of functions they are points.
inline double ExamplesOf(const EpisodeForm& form, const EpisodeOptions& episodes,
                         int64_t of_class) {
  return static_cast<double>(of_class) *
         (form.classification ? static_cast<double>(episodes.ways) : 1.0);
}

// What a learner is built with. All references outlive it.
struct LearnerContext {
  const EpisodeSource& source;
  EpisodeOptions episodes;  // that it is judged on
  WorkerPool& pool;         // each thread runs LibTorch with one intra-op thread
  torch::Device device = torch::kCPU;
  Rng init{0};         // stream of the initial parameters
  bool begins = true;  // false: what it has learned is loaded, and no pretrained weights are read
};

struct LearnerEntry {
  std::string summary;  // one sentence
  bool trained = true;  // false: Iterate is never called
  std::function<std::unique_ptr<Options>()> make_options;
  std::function<std::unique_ptr<FewShotLearner>(const Options&, const LearnerContext&)> make;
};
using LearnerRegistry = Registry<LearnerEntry>;

// Every learner that is compiled in; one line an entry (meta/fewshot/builtin_learners.cc).
LearnerRegistry BuiltinLearners();

}  // namespace fewstep
