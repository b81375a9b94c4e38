// What tests of few-shot learners have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agents/device.h"
#include "data/data_catalog.h"
#include "meta/fewshot/learner.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {

// Small pictures: 20 alphabets of 10 characters, 14 x 14.
inline std::unique_ptr<EpisodeSource> Glyphs(Rotations rotations = Rotations::kNone) {
  const DataCatalog catalog = BuiltinData();
  const std::unique_ptr<Options> options = catalog.Get("glyphs").make_options();
  Config config = Config::ParseText("[data]\nalphabets = 20\ncharacters = 10\nsize = 14", "recipe");
  config.Read("data", *options);
  return MakeExampleSource(catalog.Get("glyphs").make(*options, ""), rotations);
}

inline std::unique_ptr<EpisodeSource> Functions(const std::string& name) {
  const RegressionCatalog catalog = BuiltinRegression();
  return MakeFunctionSource(catalog.Get(name).make(*catalog.Get(name).make_options()), name);
}

// What a learner saves as its weights, and as its learned inner rates behind them: [1, P].
inline torch::Tensor StoredWeights(const FewShotLearner& learner) {
  TensorFile file;
  learner.Save(file);
  std::vector<float> values;
  for (const TensorEntry& entry : file.tensors()) {
    if (!entry.name.starts_with("weights.") && entry.name != "inner_rates") continue;
    const std::span<const float> of = file.Values<float>(entry.name);
    values.insert(values.end(), of.begin(), of.end());
  }
  return torch::tensor(values).view({1, -1});
}

inline std::string StoredBytes(const FewShotLearner& learner) {
  TensorFile file;
  learner.Save(file);
  return Serialize(file);
}

// Learners on glyphs, or on what a test puts in their place.
class FewShotTest : public testing::Test {
 protected:
  FewShotTest() { UseOneTorchThread(); }

  std::unique_ptr<FewShotLearner> Make(const std::string& name, const std::string& keys,
                                       int threads = 1, uint64_t seed = 1) {
    pools_.push_back(std::make_unique<WorkerPool>(threads, UseOneTorchThread));
    const LearnerRegistry learners = BuiltinLearners();
    const LearnerEntry& entry = learners.Get(name);
    const std::unique_ptr<Options> options = entry.make_options();
    Config config = Config::ParseText("[learner]\n" + keys, "recipe");
    config.Read("learner", *options);
    return entry.make(*options, {.source = *source_,
                                 .episodes = episodes_,
                                 .pool = *pools_.back(),
                                 .init = Rng(seed).Fork("init")});
  }

  // The mean score of queries after each unit, over held-out episodes.
  std::vector<double> Scores(const FewShotLearner& learner, int64_t units, int count,
                             NormMode mode = NormMode::kBatch) {
    std::vector<double> sums(static_cast<size_t>(units) + 1);
    for (int i = 0; i < count; ++i) {
      const EpisodeBatch batch =
          source_->Draw(DataSplit::kTest, 5, static_cast<uint64_t>(i), 1, episodes_);
      const auto predictions = learner.Predict(batch, episodes_.ways, mode, units);
      EXPECT_EQ(predictions.size(), sums.size());
      for (size_t unit = 0; unit < sums.size(); ++unit) {
        const torch::Tensor& p = predictions[unit];
        sums[unit] += source_->form().classification
                          ? (p.argmax(2) == batch.query_y).to(torch::kFloat64).mean().item<double>()
                          : (p - batch.query_y).square().mean().item<double>();
      }
    }
    for (double& sum : sums) sum /= count;
    return sums;
  }

  std::unique_ptr<EpisodeSource> source_ = Glyphs();
  EpisodeOptions episodes_;
  std::vector<std::unique_ptr<WorkerPool>> pools_;
};

}  // namespace fewstep
