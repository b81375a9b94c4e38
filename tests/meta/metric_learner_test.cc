#include "meta/fewshot/metric_learner.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/device.h"
#include "core/error.h"
#include "meta/fewshot/weights.h"
#include "tests/meta/few_shot_testing.h"

namespace fewstep {
namespace {

class MetricLearner : public FewShotTest {
 protected:
  double Accuracy(const FewShotLearner& learner, NormMode mode, int episodes) {
    return Scores(learner, 0, episodes, mode)[0];
  }
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
    const Parameters row{LoadWeights(reader, {torch::empty({1, layout->size()}), layout}), layout};
    return backbone.Forward(row, torch::cat({batch.support_x, batch.query_x}, 1))[0].to(
        torch::kFloat64);
  }
  // An array of the rule's own that the learner saves.
  static torch::Tensor OfTheRule(const FewShotLearner& learner, const std::string& name) {
    TensorFile file;
    learner.Save(file);
    const std::string full = "weights.comparison." + name;
    const std::span<const float> values = file.Values<float>(full);
    return torch::tensor(std::vector<float>(values.begin(), values.end()))
        .to(torch::kFloat64)
        .view(file.At(full).shape);
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

// Of a perceptron's features, with the parameters that are stored under "comparison.".
TEST_F(Predictions, OfRelationNetworksAreThoseOfLoops) {
  const auto learner = Make("relation", fmt::format("relation_hidden = [4]\n{}", kMlp));
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  const torch::Tensor predicted = learner->Predict(batch, 3, NormMode::kBatch, 0)[0];
  const torch::Tensor features = FeaturesOf(*learner, batch);
  const auto stored = [&](const std::string& name) { return OfTheRule(*learner, name); };
  for (int64_t q = 0; q < 12; ++q) {
    for (int64_t k = 0; k < 3; ++k) {
      torch::Tensor sum = torch::zeros({5}, torch::kFloat64);
      for (int64_t s = 0; s < 6; ++s) {
        if (batch.support_y[0][s].item<int64_t>() == k) sum += features[s];
      }
      const torch::Tensor pair = torch::cat({sum, features[6 + q]}).unsqueeze(0);
      const torch::Tensor hidden =
          (pair.mm(stored("layer0.weight")) + stored("layer0.bias")).relu();
      const torch::Tensor score =
          (hidden.mm(stored("layer1.weight")) + stored("layer1.bias")).sigmoid();
      EXPECT_NEAR(predicted[0][q][k].item<double>(), score.item<double>(), 1e-5);
    }
  }
}

// LSTM cells written out, gates in the order that the cell documents: input, forget, cell, output.
TEST_F(Predictions, OfFullContextEmbeddingsAreThoseOfLoops) {
  const auto learner = Make(
      "matching",
      fmt::format("full_context = true\ncontext_steps = 3\nsimilarity = \"euclidean\"\n{}", kMlp));
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  const torch::Tensor predicted = learner->Predict(batch, 3, NormMode::kBatch, 0)[0].exp();
  const torch::Tensor features = FeaturesOf(*learner, batch);
  const auto stored = [&](const std::string& name) { return OfTheRule(*learner, name); };
  struct State {
    torch::Tensor h = torch::zeros({5}, torch::kFloat64), c = torch::zeros({5}, torch::kFloat64);
  };
  const auto step = [&](const std::string& lstm, const torch::Tensor& x, const State& state) {
    const torch::Tensor gates =
        x.matmul(stored(lstm + ".input.weight")) + stored(lstm + ".input.bias")[0] +
        state.h.matmul(stored(lstm + ".recurrent.weight")) + stored(lstm + ".recurrent.bias")[0];
    const auto gate = [&](int64_t i) { return gates.narrow(0, 5 * i, 5); };
    State next;
    next.c = gate(1).sigmoid() * state.c + gate(0).sigmoid() * gate(2).tanh();
    next.h = gate(3).sigmoid() * next.c.tanh();
    return next;
  };
  std::vector<torch::Tensor> g(6);
  State forward, backward;
  for (size_t i = 0; i < 6; ++i) {
    g[i] = features[static_cast<int64_t>(i)].clone();
    forward = step("forward", features[static_cast<int64_t>(i)], forward);
    g[i] += forward.h;
  }
  for (size_t i = 6; i-- > 0;) {
    backward = step("backward", features[static_cast<int64_t>(i)], backward);
    g[i] += backward.h;
  }
  for (int64_t q = 0; q < 12; ++q) {
    const torch::Tensor f = features[6 + q];
    State state;
    for (int k = 0; k < 3; ++k) {
      torch::Tensor read = torch::zeros({5}, torch::kFloat64);
      double sum = 0;
      for (const torch::Tensor& of : g) {
        const double weight = std::exp((state.h * of).sum().item<double>());
        read += weight * of;
        sum += weight;
      }
      state = step("reading", torch::cat({f, read / sum}), state);
      state.h = state.h + f;
    }
    double sum = 0, p[3] = {};
    for (size_t s = 0; s < 6; ++s) {
      const double a = std::exp(-(state.h - g[s]).square().sum().item<double>());
      p[batch.support_y[0][static_cast<int64_t>(s)].item<int64_t>()] += a;
      sum += a;
    }
    for (int64_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(predicted[0][q][k].item<double>(), p[k] / sum, 1e-4);
    }
  }
}

TEST_F(Predictions, OfTheNearestNeighbourAreThoseOfLoops) {
  const auto learner = Make("nearest", "");
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  const torch::Tensor predicted = learner->Predict(batch, 3, NormMode::kBatch, 0)[0].argmax(2);
  for (int64_t q = 0; q < 12; ++q) {
    double least = INFINITY;
    int64_t label = -1;
    for (int64_t s = 0; s < 6; ++s) {
      const double distance =
          (batch.query_x[0][q] - batch.support_x[0][s]).square().sum().item<double>();
      if (distance >= least) continue;
      least = distance;
      label = batch.support_y[0][s].item<int64_t>();
    }
    EXPECT_EQ(predicted[0][q].item<int64_t>(), label);
  }
}

TEST_F(Predictions, AreShownAsProbabilities) {
  for (const std::string name : {"matching", "prototypical", "relation", "nearest"}) {
    const auto learner = Make(name, name == "nearest" ? "" : kMlp);
    const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
    const torch::Tensor scores = learner->Predict(batch, 3, NormMode::kBatch, 0)[0];
    const torch::Tensor shown = learner->Probabilities(scores);
    EXPECT_TRUE(torch::allclose(shown.sum(2), torch::ones({1, 12}), 1e-4, 1e-5)) << name;
    EXPECT_GE(shown.min().item<double>(), 0) << name;
    EXPECT_TRUE(torch::equal(shown.argmax(2), scores.argmax(2))) << name;
    // as they are where they are probabilities; a relation is a score of its own
    if (name == "relation") {
      EXPECT_TRUE(torch::allclose(shown * scores.sum(2, true), scores, 1e-4, 1e-6));
    } else if (name != "nearest") {
      EXPECT_TRUE(torch::allclose(shown, scores.exp()));
    }
  }
}

TEST_F(Predictions, FollowTheirQueriesAndLabels) {
  for (const std::string name : {"matching", "prototypical", "relation"}) {
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
  for (const std::string name : {"matching", "prototypical", "relation"}) {
    const auto learner = Make(name, kSmall, 1, TestSeed());
    // relations are all near 0 for a while, before they tell classes apart
    const uint64_t iterations = name == "relation" ? 400 : 100;
    const double untrained = Accuracy(*learner, NormMode::kBatch, 60);
    for (uint64_t i = 0; i < iterations; ++i) {
      learner->Iterate(Rng(TestSeed()).Fork("iteration", i));
    }
    for (const NormMode mode : learner->norm_modes()) {
      EXPECT_GT(Accuracy(*learner, mode, 60), std::max(0.5, untrained + 0.1))
          << name << " " << NameOf(kNormModeNames, mode);
    }
  }
}

TEST_F(MetricLearner, TheRateIsHalved) {
  const auto slow = Make("prototypical", fmt::format("halve_every = 1\n{}", kSmall));
  const auto fast = Make("prototypical", kSmall);
  for (uint64_t i = 0; i < 2; ++i) {
    const torch::Tensor before_slow = StoredWeights(*slow), before_fast = StoredWeights(*fast);
    slow->Iterate(Rng(2).Fork("iteration", i));
    fast->Iterate(Rng(2).Fork("iteration", i));
    const double ratio =
        ((StoredWeights(*slow) - before_slow).norm() / (StoredWeights(*fast) - before_fast).norm())
            .item<double>();
    EXPECT_NEAR(ratio, i == 0 ? 1 : 0.5, 0.02);
  }
}

TEST_F(MetricLearner, BitsDependOnShardsAndNotOnThreadsAndResumingIsGoingOn) {
  const std::string keys = std::string("shards = 2\n") + kSmall;
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
  EXPECT_EQ(StoredBytes(*one), StoredBytes(*two));
  EXPECT_EQ(StoredBytes(*one), StoredBytes(*resumed));
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
  EXPECT_THAT(error("[learner.network]\nstrides = [1, 1, 1, 1]\npool_blocks = 4"),
              testing::HasSubstr("no place left after 4 blocks"));
  source_ = Functions("sinusoid@maml");
  EXPECT_THAT(error(""), testing::HasSubstr("compares classes, and these data are regressed"));
}

}  // namespace
}  // namespace fewstep
