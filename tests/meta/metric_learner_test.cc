#include "meta/fewshot/metric_learner.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/device.h"
#include "core/error.h"
#include "data/data_catalog.h"

namespace fewstep {
namespace {

std::unique_ptr<EpisodeSource> Glyphs(Rotations rotations = Rotations::kNone) {
  const DataCatalog catalog = BuiltinData();
  const DataEntry& entry = catalog.Get("glyphs");
  const std::unique_ptr<Options> options = entry.make_options();
  Config config = Config::ParseText("[data]\nalphabets = 20\ncharacters = 10\nsize = 14", "recipe");
  config.Read("data", *options);
  return MakeExampleSource(entry.make(*options, ""), rotations);
}

class MetricLearner : public testing::Test {
 protected:
  MetricLearner() { UseOneTorchThread(); }

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

  double Accuracy(const FewShotLearner& learner, NormMode mode, int episodes) {
    double correct = 0, all = 0;
    for (int i = 0; i < episodes; ++i) {
      const EpisodeBatch batch =
          source_->Draw(DataSplit::kTest, 5, static_cast<uint64_t>(i), 1, episodes_);
      const torch::Tensor scores = learner.Predict(batch, episodes_.ways, mode, 0)[0];
      correct += (scores.argmax(2) == batch.query_y).sum().item<double>();
      all += static_cast<double>(batch.query_y.numel());
    }
    return correct / all;
  }

  std::unique_ptr<EpisodeSource> source_ = Glyphs();
  EpisodeOptions episodes_;
  std::vector<std::unique_ptr<WorkerPool>> pools_;
};

constexpr const char* kSmall =
    "meta_batch_size = 4\n[learner.network]\nfilters = 16\nstrides = [2, 2, 2]\n";

// --- rules, against loops ---

TEST_F(MetricLearner, DistancesAreThoseOfLoops) {
  torch::manual_seed(1);
  const torch::Tensor a = torch::randn({2, 3, 4}, torch::kFloat64),
                      b = torch::randn({2, 5, 4}, torch::kFloat64);
  const torch::Tensor d = NegativeSquaredDistances(a, b);
  for (int64_t t = 0; t < 2; ++t) {
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 0; j < 5; ++j) {
        EXPECT_NEAR(d[t][i][j].item<double>(), -(a[t][i] - b[t][j]).square().sum().item<double>(),
                    1e-12);
      }
    }
  }
}

// A learner whose features are known: a perceptron without hidden layers would be a linear map, so
// predictions are checked through the network's own features, computed from the stored row.
class Predictions : public MetricLearner {
 protected:
  Predictions() {
    episodes_.ways = 3;
    episodes_.shots = 2;
    episodes_.queries = 4;
  }

  // Features [S + Q, F] of episode 0 by the row that the learner saves.
  torch::Tensor FeaturesOf(const FewShotLearner& learner, const EpisodeBatch& batch) {
    TensorFile file;
    learner.Save(file);
    BackboneOptions options;
    options.kind = BackboneKind::kMlp;
    options.hidden = {8, 5};
    const auto layout = std::make_shared<ParameterLayout>();
    const Backbone backbone(*layout, "", options, source_->form().example, 0);
    const CheckpointReader reader(file);
    const Parameters row{reader.Load("row", torch::empty({1, layout->size()})), layout};
    return backbone.Forward(row, torch::cat({batch.support_x, batch.query_x}, 1))[0].to(
        torch::kFloat64);
  }
  static constexpr const char* kMlp = "[learner.network]\nkind = \"mlp\"\nhidden = [8, 5]\n";
};

