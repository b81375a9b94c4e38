// Pictures of episodes show what evaluations judge.
#include "experiments/running/few_shot_scene.h"

#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "experiments/reports/fit_report.h"
#include "experiments/running/few_shot_trainable.h"

namespace fewstep {
namespace {

constexpr int kEpisodes = 7;

struct Opened {
  Catalog catalog = BuiltinCatalog();
  RunConfig config;
  std::unique_ptr<FewShotBench> bench;
};

std::unique_ptr<Opened> Open(const std::string& data, const std::string& learner) {
  auto opened = std::make_unique<Opened>();
  const std::string recipe = fmt::format(
      "[run]\nname = \"x\"\nevaluation_tasks = {}\nevaluation_units = 2\nthreads = 1\n{}\n{}\n",
      kEpisodes, data, learner);
  opened->config = ReadRunConfig(Config::ParseText(recipe, "x.toml"), opened->catalog, "x");
  opened->bench = std::make_unique<FewShotBench>(opened->config, opened->catalog);
  return opened;
}

const char* const kGlyphs =
    "[data]\nname = \"glyphs\"\nalphabets = 8\ncharacters = 4\ndrawings = 6\nsize = 14\n"
    "[data.episodes]\nways = 3\nshots = 2\nqueries = 2\n";
const char* const kSines =
    "[data]\nname = \"sinusoid@maml\"\n[data.episodes]\nqueries = 4\nshots = 5";
const char* const kConv = "[learner.network]\nfilters = 4\nstrides = [2, 2]\n";
const char* const kMlp = "[learner.network]\nkind = \"mlp\"\nhidden = [8]\n";

class Scenes : public testing::TestWithParam<std::pair<std::string, std::string>> {};

// Episode by episode and unit by unit the same scores as the evaluation's.
TEST_P(Scenes, HaveTheScoresOfEvaluations) {
  const auto opened = Open(GetParam().first, GetParam().second);
  FewShotBench& bench = *opened->bench;
  const FewShotEvaluation options = FewShotEvaluationOf(opened->config);
  const AdaptationCurve curve = Evaluate(bench, opened->config, options);
  for (uint64_t index = 0; index < kEpisodes; ++index) {
    const DrawnScene drawn =
        DrawScene(*bench.source, options.split, options.seed, index, opened->config.data->episodes);
    const std::vector<FewShotPrediction> units = PredictScene(
        *bench.learner, drawn, bench.learner->norm_modes()[0], bench.learner->Units(options.units));
    ASSERT_EQ(units.size(), curve.returns.size());
    for (size_t unit = 0; unit < units.size(); ++unit) {
      EXPECT_NEAR(units[unit].score, curve.returns[unit][index],
                  1e-4 * (1 + curve.returns[unit][index]))
          << index << " " << unit;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Of, Scenes,
    testing::Values(std::pair{kGlyphs, std::string("[learner]\nname = \"maml\"\n") + kConv},
                    std::pair{kGlyphs, std::string("[learner]\nname = \"prototypical\"\n") + kConv},
                    std::pair{kSines, std::string("[learner]\nname = \"maml\"\n") + kMlp}));

TEST(Scene, OfClassesIsWhatTheLearnerIsGiven) {
  const auto opened = Open(kGlyphs, std::string("[learner]\nname = \"maml\"\n") + kConv);
  const FewShotBench& bench = *opened->bench;
  const DrawnScene drawn =
      DrawScene(*bench.source, DataSplit::kTest, 1, 3, opened->config.data->episodes);
  const FewShotScene& scene = *drawn.scene;
  EXPECT_EQ(scene.task, "3 ways, 2 shots, 6 queries");
  EXPECT_EQ(scene.num_support(), 6u);
  EXPECT_EQ(scene.num_queries(), 6u);
  ASSERT_EQ(scene.classes.size(), 3u);
  EXPECT_NE(scene.classes[0], scene.classes[1]);
  const torch::Tensor support = drawn.batch.support_x.flatten();
  for (size_t i = 0; i < scene.support_x.size(); ++i) {
    EXPECT_EQ(scene.support_x[i], support[static_cast<int64_t>(i)].item<float>());
  }
  const std::vector<FewShotPrediction> units =
      PredictScene(*bench.learner, drawn, NormMode::kBatch, 1);
  ASSERT_EQ(units.size(), 2u);
  for (size_t query = 0; query < 6; ++query) {
    const auto first = units[1].query.begin() + static_cast<std::ptrdiff_t>(3 * query);
    EXPECT_NEAR(std::accumulate(first, first + 3, 0.0), 1, 1e-9);
  }
  EXPECT_EQ(NormNote(*bench.learner, NormMode::kBatch),
            "batch normalisation by batch statistics (transductive)");
}

TEST(Scene, OfAFunctionHasTheTruth) {
  const auto opened = Open(kSines, std::string("[learner]\nname = \"maml\"\n") + kMlp);
  const EpisodeSource& source = *opened->bench->source;
  for (uint64_t index = 0; index < 5; ++index) {
    const EpisodeOptions& episodes = opened->config.data->episodes;
    const DrawnScene drawn = DrawScene(source, DataSplit::kTest, 1, index, episodes);
    const FewShotScene& scene = *drawn.scene;
    const EpisodeTruth truth = source.Truth(DataSplit::kTest, 1, index, episodes, {});
    ASSERT_EQ(truth.parameters.size(), 2u);
    const double amplitude = truth.parameters[0].second, phase = truth.parameters[1].second;
    EXPECT_EQ(scene.task, fmt::format("amplitude {:.2f}, phase {:.2f}", amplitude, phase));
    EXPECT_EQ(scene.grid_x.front(), -5);
    EXPECT_EQ(scene.grid_x.back(), 5);
    for (size_t i = 0; i < scene.grid_x.size(); ++i) {
      EXPECT_NEAR(scene.grid_y[i], amplitude * std::sin(scene.grid_x[i] - phase), 1e-12);
    }
    for (size_t i = 0; i < scene.num_support(); ++i) {
      EXPECT_NEAR(scene.support_y[i], amplitude * std::sin(scene.support_x[i] - phase), 1e-5);
    }
    EXPECT_EQ(NormNote(*opened->bench->learner, NormMode::kBatch), "");
  }
}

TEST(FitsSvg, HasAPlotForEachOfTheFirstFunctions) {
  const auto opened = Open(kSines, std::string("[learner]\nname = \"maml\"\n") + kMlp);
  const AdaptationCurve curve =
      Evaluate(*opened->bench, opened->config, FewShotEvaluationOf(opened->config));
  ASSERT_EQ(curve.few_shot->fits.size(), kShownFits);
  const std::string svg = FitsSvg(curve, "sines & more");
  const auto count = [&](const std::string& part) {
    size_t found = 0;
    for (size_t at = svg.find(part); at != std::string::npos; at = svg.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("amplitude"), 2 * kShownFits) << "a title, drawn and for who cannot see it";
  // truth, before, after one unit and after the last
  EXPECT_EQ(count("<path"), 4 * kShownFits);
  EXPECT_EQ(count("1 gradient step: "), kShownFits);
  EXPECT_EQ(count("2 gradient steps: "), kShownFits);
  // five points each, and one in the legend
  EXPECT_EQ(count("<circle"), 6 * kShownFits);
  EXPECT_EQ(count("sines &amp; more"), 2u);
  EXPECT_EQ(svg, FitsSvg(curve, "sines & more"));
  // of classes there are none
  const auto glyphs = Open(kGlyphs, std::string("[learner]\nname = \"maml\"\n") + kConv);
  EXPECT_TRUE(Evaluate(*glyphs->bench, glyphs->config, FewShotEvaluationOf(glyphs->config))
                  .few_shot->fits.empty());
}

}  // namespace
}  // namespace fewstep
