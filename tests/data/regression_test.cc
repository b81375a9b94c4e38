#include "data/regression.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace fewstep {
namespace {

std::unique_ptr<RegressionFamily> Make(const std::string& name) {
  const RegressionCatalog catalog = BuiltinRegression();
  const RegressionEntry& entry = catalog.Get(name);
  return entry.make(*entry.make_options());
}

double At(const RegressionFamily& family, std::vector<double> values, double x) {
  double y = 0;
  family.Evaluate({std::move(values)}, &x, &y);
  return y;
}

TEST(Regression, SinusoidsAreThePublishedOnes) {
  const auto maml = Make("sinusoid@maml"), reptile = Make("sinusoid@reptile");
  EXPECT_NEAR(At(*maml, {2, 0.5}, 1.3), 2 * std::sin(0.8), 1e-15);
  EXPECT_NEAR(At(*reptile, {2, 0.5}, 1.3), 2 * std::sin(1.8), 1e-15);
  // moments of amplitude U(.1, 5), phase U(0, pi) or U(0, 2 pi), x U(-5, 5)
  for (const auto& [family, highest] :
       {std::pair{maml.get(), std::numbers::pi}, {reptile.get(), 2 * std::numbers::pi}}) {
    Rng rng(1);
    const int draws = 40'000;
    double amplitude = 0, phase = 0, squares = 0, top = 0;
    for (int i = 0; i < draws; ++i) {
      const RegressionTask task = family->Draw(rng);
      amplitude += task.values[0] / draws;
      phase += task.values[1] / draws;
      top = std::max(top, task.values[1]);
      double x = 0;
      family->DrawInput(rng, &x);
      EXPECT_LE(std::abs(x), 5);
      squares += x * x / draws;
    }
    EXPECT_NEAR(amplitude, 2.55, 5 * 4.9 / std::sqrt(12.0 * draws));
    EXPECT_NEAR(phase, highest / 2, 5 * highest / std::sqrt(12.0 * draws));
    EXPECT_NEAR(top, highest, 1e-2);
    EXPECT_NEAR(squares, 25.0 / 3, 0.2);
  }
}

TEST(Regression, TheMixtureHasFourKinds) {
  const auto family = Make("mixture@hsml");
  const double x = 1.5;
  EXPECT_NEAR(At(*family, {0, 2, 1.1, 0.4, 0}, x), 2 * std::sin(1.1 * x + 0.4), 1e-15);
  EXPECT_NEAR(At(*family, {1, 2, -3, 0, 0}, x), 2 * x - 3, 1e-15);
  EXPECT_NEAR(At(*family, {2, 0.1, 2, -3, 0}, x), 0.1 * x * x + 2 * x - 3, 1e-15);
  EXPECT_NEAR(At(*family, {3, 0.1, 0.2, 2, -3}, x), 0.1 * x * x * x + 0.2 * x * x + 2 * x - 3,
              1e-14);
  Rng rng(2);
  std::vector<int> kinds(4);
  for (int i = 0; i < 4000; ++i) ++kinds.at(static_cast<size_t>(family->Draw(rng).values[0]));
  for (const int count : kinds) EXPECT_NEAR(count, 1000, 5 * std::sqrt(750.0));
  const RegressionCatalog catalog = BuiltinRegression();
  const auto options = catalog.Get("mixture@hsml").make_options();
  Config config = Config::ParseText("[data]\npublished_phase = true", "recipe");
  config.Read("data", *options);
  EXPECT_NEAR(At(*catalog.Get("mixture@hsml").make(*options), {0, 2, 1.1, 0.4, 0}, x),
              2 * std::sin(1.1 * x) + 0.4, 1e-15);
}

TEST(Regression, AnEpisodeIsOneFunctionOfSeedSplitAndIndex) {
  for (const std::string& name : BuiltinRegression().Names()) {
    const auto family = Make(name);
    const auto size = static_cast<size_t>(family->input_size());
    const RegressionEpisode episode = DrawEpisode(*family, DataSplit::kTrain, 3, 7, 5, 10);
    const RegressionEpisode again = DrawEpisode(*family, DataSplit::kTrain, 3, 7, 5, 10);
    const RegressionEpisode more = DrawEpisode(*family, DataSplit::kTrain, 3, 7, 6, 4);
    EXPECT_EQ(episode.support_x, again.support_x);
    EXPECT_EQ(episode.query_y, again.query_y);
    ASSERT_EQ(episode.support_x.size(), 5 * size);
    ASSERT_EQ(episode.query_y.size(), 10u);
    // more points of support change neither the task nor the first points
    EXPECT_EQ(episode.task.values, more.task.values);
    EXPECT_TRUE(
        std::equal(episode.support_x.begin(), episode.support_x.end(), more.support_x.begin()));
    EXPECT_EQ(episode.task.values.size(), family->parameters().size());
    for (const auto& [seed, split, index] : {std::tuple{3u, DataSplit::kTest, 7u},
                                             {4u, DataSplit::kTrain, 7u},
                                             {3u, DataSplit::kTrain, 8u}}) {
      EXPECT_NE(DrawEpisode(*family, split, seed, index, 5, 10).support_x, episode.support_x);
    }
    for (size_t i = 0; i < 10; ++i) {
      const std::vector<double> x(
          episode.query_x.begin() + static_cast<std::ptrdiff_t>(i * size),
          episode.query_x.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
      double y = 0;
      family->Evaluate(episode.task, x.data(), &y);
      EXPECT_FLOAT_EQ(static_cast<float>(y), episode.query_y[i]) << name;
    }
  }
}

}  // namespace
}  // namespace fewstep
