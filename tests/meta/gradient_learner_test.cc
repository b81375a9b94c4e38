#include "meta/fewshot/gradient_learner.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/device.h"
#include "core/error.h"
#include "tests/meta/few_shot_testing.h"

namespace fewstep {
namespace {

// --- meta-gradients against differences, in double ---

// The meta-objective of MAML written with the parts that the learner is made of: a network, the
// inner loop, a loss.
struct Problem {
  std::shared_ptr<ParameterLayout> layout = std::make_shared<ParameterLayout>();
  std::unique_ptr<Backbone> network;
  torch::Tensor support_x, support_y, query_x, query_y;
  InnerLoopOptions inner{.steps = 2, .learning_rate = 0.3};
  bool rates = false;

  explicit Problem(const BackboneOptions& options) {
    UseOneTorchThread();
    torch::manual_seed(5);
    const ExampleShape example{.channels = 1, .height = 6, .width = 6};
    network = std::make_unique<Backbone>(*layout, "", options, example, 3);
    support_x = torch::randn({2, 6, 1, 6, 6}, torch::kFloat64);
    query_x = torch::randn({2, 5, 1, 6, 6}, torch::kFloat64);
    support_y = torch::randint(3, {2, 6}, torch::kInt64);
    query_y = torch::randint(3, {2, 5}, torch::kInt64);
  }

  torch::Tensor Loss(const torch::Tensor& outputs, const torch::Tensor& y) const {
    return -outputs.log_softmax(2).gather(2, y.unsqueeze(2)).mean({1, 2});
  }
  torch::Tensor Objective(const torch::Tensor& meta) const {
    const Parameters rows = Parameters{meta.narrow(1, 0, layout->size()), layout}.Expand(2);
    const torch::Tensor scale =
        rates ? meta.narrow(1, layout->size(), layout->size()) : torch::Tensor();
    const Parameters adapted = Adapt(
        rows,
        [&](const Parameters& at, int64_t) {
          return Loss(network->Forward(at, support_x), support_y);
        },
        inner, scale);
    return Loss(network->Forward(adapted, query_x), query_y).mean();
  }
  torch::Tensor Start() const {
    const torch::Tensor row = Initialized(layout, Rng(3)).flat.to(torch::kFloat64) +
                              0.1 * torch::randn({1, layout->size()}, torch::kFloat64);
    return rates ? torch::cat({row, torch::rand_like(row) * 0.5}, 1) : row;
  }
  torch::Tensor Gradient(const torch::Tensor& at) const {
    const torch::Tensor leaf = at.clone().requires_grad_();
    return torch::autograd::grad({Objective(leaf)}, {leaf})[0];
  }
};

BackboneOptions ConvOptions(bool pool, Normalization normalization) {
  BackboneOptions options;
  options.filters = 3;
  options.strides = pool ? std::vector<int64_t>{1} : std::vector<int64_t>{2, 1};
  options.pool_blocks = pool ? 1 : 0;
  options.normalization = normalization;
  return options;
}

// In a direction of chance, and of the 12 largest numbers of the gradient one by one.
void ExpectGradientOfDifferences(const Problem& problem) {
  const torch::Tensor start = problem.Start();
  const torch::Tensor gradient = problem.Gradient(start);
  constexpr double kStep = 1e-7;  // Adam's step bends within some of its epsilon
  const auto difference = [&](const torch::Tensor& direction) {
    return (problem.Objective((start + kStep * direction).requires_grad_()) -
            problem.Objective((start - kStep * direction).requires_grad_()))
               .item<double>() /
           (2 * kStep);
  };
  const torch::Tensor direction = torch::randn_like(start);
  const double expected = (gradient * direction).sum().item<double>();
  EXPECT_NEAR(difference(direction), expected, 1e-6 * std::max(1.0, std::abs(expected)));
  const torch::Tensor largest = std::get<1>(gradient.abs().topk(12));
  for (int64_t i = 0; i < 12; ++i) {
    torch::Tensor unit = torch::zeros_like(start);
    const int64_t at = largest[0][i].item<int64_t>();
    unit[0][at] = 1;
    EXPECT_NEAR(difference(unit), gradient[0][at].item<double>(), 1e-7) << at;
  }
}

TEST(MetaGradient, OfConvolutionalNetworksIsThatOfDifferences) {
  for (const bool pool : {false, true}) {
    for (const Normalization normalization : {Normalization::kBatch, Normalization::kLayer}) {
      for (const bool rates : {false, true}) {
        Problem problem(ConvOptions(pool, normalization));
        problem.rates = rates;
        if (rates) problem.inner.learning_rate = 1;
        ExpectGradientOfDifferences(problem);
      }
    }
  }
}

TEST(MetaGradient, WithoutAFactorOfTheNormalizationIsThatOfDifferences) {
  BackboneOptions options = ConvOptions(false, Normalization::kBatch);
  options.gain = false;
  ExpectGradientOfDifferences(Problem(options));
}

TEST(MetaGradient, ThroughEveryInnerOptimizerIsThatOfDifferences) {
  for (const InnerOptimizer optimizer :
       {InnerOptimizer::kGradient, InnerOptimizer::kMomentum, InnerOptimizer::kAdam}) {
    Problem problem(ConvOptions(false, Normalization::kBatch));
    problem.inner.optimizer = optimizer;
    problem.inner.learning_rate = optimizer == InnerOptimizer::kAdam ? 0.01 : 0.1;
    problem.inner.epsilon = 1e-3;
    ExpectGradientOfDifferences(problem);
  }
}

TEST(MetaGradient, OfFirstOrderIsAnother) {
  Problem problem(ConvOptions(false, Normalization::kBatch));
  const torch::Tensor start = problem.Start();
  const torch::Tensor second = problem.Gradient(start);
  problem.inner.order = GradientOrder::kFirst;
  const torch::Tensor first = problem.Gradient(start);
  const double cosine = ((first * second).sum() / (first.norm() * second.norm())).item<double>();
  EXPECT_GT((first - second).norm().item<double>(), 0.1 * second.norm().item<double>());
  EXPECT_GT(cosine, 0.2);
}

// --- learners ---

class GradientLearner : public FewShotTest {
 protected:
  GradientLearner() { episodes_.queries = 5; }
};

constexpr const char* kSmall =
    "meta_batch_size = 8\nshards = 2\n[learner.network]\nfilters = 16\nstrides = [2, 2, 2]\n";

// Whole iterations against the algorithms written out, task by task in double.
class Written : public GradientLearner {
 protected:
  Written() { source_ = Functions("sinusoid@maml"); }

