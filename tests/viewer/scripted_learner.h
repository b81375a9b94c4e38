// A learner without learning, for tests of pictures of episodes.
#pragma once

#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/error.h"
#include "core/rng.h"
#include "viewer/few_shot_subject.h"

namespace fewstep {

// Pictures of 8 x 8 pixels, `ways` classes with `shots` examples and three queries; with every unit
// one query more of each class is right, from none before adapting.
inline std::shared_ptr<const FewShotScene> ClassScene(uint64_t index, int64_t ways, int64_t shots,
                                                      bool pictures = true) {
  auto scene = std::make_shared<FewShotScene>();
  scene->shape = pictures ? ExampleShape{.channels = 1, .height = 8, .width = 8}
                          : ExampleShape{.picture = false, .width = 3};
  scene->task = fmt::format("{} ways, {} shots", ways, shots);
  Rng rng = Rng(index).Fork("pixels");
  const auto add = [&](int64_t count, std::vector<float>& x, std::vector<int>& labels) {
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t way = 0; way < ways; ++way) {
        for (int64_t k = 0; k < scene->shape.size(); ++k) {
          x.push_back(static_cast<float>(rng.Below(2)));
        }
        labels.push_back(static_cast<int>(way));
      }
    }
  };
  for (int64_t way = 0; way < ways; ++way) scene->classes.push_back(fmt::format("kind {}", way));
  add(shots, scene->support_x, scene->support_labels);
  add(3, scene->query_x, scene->query_labels);
  return scene;
}

inline FewShotPrediction ClassPrediction(const FewShotScene& scene, int units) {
  FewShotPrediction prediction;
  const auto ways = static_cast<int>(scene.classes.size());
  int right = 0;
  for (size_t query = 0; query < scene.query_labels.size(); ++query) {
    const bool knows = static_cast<int>(query) / ways < units;
    const int told = (scene.query_labels[query] + (knows ? 0 : 1)) % ways;
    right += knows ? 1 : 0;
    for (int way = 0; way < ways; ++way) {
      prediction.query.push_back(way == told ? 0.75 : 0.25 / (ways - 1));
    }
  }
  prediction.score = right / static_cast<double>(scene.query_labels.size());
  return prediction;
}

// y = amplitude sin(x): before adapting 0, after k units (1 - 0.5^k) of it.
inline std::shared_ptr<const FewShotScene> SineScene(uint64_t index, int64_t shots) {
  auto scene = std::make_shared<FewShotScene>();
  const double amplitude = 1 + static_cast<double>(index % 4);
  scene->shape = {.picture = false, .width = 1};
  scene->outputs = 1;
  scene->task = fmt::format("amplitude {:.2f}", amplitude);
  for (int i = 0; i <= 100; ++i) {
    scene->grid_x.push_back(-5 + 0.1 * i);
    scene->grid_y.push_back(amplitude * std::sin(scene->grid_x.back()));
  }
  for (int64_t i = 0; i < shots; ++i) {
    const double x = -4 + 8 * static_cast<double>(i) / static_cast<double>(shots);
    scene->support_x.push_back(static_cast<float>(x));
    scene->support_y.push_back(static_cast<float>(amplitude * std::sin(x)));
  }
  scene->query_x = {0.5f, 1.5f};
  scene->query_y = {static_cast<float>(amplitude * std::sin(0.5)),
                    static_cast<float>(amplitude * std::sin(1.5))};
  return scene;
}

inline FewShotPrediction SinePrediction(const FewShotScene& scene, int units) {
  FewShotPrediction prediction;
  const double part = 1 - std::pow(0.5, units);
  for (const double y : scene.grid_y) prediction.grid.push_back(part * y);
  for (const float y : scene.query_y) {
    prediction.query.push_back(part * static_cast<double>(y));
    prediction.score += std::pow((1 - part) * static_cast<double>(y), 2) / 2;
  }
  prediction.support_error = 0.5 * prediction.score;
  return prediction;
}

enum class ScriptedData { kPictures, kVectors, kSines };

class ScriptedLearner final : public EpisodeAdaptation {
 public:
  struct Told {
    std::atomic<int> milliseconds = 0;  // that a unit takes
    std::atomic<int> begun = 0;
    std::atomic<int64_t> most_ways = 100;  // more are refused
  };
  ScriptedLearner(ScriptedData data, std::shared_ptr<Told> told)
      : data_(data), told_(std::move(told)) {}

  std::shared_ptr<const AdaptedLearner> Begin(const EpisodeChoice& choice, int) override {
    ++told_->begun;
    if (choice.ways > told_->most_ways) throw Error(ErrorKind::kUsage, "too many ways");
    scene_ = data_ == ScriptedData::kSines ? SineScene(choice.index, choice.shots)
                                           : ClassScene(choice.index, choice.ways, choice.shots,
                                                        data_ == ScriptedData::kPictures);
    units_ = 0;
    return Snapshot();
  }
  std::shared_ptr<const AdaptedLearner> Advance(std::stop_token stop) override {
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(told_->milliseconds);
    while (std::chrono::steady_clock::now() < end) {
      if (stop.stop_requested()) return nullptr;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ++units_;
    return Snapshot();
  }

 private:
  std::shared_ptr<const AdaptedLearner> Snapshot() const {
    auto adapted = std::make_shared<AdaptedLearner>();
    adapted->units = units_;
    adapted->scene = scene_;
    adapted->prediction = data_ == ScriptedData::kSines ? SinePrediction(*scene_, units_)
                                                        : ClassPrediction(*scene_, units_);
    adapted->scores = {adapted->prediction.score};
    return adapted;
  }

  ScriptedData data_;
  std::shared_ptr<Told> told_;
  std::shared_ptr<const FewShotScene> scene_;
  int units_ = 0;
};

inline std::unique_ptr<Subject> LearnerSubject(
    ScriptedData data, std::shared_ptr<ScriptedLearner::Told> told = nullptr,
    bool side_by_side = false) {
  if (!told) told = std::make_shared<ScriptedLearner::Told>();
  const bool functions = data == ScriptedData::kSines;
  FewShotSubjectOptions options{.unit = "step",
                                .adapts = true,
                                .score = functions ? "error" : "accuracy",
                                .episodes = 100,
                                .first = {.index = 0, .ways = functions ? 0 : 5, .shots = 2},
                                .ways = {0, 0},
                                .shots = {1, 10},
                                .most_units = 8,
                                .notes = {"batch normalisation by batch statistics"},
                                .side_by_side = side_by_side};
  if (!functions) options.ways = {2, 20};
  return MakeFewShotSubject("script", std::make_unique<ScriptedLearner>(data, std::move(told)),
                            std::move(options));
}

}  // namespace fewstep
