#include "meta/fewshot/finetune_learner.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/meta/few_shot_testing.h"

namespace fewstep {
namespace {

class FineTuneLearner : public FewShotTest {
 protected:
  FineTuneLearner() { episodes_.queries = 5; }
};

constexpr const char* kSmall = "[learner.network]\nfilters = 16\nstrides = [2, 2, 2]\n";
constexpr const char* kMlp = "[learner.network]\nkind = \"mlp\"\nhidden = [9]\n";

// Gradient descent on a last layer that begins at 0, from features as they are, written out.
TEST_F(FineTuneLearner, TheHeadAloneIsLogisticRegressionOnFeatures) {
  const auto learner = Make("scratch", fmt::format("head_only = true\ntuning_rate = 0.3\n"
                                                   "tuning_optimizer = \"gradient\"\n{}",
                                                   kMlp));
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 2, episodes_);
  const auto predicted = learner->Predict(batch, 5, NormMode::kBatch, 3);
  ASSERT_EQ(predicted.size(), 4u);
  EXPECT_EQ(predicted[0].abs().max().item<double>(), 0);
  const torch::Tensor row = StoredWeights(*learner)[0].to(torch::kFloat64);
  constexpr int64_t kPixels = 14 * 14, kUnits = 9;
  const auto features = [&](const torch::Tensor& x) {
    const torch::Tensor weight = row.narrow(0, 0, kPixels * kUnits).view({kPixels, kUnits});
    const torch::Tensor sums =
        x.flatten(1).to(torch::kFloat64).mm(weight) + row.narrow(0, kPixels * kUnits, kUnits);
    return sums.relu();
  };
  for (int64_t t = 0; t < 2; ++t) {
    torch::Tensor weight = torch::zeros({kUnits, 5}, torch::kFloat64),
                  bias = torch::zeros({5}, torch::kFloat64);
    const torch::Tensor x = features(batch.support_x[t]);
    for (size_t step = 1; step < 4; ++step) {
      // the gradient of the cross-entropy is x' (p - y) / n
      const torch::Tensor error = ((x.mm(weight) + bias).softmax(1) -
                                   torch::one_hot(batch.support_y[t], 5).to(torch::kFloat64)) /
                                  5;
      weight = weight - 0.3 * x.t().mm(error);
      bias = bias - 0.3 * error.sum(0);
      const torch::Tensor expected = features(batch.query_x[t]).mm(weight) + bias;
      EXPECT_TRUE(torch::allclose(predicted[step][t].to(torch::kFloat64), expected, 1e-4, 1e-5))
          << step;
    }
  }
}

// The head of classes of an episode: called otherwise, their scores change places.
TEST_F(FineTuneLearner, PredictionsFollowTheirLabels) {
  const auto learner = Make("scratch", kSmall);
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  const torch::Tensor scores = learner->Predict(batch, 5, NormMode::kSupport, 3)[3];
  const torch::Tensor names = torch::tensor({2, 0, 1, 4, 3}, torch::kInt64);
  EpisodeBatch other = batch;
  other.support_y = names.index_select(0, batch.support_y[0]).unsqueeze(0);
  EXPECT_TRUE(
      torch::allclose(learner->Predict(other, 5, NormMode::kSupport, 3)[3].index_select(2, names),
                      scores, 1e-4, 1e-5));
}

// The first update of a classifier of all base classes, in double.
TEST_F(FineTuneLearner, ThePretextIsTheCrossEntropyAmongAllBaseClasses) {
  const auto learner = Make("transfer", fmt::format("batch_size = 8\n{}", kMlp));
  const torch::Tensor row = StoredWeights(*learner)[0].to(torch::kFloat64);
  const Rng rng = Rng(4).Fork("iteration", 1);
  const Metrics metrics = learner->Iterate(rng);
  EXPECT_EQ(metrics.Get("examples"), 16);

  EpisodeOptions options;
  options.ways = 8;
  options.queries = 1;
  const EpisodeBatch batch =
      source_->Draw(DataSplit::kTrain, rng.Fork("episodes").key(), 0, 1, options);
  const int64_t classes = source_->num_classes(DataSplit::kTrain);
  constexpr int64_t kPixels = 14 * 14, kUnits = 9;
  int64_t at = 0;
  const auto next = [&](int64_t rows, int64_t columns) {
    const torch::Tensor array = row.narrow(0, at, rows * columns).view({rows, columns});
    at += rows * columns;
    return array;
  };
  const torch::Tensor w0 = next(kPixels, kUnits), b0 = next(1, kUnits), w1 = next(kUnits, classes),
                      b1 = next(1, classes);
  ASSERT_EQ(at, row.size(0));
  double loss = 0, correct = 0;
  for (const auto& [xs, ys] :
       {std::pair{batch.support_x[0], batch.support_y[0]}, {batch.query_x[0], batch.query_y[0]}}) {
    for (int64_t i = 0; i < 8; ++i) {
      const torch::Tensor scores =
          (xs[i].flatten().unsqueeze(0).to(torch::kFloat64).mm(w0) + b0).relu().mm(w1) + b1;
      const int64_t label = batch.classes[0][ys[i].item<int64_t>()].item<int64_t>();
      ASSERT_LT(label, classes);
      loss -= scores.log_softmax(1)[0][label].item<double>() / 16;
      correct += scores.argmax(1).item<int64_t>() == label ? 1.0 / 16 : 0;
    }
  }
  EXPECT_NEAR(metrics.Get("loss"), loss, 1e-4);
  EXPECT_NEAR(metrics.Get("base_accuracy"), correct, 1e-6);
}

TEST_F(FineTuneLearner, LearnsItsPretext) {
  for (const std::string name : {"transfer", "autoencoder"}) {
    const auto learner =
        Make(name, std::string("batch_size = 40\nlearning_rate = 0.003\n") + kSmall, 1, TestSeed());
    double first = 0, last = 0;
    for (uint64_t i = 0; i < 120; ++i) {
      const double loss = learner->Iterate(Rng(TestSeed()).Fork("iteration", i)).Get("loss");
      if (i < 10) first += loss;
      if (i >= 110) last += loss;
    }
    EXPECT_LT(last, 0.7 * first) << name;
    for (const NormMode mode : learner->norm_modes()) {
      const std::vector<double> scores = Scores(*learner, 10, 30, mode);
      EXPECT_GT(scores[10], scores[0] + 0.1) << name << NameOf(kNormModeNames, mode);
    }
  }
}

TEST_F(FineTuneLearner, OfFunctionsKeepsItsHead) {
  source_ = Functions("sinusoid@maml");
  episodes_ = {};
  episodes_.shots = 5;
  const auto learner = Make("transfer", kMlp);
  for (uint64_t i = 0; i < 20; ++i) learner->Iterate(Rng(2).Fork("iteration", i));
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  const auto predicted = learner->Predict(batch, 0, NormMode::kBatch, 1);
  EXPECT_GT(predicted[0].abs().max().item<double>(), 0);
  EXPECT_FALSE(torch::allclose(predicted[0], predicted[1]));
}

TEST_F(FineTuneLearner, ResumingIsGoingOn) {
  for (const std::string name : {"transfer", "autoencoder"}) {
    const auto one = Make(name, kSmall), resumed = Make(name, kSmall, 2, 77);
    for (uint64_t i = 0; i < 4; ++i) {
      if (i == 2) {
        TensorFile file;
        one->Save(file);
        resumed->Load(file);
      }
      if (i >= 2) resumed->Iterate(Rng(2).Fork("iteration", i));
      one->Iterate(Rng(2).Fork("iteration", i));
    }
    EXPECT_EQ(StoredBytes(*one), StoredBytes(*resumed)) << name;
  }
}

// What one learner has learned is what another starts from, but for the last layer.
TEST_F(FineTuneLearner, ANetworkStartsFromTheWeightsOfAnotherRun) {
  const std::string path = testing::TempDir() + "/pretrained.safetensors";
  const auto pretrained = Make("autoencoder", kSmall);
  pretrained->Iterate(Rng(1));
  TensorFile file;
  pretrained->Save(file);
  SaveTensorFile(file, path);
  const std::string keys = fmt::format("{}weights = \"{}\"\n", kSmall, path);
  for (const std::string name : {"maml", "prototypical", "transfer"}) {
    const auto learner = Make(name, keys), other = Make(name, kSmall);
    const torch::Tensor row = StoredWeights(*learner), fresh = StoredWeights(*other);
    const int64_t body = 16 * 9 + 2 * 16 + 2 * (16 * 16 * 9 + 2 * 16);
    EXPECT_TRUE(torch::equal(row.narrow(1, 0, body), StoredWeights(*pretrained).narrow(1, 0, body)))
        << name;
    const int64_t rest = row.size(1) - body;
    EXPECT_TRUE(torch::equal(row.narrow(1, body, rest), fresh.narrow(1, body, rest))) << name;
  }
  // with the running statistics, which examples are then normalised by one by one
  const auto statistics = [](const FewShotLearner& learner, const std::string& scope) {
    TensorFile of;
    learner.Save(of);
    std::vector<float> numbers;
    for (const TensorEntry& entry : of.tensors()) {
      if (!entry.name.starts_with(scope)) continue;
      const std::span<const float> values = of.Values<float>(entry.name);
      numbers.insert(numbers.end(), values.begin(), values.end());
    }
    return numbers;
  };
  const std::vector<float> learned = statistics(*pretrained, "running.");
  ASSERT_EQ(learned.size(), 6u * 16);
  EXPECT_NE(learned, statistics(*Make("prototypical", kSmall), "running."));
  EXPECT_EQ(learned, statistics(*Make("prototypical", keys), "running."));
  EXPECT_EQ(learned, statistics(*Make("maml", keys), "running1."));
  // and back from what has statistics of every step
  TensorFile of_steps;
  const auto maml = Make("maml", keys);
  maml->Iterate(Rng(1));
  maml->Save(of_steps);
  SaveTensorFile(of_steps, path + "3");
  EXPECT_EQ(statistics(*maml, "running0."),
            statistics(*Make("prototypical", fmt::format("{}weights = \"{}3\"\n", kSmall, path)),
                       "running."));
  std::filesystem::remove(path + "3");
  // of a perceptron every layer is features where no last one follows
  const auto perceptron = Make("transfer", kMlp);
  TensorFile of_perceptron;
  perceptron->Save(of_perceptron);
  SaveTensorFile(of_perceptron, path + "2");
  const auto taken = Make("prototypical", fmt::format("{}weights = \"{}2\"\n", kMlp, path), 1, 9);
  EXPECT_TRUE(torch::equal(StoredWeights(*taken),
                           StoredWeights(*perceptron).narrow(1, 0, 14 * 14 * 9 + 9)));
  std::filesystem::remove(path + "2");
  const auto error = [&](const std::string& network) -> std::string {
    try {
      Make("maml", fmt::format("[learner.network]\n{}\nweights = \"{}\"\n", network, path));
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  };
  EXPECT_THAT(error("filters = 8\nstrides = [2, 2, 2]"),
              testing::HasSubstr("'weights.block0.weight' is [16, 9], the network's is [8, 9]"));
  EXPECT_THAT(error("filters = 16\nstrides = [2, 2, 2, 1]"),
              testing::HasSubstr("the network's 'block3.weight' is not in it"));
  std::filesystem::remove(path);
}

TEST_F(FineTuneLearner, WhatItCannotDoIsRefused) {
  EXPECT_FALSE(BuiltinLearners().Get("scratch").trained);
  EXPECT_TRUE(BuiltinLearners().Get("transfer").trained);
  const auto error = [&](const std::string& name, const std::string& keys) -> std::string {
    try {
      Make(name, keys);
    } catch (const Error& e) {
      return e.what();
    }
    return "none";
  };
  EXPECT_THAT(error("transfer", "batch_size = 500"),
              testing::HasSubstr("500 classes, but there are"));
  EXPECT_THAT(error("scratch", "batch_size = 5"), testing::HasSubstr("unknown key"));
  source_ = Functions("sinusoid@maml");
  EXPECT_THAT(error("autoencoder", kMlp), testing::HasSubstr("no pictures to be rebuilt"));
  EXPECT_THAT(error("nearest", ""), testing::HasSubstr("compares classes"));
}

}  // namespace
}  // namespace fewstep