  static torch::Tensor Stored(const FewShotLearner& learner) {
    return StoredWeights(learner).to(torch::kFloat64);
  }
  // Adam's first moment, as long as a meta-gradient.
  static torch::Tensor StoredMoment(const FewShotLearner& learner) {
    TensorFile file;
    learner.Save(file);
    const std::span<const float> values = file.Values<float>("adam.first");
    return torch::tensor(std::vector<float>(values.begin(), values.end()))
        .to(torch::kFloat64)
        .view({1, -1});
  }

  torch::Tensor Loss(const torch::Tensor& theta, const torch::Tensor& x, const torch::Tensor& y,
                     int64_t task) const {
    const auto part = [&](const torch::Tensor& of) {
      return of.narrow(0, task, 1).to(torch::kFloat64);
    };
    return (network_->Forward({theta, layout_}, part(x)) - part(y)).square().mean();
  }

  void SetUp() override {
    BackboneOptions options;
    options.kind = BackboneKind::kMlp;
    options.hidden = {7};
    layout_ = std::make_shared<ParameterLayout>();
    network_ = std::make_unique<Backbone>(*layout_, "", options, source_->form().example, 1);
  }
  EpisodeBatch Batch(const Rng& rng) const {
    return source_->Draw(DataSplit::kTrain, rng.Fork("episodes").key(), 0, 3, episodes_);
  }

