// Adapting in the background while a picture goes on.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "viewer/pane.h"

namespace fewstep {

// What is known of an adaptation at one moment.
struct AdaptationProgress {
  std::vector<double> task;
  std::vector<std::shared_ptr<const Adapted>> units;  // after 0, 1, ... of them, as far as it is
  std::vector<std::vector<double>> scores;            // of the subject after 0, 1, ... units
  bool ready = false;  // all units that were wanted are there; what is left is the last score
  bool done = false;   // nothing more comes
  std::string error;   // why it failed; then it is done
  double seconds = 0;  // until it was ready, or until now
};

// Owns a thread that calls Begin and Advance of the subject, which must outlive it.
class LiveAdaptation {
 public:
  // `last_score`: one unit more is played, for the score of what came of the last one, unless that
  // has scores of its own.
  LiveAdaptation(Subject& subject, bool last_score);
  ~LiveAdaptation();  // gives up what is under way
  LiveAdaptation(const LiveAdaptation&) = delete;
  LiveAdaptation& operator=(const LiveAdaptation&) = delete;

  // Adapts to `task` from the start by `units` units, in place of what is under way, which is
  // stopped half-way.
  void Start(std::vector<double> task, int units);

  AdaptationProgress progress() const;
  // Returns once the adaptation that was asked for last is ready, or done if so.
  void Wait(bool until_done) const;

 private:
  void Work(const std::stop_token& quit);
  void AdaptTo(const std::vector<double>& task, int units, const std::stop_token& stop);

  Subject& subject_;
  const bool last_score_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::optional<std::vector<double>> wanted_;  // guarded by mutex_, as all below
  int wanted_units_ = 0;
  std::stop_source stop_;  // of what is under way
  AdaptationProgress progress_{.done = true};
  double started_ = 0;
  std::jthread thread_;  // last: it uses the others
};

}  // namespace fewstep
