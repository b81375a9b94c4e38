#include "viewer/few_shot_subject.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "viewer/panes/few_shot_panes.h"

namespace fewstep {
namespace {

class FewShotSubject final : public Subject {
 public:
  FewShotSubject(std::string name, std::unique_ptr<EpisodeAdaptation> adaptation,
                 FewShotSubjectOptions options)
      : name_(std::move(name)), adaptation_(std::move(adaptation)), options_(std::move(options)) {
    const Range episodes{0, static_cast<double>(options_.episodes - 1)};
    const auto add = [&](const char* of, const Range& range) {
      controls_.push_back(
          {.name = of, .unit = "", .trained = range, .valid = range, .choices = {}, .whole = true});
      return controls_.size() - 1;
    };
    add("episode", episodes);
    if (options_.ways.low < options_.ways.high) ways_ = add("ways", options_.ways);
    if (options_.shots.low < options_.shots.high) shots_ = add("shots", options_.shots);
  }

  const std::string& name() const override { return name_; }
  std::string unit() const override { return options_.unit; }
  std::string score() const override { return options_.score; }
  std::string task_word() const override { return "episode"; }
  std::vector<std::string> notes() const override { return options_.notes; }
  const std::vector<Control>& controls() const override { return controls_; }
  bool plays_anew() const override { return false; }
  int most_units() const override { return options_.most_units; }

  std::vector<double> HeldOut(uint64_t n) const override {
    std::vector<double> task = {static_cast<double>(n % static_cast<uint64_t>(options_.episodes))};
    if (ways_ > 0) task.push_back(static_cast<double>(options_.first.ways));
    if (shots_ > 0) task.push_back(static_cast<double>(options_.first.shots));
    return task;
  }

  // ways and shots stay as somebody has set them
  std::vector<double> Following(std::span<const double> present, uint64_t n) const override {
    if (present.empty()) return HeldOut(n);
    std::vector<double> task(present.begin(), present.end());
    task[0] = task[0] + 1 < static_cast<double>(options_.episodes) ? task[0] + 1 : 0;
    return task;
  }

  std::shared_ptr<const Adapted> Begin(std::span<const double> task, int units) override {
    const auto whole = [&](size_t i) { return std::llround(task[i]); };
    EpisodeChoice choice = options_.first;
    choice.index = static_cast<uint64_t>(whole(0));
    if (ways_ > 0) choice.ways = whole(ways_);
    if (shots_ > 0) choice.shots = whole(shots_);
    return adaptation_->Begin(choice, units);
  }
  std::shared_ptr<const Adapted> Advance(std::stop_token stop) override {
    return adaptation_->Advance(std::move(stop));
  }

  std::vector<std::unique_ptr<Pane>> MakePanes(
      std::span<const double> task, std::span<const std::shared_ptr<const Adapted>> units,
      std::span<const int> shown) const override {
    std::vector<std::shared_ptr<const AdaptedLearner>> learners;
    for (const auto& unit : units) {
      learners.push_back(std::dynamic_pointer_cast<const AdaptedLearner>(unit));
    }
    // what does not adapt is the same after any number of units
    if (!options_.adapts) learners.resize(1);
    const FewShotScene& scene = *learners.front()->scene;
    std::vector<FewShotPane::Content> contents;
    FewShotPane::Content content{.units = learners,
                                 .unit = options_.unit,
                                 .only = options_.adapts ? "" : "given the support",
                                 .task = fmt::format("episode {:.0f}{}{}", task[0],
                                                     scene.task.empty() ? "" : ": ", scene.task)};
    for (const std::string& note : options_.notes) content.task += ";  " + note;
    if (options_.side_by_side && options_.adapts) {
      for (const int unit : shown) {
        if (unit < 0 || unit >= static_cast<int>(learners.size())) continue;
        contents.push_back(content);
        contents.back().units = {learners[static_cast<size_t>(unit)]};
        contents.back().beside = learners;
      }
    } else {
      contents.push_back(std::move(content));
    }
    std::vector<std::unique_ptr<Pane>> panes;
    for (FewShotPane::Content& of : contents) {
      const bool curve = !scene.classifies() && !scene.grid_x.empty();
      panes.push_back(scene.classifies() && scene.shape.picture ? MakeEpisodePane(std::move(of))
                      : curve                                   ? MakeFitPane(std::move(of))
                                                                : MakeAnswersPane(std::move(of)));
    }
    return panes;
  }

 private:
  std::string name_;
  std::unique_ptr<EpisodeAdaptation> adaptation_;
  FewShotSubjectOptions options_;
  std::vector<Control> controls_;
  size_t ways_ = 0, shots_ = 0;  // which control it is; 0: none
};

}  // namespace

std::unique_ptr<Subject> MakeFewShotSubject(std::string name,
                                            std::unique_ptr<EpisodeAdaptation> adaptation,
                                            FewShotSubjectOptions options) {
  return std::make_unique<FewShotSubject>(std::move(name), std::move(adaptation),
                                          std::move(options));
}

}  // namespace fewstep