TEST_F(Predictions, OfPrototypesAreThoseOfLoops) {
  const auto learner = Make("prototypical", kMlp);
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  const torch::Tensor predicted = learner->Predict(batch, 3, NormMode::kBatch, 0)[0].exp();
  const torch::Tensor features = FeaturesOf(*learner, batch);
  for (int64_t q = 0; q < 12; ++q) {
    double sum = 0, p[3];
    for (int64_t k = 0; k < 3; ++k) {
      torch::Tensor prototype = torch::zeros({5}, torch::kFloat64);
      double count = 0;
      for (int64_t s = 0; s < 6; ++s) {
        if (batch.support_y[0][s].item<int64_t>() != k) continue;
        prototype += features[s];
        ++count;
      }
      p[k] = std::exp(-(features[6 + q] - prototype / count).square().sum().item<double>());
      sum += p[k];
    }
    for (int64_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(predicted[0][q][k].item<double>(), p[k] / sum, 1e-5);
    }
  }
}

TEST_F(Predictions, OfMatchingNetworksAreThoseOfLoops) {
  for (const bool cosine : {true, false}) {
    const auto learner = Make(
        "matching", fmt::format("similarity = \"{}\"\n{}", cosine ? "cosine" : "euclidean", kMlp));
    const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
    const torch::Tensor predicted = learner->Predict(batch, 3, NormMode::kBatch, 0)[0].exp();
    const torch::Tensor features = FeaturesOf(*learner, batch);
    for (int64_t q = 0; q < 12; ++q) {
      double sum = 0, p[3] = {};
      for (int64_t s = 0; s < 6; ++s) {
        const torch::Tensor a = features[6 + q], b = features[s];
        const double similarity = cosine ? ((a * b).sum() / (a.norm() * b.norm())).item<double>()
                                         : -(a - b).square().sum().item<double>();
        p[batch.support_y[0][s].item<int64_t>()] += std::exp(similarity);
        sum += std::exp(similarity);
      }
      for (int64_t k = 0; k < 3; ++k) {
        EXPECT_NEAR(predicted[0][q][k].item<double>(), p[k] / sum, 1e-4) << cosine;
      }
    }
  }
}

TEST_F(Predictions, FollowTheirQueriesAndLabels) {
  for (const std::string name : {"matching", "prototypical"}) {
    const auto learner = Make(name, kMlp);
    const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
    const torch::Tensor scores = learner->Predict(batch, 3, NormMode::kBatch, 0)[0];
    // queries in another order: the same of each
    const torch::Tensor order = torch::randperm(12);
    EpisodeBatch other = batch;
    other.query_x = batch.query_x.index_select(1, order);
    EXPECT_TRUE(torch::allclose(learner->Predict(other, 3, NormMode::kBatch, 0)[0],
                                scores.index_select(1, order), 1e-4, 1e-5))
        << name;
    // classes called otherwise: the scores change places
    const torch::Tensor names = torch::tensor({2, 0, 1}, torch::kInt64);
    other = batch;
    other.support_y = names.index_select(0, batch.support_y[0]).unsqueeze(0);
    EXPECT_TRUE(
        torch::allclose(learner->Predict(other, 3, NormMode::kBatch, 0)[0].index_select(2, names),
                        scores, 1e-4, 1e-5))
        << name;
  }
}

// --- learning ---

TEST_F(MetricLearner, LearnsToTellNewGlyphsApart) {
  for (const std::string name : {"matching", "prototypical"}) {
    const auto learner = Make(name, kSmall);
    for (uint64_t i = 0; i < 60; ++i) learner->Iterate(Rng(2).Fork("iteration", i));
    for (const NormMode mode : learner->norm_modes()) {
      EXPECT_GT(Accuracy(*learner, mode, 60), 0.5) << name << " " << NameOf(kNormModeNames, mode);
    }
  }
}

