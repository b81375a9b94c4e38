// What a window or a film shows, without a picture of it: agents at the same task before and after
// adapting, side by side, through the time of their episodes.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/rng.h"
#include "viewer/live_adaptation.h"
#include "viewer/pane.h"

namespace fewstep {

struct ShowOptions {
  int units = 3;                // of adaptation
  std::vector<int> shown = {};  // after which of them there is a pane; empty: after each
  bool last_score = true;       // play once more after the last unit, for the score of it
  double speed = 1;             // seconds of the simulation in one of the clock
};

// Owned by one thread; adapting runs on others.
class Show {
 public:
  // Subjects are watched at the same tasks, so their controls must be the same. Nothing is adapted
  // before the first SetTask. Episodes draw their randomness from `rng`.
  Show(std::vector<std::unique_ptr<Subject>> subjects, ShowOptions options, const Rng& rng);

  // --- The task ---
  const std::vector<Control>& controls() const { return subjects_.front()->controls(); }
  const std::vector<double>& task() const { return task_; }
  // As it is in the panes, where it changes while they play.
  std::vector<double> present_task() const;
  // Adapts to this task in the background; panes go on with the one before until all is done.
  void SetTask(std::vector<double> task);
  void NextTask();  // the next one that was held out
  // Adapts to the task anew, by so many units; at most Subject::most_units of each subject that has
  // any.
  void SetUnits(int units);
  int most_units() const;  // 0: they stay as they are
  bool task_changes() const { return subjects_.front()->task_changes(); }
  // What the agents play becomes this task while they act, from the present on; only where
  // task_changes(). While another task is adapted to, this one is instead.
  void ChangeTask(std::vector<double> task);
  // Whether a value of control `i` is one that was trained on.
  bool Trained(size_t i, double value) const;

  // --- Adapting ---
  size_t num_subjects() const { return subjects_.size(); }
  const Subject& subject(size_t i) const { return *subjects_[i]; }
  const AdaptationProgress& progress(size_t i) const { return progress_[i]; }
  int units() const { return options_.units; }
  bool adapting() const;
  std::string error() const;  // of the latest task; empty when there is none
  // Sees how far adapting is; once it is there, panes begin with it.
  void Update();
  // Update, once panes can begin, or also the last score is there. Throws Error(kRuntime) when
  // adapting failed.
  void WaitUntilAdapted(bool until_done = false);

  // --- Time ---
  // So much time goes by; the panes play as far as that is.
  void Advance(double seconds);
  void TogglePause() { paused_ = !paused_; }
  bool paused() const { return paused_; }
  void ScaleSpeed(double factor);
  double speed() const { return options_.speed; }
  void StepBy(int steps);  // pauses; back only as far as the episode's start
  void GoTo(int step);     // pauses; as far as was played
  void Restart();          // a new episode in every pane, all alike at its start
  int step() const { return step_; }
  int length() const;         // steps that were played, of the longest pane
  int longest() const;        // that there may be
  bool ended() const;         // every pane's episode
  bool stands_still() const;  // there are panes, and none has steps
  double step_seconds() const;
  int episode() const { return static_cast<int>(episode_); }
  // Stay at the end of an episode, rather than begin the next after a second.
  void HoldAtEnd(bool hold) { hold_at_end_ = hold; }

  // --- Panes ---
  // One row a subject, in its order; of those that have none yet an empty one.
  const std::vector<std::vector<std::unique_ptr<Pane>>>& rows() const { return rows_; }
  // The step of a pane that belongs to the present one: it may have ended before.
  int StepOf(const Pane& pane) const { return std::min(step_, pane.length()); }
  // After which units panes are asked for.
  const std::vector<int>& shown() const { return options_.shown; }
  void ToggleShown(int unit);  // at least one stays
  Look& look() { return look_; }

 private:
  void MakePanes();
  void Play(int step);

  std::vector<std::unique_ptr<Subject>> subjects_;
  ShowOptions options_;
  Rng rng_;
  std::vector<double> task_;
  std::vector<AdaptationProgress> progress_;
  std::vector<std::vector<std::unique_ptr<Pane>>> rows_;
  Look look_;
  bool paused_ = false, hold_at_end_ = false;
  bool waiting_ = false;  // for more of adapting
  std::string refused_;   // why there are no panes of a task
  bool began_ = false;    // panes are of what was adapted to last
  int step_ = 0;
  double owed_ = 0, at_end_ = 0;  // seconds
  uint64_t episode_ = 0, held_out_ = 0;
  std::vector<std::unique_ptr<LiveAdaptation>> live_;  // last: they use the subjects
};

}  // namespace fewstep
