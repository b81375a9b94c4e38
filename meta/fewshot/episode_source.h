// Episodes as tensors: what few-shot learners learn from and are judged on.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agents/torch.h"
#include "data/episodes.h"
#include "data/regression.h"

namespace fewstep {

// T episodes of one size. Labels are int64 classes [T, S]; targets of regression float [T, S, O].
struct EpisodeBatch {
  torch::Tensor support_x, support_y;  // [T, S, example...]
  torch::Tensor query_x, query_y;      // [T, Q, example...]
  torch::Tensor classes;  // int64 [T, ways]: which of the split's classes; undefined of functions

  int64_t num_tasks() const { return support_x.size(0); }
  EpisodeBatch Tasks(int64_t begin, int64_t end) const;
  EpisodeBatch To(torch::Device device) const;
};

// What is minimised, [T], means over a task's examples: the cross-entropy of scores [T, B, ways]
// for labels [T, B], or the squared error of values [T, B, O].
torch::Tensor EpisodeLosses(const torch::Tensor& outputs, const torch::Tensor& y,
                            bool classification);

// What a source gives: the form of an example and of what is predicted.
struct EpisodeForm {
  ExampleShape example;
  bool classification = true;
  int64_t outputs = 0;       // of regression; of classification the ways of an episode
  double low = 0, high = 0;  // of regression: where numbers of x lie, for pictures
};

// What a learner is not told of an episode: for pictures of it.
struct EpisodeTruth {
  std::vector<std::string> classes;  // [ways], by label; of rows the task; of functions none
  // Of a function: its parameters by name, and its values [X, O] at the x that were asked for.
  std::vector<std::pair<std::string, double>> parameters;
  std::vector<double> values;
};

// Immutable: any number of threads.
class EpisodeSource {
 public:
  virtual ~EpisodeSource() = default;

  virtual const EpisodeForm& form() const = 0;
  // Classes of a split, turned ones counted where they are classes of their own; 0 of regression.
  virtual int64_t num_classes(DataSplit split) const = 0;
  // Throws Error(kUsage) with the numbers where a split cannot give episodes of this size.
  virtual void Check(DataSplit split, const EpisodeOptions& options) const = 0;
  // Of everything that episodes depend on but their seed and size: 16 hexadecimal digits.
  virtual const std::string& hash() const = 0;
  // Episodes first, first + 1, ... of the split's stream with this seed, on the CPU. With
  // EpisodeSize::kVariable and kImbalanced `count` is 1: no two have the same size.
  virtual EpisodeBatch Draw(DataSplit split, uint64_t seed, uint64_t first, int64_t count,
                            const EpisodeOptions& options) const = 0;
  // Of episode `index` of that stream; x [X, example...] are inputs of a function.
  virtual EpisodeTruth Truth(DataSplit split, uint64_t seed, uint64_t index,
                             const EpisodeOptions& options, std::span<const double> x) const = 0;
};

// Of labelled examples, which it owns. Of vectors with targets (ExampleSet::SetTargets) an episode
// is a task of regression, with `shots` and `queries` rows of it; `ways` is not used.
std::unique_ptr<EpisodeSource> MakeExampleSource(std::unique_ptr<ExampleSet> set,
                                                 Rotations rotations);
// Of functions; `shots` and `queries` are points, `ways` is not used. Every split is the same law.
// `definition` is hashed: what the family is called, and its keys.
std::unique_ptr<EpisodeSource> MakeFunctionSource(std::unique_ptr<RegressionFamily> family,
                                                  const std::string& definition);

}  // namespace fewstep