TEST_F(MetricLearner, TheRateIsHalved) {
  const auto slow = Make("prototypical", fmt::format("halve_every = 1\n{}", kSmall));
  const auto fast = Make("prototypical", kSmall);
  const auto row = [](const FewShotLearner& learner) {
    TensorFile file;
    learner.Save(file);
    const std::span<const float> values = file.Values<float>("row");
    return torch::tensor(std::vector<float>(values.begin(), values.end()));
  };
  for (uint64_t i = 0; i < 2; ++i) {
    const torch::Tensor before_slow = row(*slow), before_fast = row(*fast);
    slow->Iterate(Rng(2).Fork("iteration", i));
    fast->Iterate(Rng(2).Fork("iteration", i));
    const double ratio =
        ((row(*slow) - before_slow).norm() / (row(*fast) - before_fast).norm()).item<double>();
    EXPECT_NEAR(ratio, i == 0 ? 1 : 0.5, 0.02);
  }
}

TEST_F(MetricLearner, BitsDependOnShardsAndNotOnThreadsAndResumingIsGoingOn) {
  const std::string keys = std::string("shards = 2\n") + kSmall;
  const auto bytes = [](const FewShotLearner& learner) {
    TensorFile file;
    learner.Save(file);
    return Serialize(file);
  };
  const auto one = Make("prototypical", keys, 1), two = Make("prototypical", keys, 2),
             resumed = Make("prototypical", keys, 2, 77);
  for (uint64_t i = 0; i < 4; ++i) {
    if (i == 2) {
      TensorFile file;
      one->Save(file);
      resumed->Load(file);
    }
    for (const auto* learner : {&one, &two, &resumed}) {
      (*learner)->Iterate(Rng(2).Fork("iteration", i));
    }
  }
  EXPECT_EQ(bytes(*one), bytes(*two));
  EXPECT_EQ(bytes(*one), bytes(*resumed));
}

TEST_F(MetricLearner, RunningStatisticsFollowTraining) {
  const auto learner = Make("prototypical", std::string("norm_momentum = 1.0\n") + kSmall);
  learner->Iterate(Rng(1).Fork("iteration", 0));
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  const torch::Tensor running = learner->Predict(batch, 5, NormMode::kRunning, 0)[0];
  const torch::Tensor transductive = learner->Predict(batch, 5, NormMode::kBatch, 0)[0];
  EXPECT_FALSE(torch::allclose(running, transductive, 1e-3, 1e-3));
  // inductive: a query's prediction does not depend on the others
  EpisodeBatch alone = batch;
  alone.query_x = batch.query_x.narrow(1, 3, 1);
  EXPECT_TRUE(torch::allclose(learner->Predict(alone, 5, NormMode::kRunning, 0)[0][0][0],
                              running[0][3], 1e-3, 1e-4));
  EXPECT_FALSE(torch::allclose(learner->Predict(alone, 5, NormMode::kBatch, 0)[0][0][0],
                               transductive[0][3], 1e-3, 1e-4));
}

TEST_F(MetricLearner, RefusesWhatItCannotLearnFrom) {
  const auto error = [&](const std::string& keys) -> std::string {
    try {
      Make("prototypical", keys);
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  };
  EXPECT_THAT(error("[learner.network]\nkind = \"mlp\"\nhidden = []"),
              testing::HasSubstr("without layers"));
  episodes_.size = EpisodeSize::kImbalanced;
  EXPECT_THAT(error("meta_batch_size = 2"), testing::HasSubstr("Set learner.meta_batch_size = 1"));
  episodes_.size = EpisodeSize::kFixed;
  EXPECT_THAT(error("training_ways = 500"), testing::HasSubstr("500 ways, but train has 120"));
  EXPECT_THAT(error("[learner.network]\nstrides = [4, 4, 4, 4, 4]"), testing::HasSubstr("none"));
  EXPECT_THAT(error("[learner.network]\nstrides = [1, 1, 1, 1]\npool = true"),
              testing::HasSubstr("no place left after 4 blocks"));
  source_ = MakeFunctionSource(BuiltinRegression()
                                   .Get("sinusoid@maml")
                                   .make(*BuiltinRegression().Get("sinusoid@maml").make_options()),
                               "sinusoid@maml");
  EXPECT_THAT(error(""), testing::HasSubstr("compares classes, and these data are functions"));
}

}  // namespace
}  // namespace fewstep
