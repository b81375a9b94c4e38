#include "experiments/running/few_shot_scene.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace fewstep {
namespace {

// Points of a curve that is drawn.
constexpr int kGridPoints = 201;

template <typename To>
std::vector<To> Numbers(const torch::Tensor& tensor, torch::ScalarType type) {
  const torch::Tensor flat = tensor.to(torch::kCPU, type).contiguous();
  const To* first = flat.const_data_ptr<To>();
  return {first, first + flat.numel()};
}
std::vector<double> Doubles(const torch::Tensor& tensor) {
  return Numbers<double>(tensor, torch::kFloat64);
}
std::vector<int> Labels(const torch::Tensor& tensor) { return Numbers<int>(tensor, torch::kInt32); }

// "amplitude 3.21, phase 0.42"; "5 points" of a function with many parameters; what a task is
// called
std::string TaskOf(const EpisodeTruth& truth, size_t points) {
  if (!truth.classes.empty()) return truth.classes.front();
  std::vector<std::string> parts;
  for (const auto& [name, value] : truth.parameters) {
    parts.push_back(fmt::format("{} {:.2f}", name, value));
  }
  constexpr size_t kMost = 5;
  if (parts.size() > kMost) return fmt::format("{} point{}", points, points == 1 ? "" : "s");
  return fmt::format("{}", fmt::join(parts, ", "));
}

// "5 ways, 1 shot, 75 queries"; of classes with different numbers "12 shots in all"
std::string SizeOf(const FewShotScene& scene) {
  const size_t ways = scene.classes.size(), support = scene.support_labels.size();
  bool alike = true;
  for (size_t label = 0; label < ways; ++label) {
    const auto count = std::ranges::count(scene.support_labels, static_cast<int>(label));
    alike = alike && static_cast<size_t>(count) * ways == support;
  }
  const size_t shots = alike ? support / ways : support, queries = scene.query_labels.size();
  return fmt::format("{} ways, {} shot{}{}, {} {}", ways, shots, shots == 1 ? "" : "s",
                     alike ? "" : " in all", queries, queries == 1 ? "query" : "queries");
}

}  // namespace

torch::Tensor EpisodeScores(const torch::Tensor& predicted, const torch::Tensor& y,
                            bool classifies) {
  if (classifies) return (predicted.argmax(2) == y).to(torch::kFloat64).mean(1);
  return (predicted - y).to(torch::kFloat64).square().mean({1, 2});
}

DrawnScene DrawScene(const EpisodeSource& source, DataSplit split, uint64_t seed, uint64_t index,
                     const EpisodeOptions& options) {
  const EpisodeForm& form = source.form();
  source.Check(split, options);
  DrawnScene drawn{source.Draw(split, seed, index, 1, options), nullptr};
  FewShotScene scene;
  scene.shape = form.example;
  scene.support_x = Numbers<float>(drawn.batch.support_x, torch::kFloat32);
  scene.query_x = Numbers<float>(drawn.batch.query_x, torch::kFloat32);
  if (form.classification) {
    scene.support_labels = Labels(drawn.batch.support_y);
    scene.query_labels = Labels(drawn.batch.query_y);
    scene.classes = source.Truth(split, seed, index, options, {}).classes;
    scene.task = SizeOf(scene);
  } else {
    scene.outputs = form.outputs;
    scene.support_y = Numbers<float>(drawn.batch.support_y, torch::kFloat32);
    scene.query_y = Numbers<float>(drawn.batch.query_y, torch::kFloat32);
    if (form.example.size() == 1 && form.outputs == 1 && form.low < form.high) {
      for (int i = 0; i < kGridPoints; ++i) {
        scene.grid_x.push_back(form.low + (form.high - form.low) * i / (kGridPoints - 1));
      }
    }
    const EpisodeTruth truth = source.Truth(split, seed, index, options, scene.grid_x);
    scene.grid_y = truth.values;
    scene.task = TaskOf(truth, scene.num_support());
  }
  drawn.scene = std::make_shared<const FewShotScene>(std::move(scene));
  return drawn;
}

std::vector<FewShotPrediction> PredictScene(const FewShotLearner& learner, const DrawnScene& drawn,
                                            NormMode mode, int64_t units) {
  const FewShotScene& scene = *drawn.scene;
  const EpisodeBatch& batch = drawn.batch;
  const auto ways = static_cast<int64_t>(scene.classes.size());
  std::vector<FewShotPrediction> predictions;
  for (const torch::Tensor& queries : learner.Predict(batch, ways, mode, units)) {
    const torch::Tensor of = queries.to(torch::kCPU);  // [1, Q, N] or [1, Q, O]
    FewShotPrediction& prediction = predictions.emplace_back();
    prediction.query =
        Doubles(scene.classifies() ? learner.Probabilities(of.to(torch::kFloat64)) : of);
    prediction.score = EpisodeScores(of, batch.query_y, scene.classifies()).item<double>();
  }
  if (scene.classifies()) return predictions;

  // the fit at the support, and all along a curve
  const auto points = static_cast<int64_t>(scene.grid_x.size());
  const int64_t support = batch.support_x.size(1);
  torch::Tensor x = batch.support_x;  // [1, S + G, inputs]
  if (points > 0) {
    const torch::Tensor grid = torch::tensor(scene.grid_x, torch::kFloat64).to(torch::kFloat32);
    x = torch::cat({x, grid.reshape({1, points, 1})}, 1);
  }
  const std::vector<torch::Tensor> fits = learner.Predict(
      {batch.support_x, batch.support_y, x, torch::zeros({1, x.size(1), scene.outputs})}, ways,
      mode, units);
  for (size_t unit = 0; unit < predictions.size(); ++unit) {
    const torch::Tensor of = fits[unit].to(torch::kCPU);  // [1, S + G, O]
    predictions[unit].support_error =
        EpisodeScores(of.narrow(1, 0, support), batch.support_y, false).item<double>();
    if (points > 0) predictions[unit].grid = Doubles(of.narrow(1, support, points));
  }
  return predictions;
}

std::string NormNote(const FewShotLearner& learner, NormMode mode) {
  if (!learner.has_batch_norm()) return "";
  return fmt::format("batch normalisation by {} statistics{}", NameOf(kNormModeNames, mode),
                     mode == NormMode::kBatch ? " (transductive)" : "");
}

}  // namespace fewstep
