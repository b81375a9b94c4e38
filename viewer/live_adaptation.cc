#include "viewer/live_adaptation.h"

#include <exception>
#include <utility>

#include "core/clock.h"

namespace fewstep {

LiveAdaptation::LiveAdaptation(Subject& subject, int units, bool last_score)
    : subject_(subject),
      units_(units),
      last_score_(last_score),
      thread_([this](const std::stop_token& quit) { Work(quit); }) {}

LiveAdaptation::~LiveAdaptation() {
  thread_.request_stop();
  const std::lock_guard lock(mutex_);
  stop_.request_stop();
}

void LiveAdaptation::Start(std::vector<double> task) {
  const std::lock_guard lock(mutex_);
  stop_.request_stop();
  stop_ = {};
  progress_ = {.task = task};
  started_ = SteadySeconds();
  wanted_ = std::move(task);
  changed_.notify_all();
}

AdaptationProgress LiveAdaptation::progress() const {
  const std::lock_guard lock(mutex_);
  AdaptationProgress now = progress_;
  if (!now.done && !now.ready) now.seconds = SteadySeconds() - started_;
  return now;
}

void LiveAdaptation::Wait(bool until_done) const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return progress_.done || (progress_.ready && !until_done); });
}

void LiveAdaptation::Work(const std::stop_token& quit) {
  while (true) {
    std::vector<double> task;
    std::stop_token stop;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, quit, [this] { return wanted_.has_value(); });
      if (quit.stop_requested()) return;
      task = *std::exchange(wanted_, std::nullopt);
      stop = stop_.get_token();
    }
    AdaptTo(task, stop);
  }
}

void LiveAdaptation::AdaptTo(const std::vector<double>& task, const std::stop_token& stop) {
  // tells of what was reached, unless another task is wanted by now
  const auto tell = [&](auto&& change) {
    const std::lock_guard lock(mutex_);
    if (stop.stop_requested()) return;
    change(progress_);
    changed_.notify_all();
  };
  try {
    std::shared_ptr<const Adapted> adapted = subject_.Begin(task);
    for (int unit = 0;; ++unit) {
      tell([&](AdaptationProgress& progress) {
        progress.units.push_back(adapted);
        progress.ready = unit == units_;
        progress.done = progress.ready && !last_score_;
        progress.seconds = SteadySeconds() - started_;
      });
      if (unit == units_ && !last_score_) return;
      // what a unit learns from also judges what came before; so does one unit more the last
      adapted = subject_.Advance(stop);
      if (!adapted || stop.stop_requested()) return;
      tell([&](AdaptationProgress& progress) {
        progress.scores.push_back(adapted->support_scores);
        progress.done = unit == units_;
      });
      if (unit == units_) return;
    }
  } catch (const std::exception& error) {
    tell([&](AdaptationProgress& progress) {
      progress.error = error.what();
      progress.done = true;
    });
  }
}

}  // namespace fewstep
