// An episode of few-shot learning: what is learned from, what is asked, and what is predicted.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "viewer/few_shot_subject.h"

namespace fewstep {

// What panes of an episode share. Their steps are units of adaptation: a pane of several of them
// goes from each to the next.
class FewShotPane : public Pane {
 public:
  // `units` of one episode, at least one, in ascending order; each is called "after k `unit`s", or
  // `only` where that is not empty.
  struct Content {
    std::vector<std::shared_ptr<const AdaptedLearner>> units;
    // Of all panes of the episode, so that they have one scale; empty: `units` alone.
    std::vector<std::shared_ptr<const AdaptedLearner>> beside = {};
    std::string unit, only;
    std::string task;  // "episode 3: 5 ways, 1 shot"
  };
  explicit FewShotPane(Content content);

  std::string Title(int step) const override;
  // All units are there from the start.
  void Restart(const Rng&) override {}
  void Advance() override {}
  int length() const override { return longest(); }
  bool ended() const override { return true; }
  int longest() const override { return static_cast<int>(content_.units.size()) - 1; }
  double step_seconds() const override;
  bool has_clock() const override { return false; }
  bool has_trail() const override { return false; }
  std::string TaskText(int) const override { return content_.task; }
  // "accuracy 0.93, 70 of 75 right", "error 0.123, 0.045 at the points"
  std::string Caption(int step) const override;
  // Of classes how probable the right ones are taken to be; of functions the error at what was
  // learned from.
  std::vector<Curve> Curves() const override;

 protected:
  const FewShotScene& scene() const { return *content_.units.front()->scene; }
  int num_units() const { return static_cast<int>(content_.units.size()); }
  const FewShotPrediction& prediction(int step) const {
    return content_.units[static_cast<size_t>(step)]->prediction;
  }
  int units(int step) const { return content_.units[static_cast<size_t>(step)]->units; }
  const auto& beside() const { return content_.beside.empty() ? content_.units : content_.beside; }
  std::string NameOf(int step) const;

 private:
  Content content_;
  std::vector<double> curve_;  // of all units
};

// Pictures of classes: a row a class, its support at the left and its queries at the right, each
// with the class that is predicted and how probable that is taken to be.
std::unique_ptr<Pane> MakeEpisodePane(FewShotPane::Content content);

// A function of one number: the points that were learned from, the truth, the fit, and the fits
// before it.
std::unique_ptr<Pane> MakeFitPane(FewShotPane::Content content);

// Anything else: a table of queries, the truth and what is predicted.
std::unique_ptr<Pane> MakeAnswersPane(FewShotPane::Content content);

// A mark that differs in form, and not in colour alone: a tick in a disc, or a cross in one.
void DrawVerdict(Canvas& canvas, Point center, float radius, bool right);

// A bar, filled as far as `part` of it, from 0 to 1.
void DrawConfidence(Canvas& canvas, const Rect& rect, double part, bool right);

}  // namespace fewstep