  static constexpr const char* kNetwork = "[learner.network]\nkind = \"mlp\"\nhidden = [7]\n";
  std::shared_ptr<ParameterLayout> layout_;
  std::unique_ptr<Backbone> network_;
};

// Adam's first moment after one step is a tenth of the gradient.
TEST_F(Written, TheGradientOfMamlAndItsRelatives) {
  for (const std::string name : {"maml", "meta-sgd", "fomaml", "anil"}) {
    const bool rates = name == "meta-sgd", second = name != "fomaml";
    for (const double clip : {0.0, 0.05}) {
      const auto learner =
          Make(name, fmt::format("meta_batch_size = 3\nshards = 2\ninner_learning_rate = 0.05\n"
                                 "inner_steps = 2\nclip = {}\n{}",
                                 clip, kNetwork));
      const torch::Tensor before = Stored(*learner);
      const int64_t size = layout_->size();
      if (rates) {
        ASSERT_EQ(before.size(1), 2 * size);
        EXPECT_NEAR(before.narrow(1, size, size).mean().item<double>(), 0.05, 1e-8);
      }
      const Rng rng = Rng(9).Fork("iteration", 1);
      const Metrics metrics = learner->Iterate(rng);
      const torch::Tensor found = 10 * StoredMoment(*learner);

      const EpisodeBatch batch = Batch(rng);
      const torch::Tensor leaf = before.clone().requires_grad_();
      const torch::Tensor rate =
          rates ? leaf.narrow(1, size, size) : torch::full({1, size}, 0.05, torch::kFloat64);
      const torch::Tensor adapted = name == "anil"
                                        ? layout_->Mask(ParameterRole::kHead).to(torch::kFloat64)
                                        : torch::ones({1, size}, torch::kFloat64);
      torch::Tensor sum = torch::zeros({}, torch::kFloat64);
      double first = 0;
      for (int64_t t = 0; t < 3; ++t) {
        torch::Tensor theta = leaf.narrow(1, 0, size);
        for (int step = 0; step < 2; ++step) {
          const torch::Tensor loss = Loss(theta, batch.support_x, batch.support_y, t);
          if (step == 0) first += loss.item<double>() / 3;
          const torch::Tensor g = torch::autograd::grad({loss}, {theta}, {}, true, true)[0];
          theta = theta - rate * adapted * (second ? g : g.detach());
        }
        sum = sum + Loss(theta, batch.query_x, batch.query_y, t);
      }
      EXPECT_NEAR(metrics.Get("loss"), (sum / 3).item<double>(), 1e-4);
      EXPECT_NEAR(metrics.Get("error_2"), (sum / 3).item<double>(), 1e-4);
      EXPECT_NEAR(metrics.Get("error_0"), first, 1e-4);
      torch::Tensor expected = torch::autograd::grad({sum / 3}, {leaf})[0];
      if (clip > 0) expected = expected.clamp(-clip, clip);
      EXPECT_TRUE(
          torch::allclose(found, expected, 1e-3, 1e-4 * expected.abs().max().item<double>()))
          << name << clip;
    }
  }
}

// theta + epsilon mean(phi - theta), epsilon falling from one iteration to the next.
TEST_F(Written, TheStepOfReptile) {
  const auto learner = Make(
      "reptile", fmt::format("meta_batch_size = 3\nshards = 2\ninner_optimizer = \"gradient\"\n"
                             "inner_learning_rate = 0.05\ninner_steps = 2\ninner_batch_size = 0\n"
                             "learning_rate = 0.8\nfinal_learning_rate = 0.2\n"
                             "anneal_iterations = 2\n{}",
                             kNetwork));
  for (const auto& [i, epsilon] : {std::pair{1u, 0.8}, {2u, 0.5}, {3u, 0.2}}) {
    const torch::Tensor before = Stored(*learner);
    const Rng rng = Rng(9).Fork("iteration", i);
    learner->Iterate(rng);
    const EpisodeBatch batch = Batch(rng);
    torch::Tensor mean = torch::zeros_like(before);
    for (int64_t t = 0; t < 3; ++t) {
      torch::Tensor phi = before.clone().requires_grad_();
      for (int step = 0; step < 2; ++step) {
        const torch::Tensor loss = Loss(phi, batch.support_x, batch.support_y, t);
        phi = (phi - 0.05 * torch::autograd::grad({loss}, {phi})[0]).detach().requires_grad_();
      }
      mean = mean + phi.detach() / 3;
    }
    EXPECT_TRUE(torch::allclose(Stored(*learner), before + epsilon * (mean - before), 1e-4, 1e-5))
        << i;
  }
}

// The second moments of an iteration's tasks, on the mean, are what the next ones begin with; and
// what an evaluation begins with.
TEST_F(Written, TheMomentsThatReptileCarries) {
  const std::string keys = fmt::format(
      "meta_batch_size = 3\nshards = 2\ninner_learning_rate = 0.01\ninner_steps = 2\n"
      "inner_batch_size = 0\ninner_second_momentum = 0.9\nlearning_rate = 0.8\n{}",
      kNetwork);
  const auto learner = Make("reptile", keys),
             fresh = Make("reptile", "carry_moments = false\n" + keys);
  torch::Tensor carried = torch::zeros_like(Stored(*learner));
  int steps = 0;
  // of task t from theta, with moments that go on in `second`
  const auto adapt = [&](torch::Tensor theta, const EpisodeBatch& batch, int64_t t,
                         torch::Tensor& second) {
    for (int step = 0; step < 2; ++step) {
      theta = theta.detach().requires_grad_();
      const torch::Tensor g =
          torch::autograd::grad({Loss(theta, batch.support_x, batch.support_y, t)}, {theta})[0];
      second = 0.9 * second + 0.1 * g.square();
      theta = theta - 0.01 * g / (second / (1 - std::pow(0.9, steps + step + 1)) + 1e-16).sqrt();
    }
    return theta.detach();
  };
  for (uint64_t i = 1; i <= 3; ++i) {
    const torch::Tensor before = Stored(*learner);
    const Rng rng = Rng(9).Fork("iteration", i);
    learner->Iterate(rng);
    fresh->Iterate(rng);
    const EpisodeBatch batch = Batch(rng);
    torch::Tensor mean = torch::zeros_like(before), moments = torch::zeros_like(before);
    for (int64_t t = 0; t < 3; ++t) {
      torch::Tensor second = carried;
      mean = mean + adapt(before, batch, t, second) / 3;
      moments = moments + second / 3;
    }
    carried = moments;
    steps += 2;
    EXPECT_TRUE(torch::allclose(Stored(*learner), before + 0.8 * (mean - before), 1e-3, 1e-5)) << i;
  }
  EXPECT_FALSE(torch::allclose(Stored(*learner), Stored(*fresh), 1e-3, 1e-3));

  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  torch::Tensor second = carried;
  const torch::Tensor theta = adapt(Stored(*learner), batch, 0, second);
  const torch::Tensor expected =
      network_->Forward({theta, layout_}, batch.query_x.to(torch::kFloat64));
  EXPECT_TRUE(
      torch::allclose(learner->Predict(batch, 0, NormMode::kBatch, 2)[2].to(torch::kFloat64),
                      expected, 1e-3, 1e-4));
}

TEST_F(GradientLearner, AllLearnToAdaptToNewGlyphs) {
  for (const auto& [name, keys] :
       {std::pair<std::string, std::string>{"maml", "inner_learning_rate = 0.4\n"},
        {"fomaml", "inner_learning_rate = 0.4\n"},
        {"meta-sgd", "inner_learning_rate = 0.4\n"},
        {"anil", "inner_learning_rate = 0.4\n"},
        {"reptile", "training_shots = 4\ninner_learning_rate = 0.003\n"}}) {
    const auto learner = Make(name, keys + kSmall, 1, TestSeed());
    const int64_t steps = name == "reptile" ? 20 : 3;
    // on the same episodes: weights of chance adapt, too
    const double untrained = Scores(*learner, steps, 100).back();
    for (uint64_t i = 0; i < 200; ++i) learner->Iterate(Rng(TestSeed()).Fork("iteration", i));
    const std::vector<double> scores = Scores(*learner, steps, 100);
    EXPECT_LT(scores.front(), 0.35) << name;  // before: nothing is known of the classes' names
    EXPECT_GT(scores.back(), untrained + 0.05) << name;
  }
}

TEST_F(GradientLearner, MamlLearnsSines) {
  source_ = Functions("sinusoid@maml");
  episodes_.shots = 10;
  episodes_.queries = 10;
  const auto learner = Make("maml",
                            "meta_batch_size = 25\nshards = 1\ninner_learning_rate = 0.01\n"
                            "[learner.network]\nkind = \"mlp\"\nhidden = [40, 40]\n",
                            1, TestSeed());
  const double before = Scores(*learner, 1, 100).back();
  for (uint64_t i = 0; i < 1500; ++i) learner->Iterate(Rng(TestSeed()).Fork("iteration", i));
  const std::vector<double> after = Scores(*learner, 5, 100);
  EXPECT_LT(after[1], 0.6 * after[0]);
  EXPECT_LT(after[1], 0.6 * before);
}

// With a momentum of 1 they are those of the last iteration: of its support sets before the first
// step, and of its queries after the last one.
TEST_F(GradientLearner, StatisticsOfEveryNumberOfStepsAreFollowed) {
  const auto learner = Make("maml",
                            "norm_momentum = 1.0\nmeta_batch_size = 3\nshards = 2\n"
                            "inner_learning_rate = 0.5\n[learner.network]\nfilters = 4\n"
                            "strides = [2, 2]\n");
  BackboneOptions options;
  options.filters = 4;
  options.strides = {2, 2};
  const auto layout = std::make_shared<ParameterLayout>();
  const Backbone network(*layout, "", options, source_->form().example, 5);
  Parameters rows = Parameters{StoredWeights(*learner), layout}.Expand(3);
  const Rng rng = Rng(9).Fork("iteration", 1);
  learner->Iterate(rng);
  const EpisodeBatch batch =
      source_->Draw(DataSplit::kTrain, rng.Fork("episodes").key(), 0, 3, episodes_);

  NormStatistics expected[2];
  rows.flat = rows.flat.detach().requires_grad_();
  const torch::Tensor scores = network.Forward(rows, batch.support_x, {.record = &expected[0]});
  const torch::Tensor loss =
      -scores.log_softmax(2).gather(2, batch.support_y.unsqueeze(2)).mean({1, 2}).sum();
  rows.flat = rows.flat - 0.5 * torch::autograd::grad({loss}, {rows.flat})[0];
  network.Forward(rows, batch.query_x, {.record = &expected[1]});
  TensorFile file;
  learner->Save(file);
  for (int step = 0; step < 2; ++step) {
    for (size_t i = 0; i < 2; ++i) {
      for (const auto& [name, of] : {std::pair{"mean", expected[step].means[i]},
                                     {"variance", expected[step].variances[i]}}) {
        const std::span<const float> stored =
            file.Values<float>(fmt::format("running{}.{}.{}", step, i, name));
        const torch::Tensor found = torch::tensor(std::vector<float>(stored.begin(), stored.end()));
        EXPECT_TRUE(torch::allclose(found, of.mean(0), 1e-3, 1e-5)) << step << i << name;
      }
    }
  }
}

// What is not adapted has no part in a step, and is learned in the outer loop all the same.
TEST_F(GradientLearner, NormalizationsStayWhereTheyAreNotAdapted) {
  for (const bool adapts : {false, true}) {
    const auto learner = Make("maml", fmt::format("adapt_norm = {}\ninner_learning_rate = 0.5\n"
                                                  "[learner.network]\nfilters = 4\n"
                                                  "strides = [2, 2]\n",
                                                  adapts));
    const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
    BackboneOptions options;
    options.filters = 4;
    options.strides = {2, 2};
    const auto layout = std::make_shared<ParameterLayout>();
    const Backbone network(*layout, "", options, source_->form().example, 5);
    const torch::Tensor flat = StoredWeights(*learner).requires_grad_();
    const torch::Tensor scores = network.Forward({flat, layout}, batch.support_x);
    const torch::Tensor loss =
        -scores.log_softmax(2).gather(2, batch.support_y.unsqueeze(2)).mean();
    torch::Tensor gradient = torch::autograd::grad({loss}, {flat})[0];
    if (!adapts) gradient = gradient * (1 - layout->Mask(ParameterRole::kNorm));
    const torch::Tensor expected =
        network.Forward({flat.detach() - 0.5 * gradient, layout}, batch.query_x);
    EXPECT_TRUE(
        torch::allclose(learner->Predict(batch, 5, NormMode::kBatch, 1)[1], expected, 1e-3, 1e-4))
        << adapts;
    // offsets are the second array of a block
    const torch::Tensor before = StoredWeights(*learner).narrow(1, 4 * 9, 4);
    learner->Iterate(Rng(1));
    EXPECT_FALSE(torch::equal(StoredWeights(*learner).narrow(1, 4 * 9, 4), before));
  }
}

TEST_F(GradientLearner, PredictionsDoNotDependOnTheOrderOfQueriesOrOtherTasks) {
  episodes_.shots = 3;
  for (const std::string name : {"maml", "reptile"}) {  // reptile in steps of ten examples
    const auto learner = Make(name, kSmall);
    const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 2, episodes_);
    for (const NormMode mode : learner->norm_modes()) {
      const torch::Tensor both = learner->Predict(batch, 5, mode, 2)[2];
      EXPECT_TRUE(torch::allclose(learner->Predict(batch.Tasks(1, 2), 5, mode, 2)[2][0], both[1],
                                  1e-4, 1e-5));
      const torch::Tensor order = torch::randperm(25);
      EpisodeBatch other = batch;
      other.query_x = batch.query_x.index_select(1, order);
      EXPECT_TRUE(torch::allclose(learner->Predict(other, 5, mode, 2)[2],
                                  both.index_select(1, order), 1e-4, 1e-5));
      // inductive: alone as among others; transductive: not
      other.query_x = batch.query_x.narrow(1, 3, 1);
      const bool same = torch::allclose(learner->Predict(other, 5, mode, 2)[2].select(1, 0),
                                        both.select(1, 3), 1e-3, 1e-4);
      EXPECT_EQ(same, mode != NormMode::kBatch);
    }
  }
}

// Features stay, and a step on the last layer is what softmax regression on them does.
TEST_F(GradientLearner, OfOneHeadLeavesTheBodyAlone) {
  const auto learner = Make("anil",
                            "inner_learning_rate = 0.7\n[learner.network]\nkind = \"mlp\"\n"
                            "hidden = [9]\n");
  const EpisodeBatch batch = source_->Draw(DataSplit::kTest, 1, 0, 1, episodes_);
  const torch::Tensor predicted = learner->Predict(batch, 5, NormMode::kBatch, 1)[1][0];
  const torch::Tensor row = StoredWeights(*learner)[0];
  constexpr int64_t kPixels = 14 * 14, kUnits = 9;
  const auto features = [&](const torch::Tensor& x) {
    const torch::Tensor weight = row.narrow(0, 0, kPixels * kUnits).view({kPixels, kUnits});
    return (x[0].flatten(1).mm(weight) + row.narrow(0, kPixels * kUnits, kUnits)).relu();
  };
  const torch::Tensor head = row.narrow(0, (kPixels + 1) * kUnits, (kUnits + 1) * 5);
  torch::Tensor weight = head.narrow(0, 0, kUnits * 5).view({kUnits, 5}),
                bias = head.narrow(0, kUnits * 5, 5);
  // d loss / d scores of the mean cross-entropy
  const torch::Tensor f = features(batch.support_x);
  const torch::Tensor error = ((f.mm(weight) + bias).softmax(1) -
                               torch::one_hot(batch.support_y[0], 5).to(torch::kFloat32)) /
                              5;
  weight = weight - 0.7 * f.t().mm(error);
  bias = bias - 0.7 * error.sum(0);
  EXPECT_TRUE(torch::allclose(predicted, features(batch.query_x).mm(weight) + bias, 1e-4, 1e-5));
}

TEST_F(GradientLearner, BitsDependOnShardsAndNotOnThreadsAndResumingIsGoingOn) {
  for (const std::string name : {"maml", "meta-sgd", "reptile"}) {
    const std::string keys =
        (name == "reptile" ? "training_shots = 3\nanneal_iterations = 4\n" : "") +
        std::string(kSmall);
    const auto bytes = [](const FewShotLearner& learner) {
      TensorFile file;
      learner.Save(file);
      return Serialize(file);
    };
    const auto one = Make(name, keys, 1), two = Make(name, keys, 2),
               resumed = Make(name, keys, 2, 77);
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
    EXPECT_EQ(bytes(*one), bytes(*two)) << name;
    EXPECT_EQ(bytes(*one), bytes(*resumed)) << name;
  }
}

TEST_F(GradientLearner, WhatTheAlgorithmDecidesIsNoKey) {
  EXPECT_THROW(Make("maml", "inner_order = \"first\"\n"), Error);
  EXPECT_THROW(Make("reptile", "outer = \"gradient\"\n"), Error);
  episodes_.size = EpisodeSize::kVariable;
  EXPECT_THROW(Make("maml", kSmall), Error);
}

}  // namespace
}  // namespace fewstep
