#include "viewer/live_adaptation.h"

#include <exception>
#include <utility>

#include "core/clock.h"

namespace fewstep {

LiveAdaptation::LiveAdaptation(Subject& subject, bool last_score)
    : subject_(subject),
      last_score_(last_score),
      thread_([this](const std::stop_token& quit) { Work(quit); }) {}

LiveAdaptation::~LiveAdaptation() {
  thread_.request_stop();
  const std::lock_guard lock(mutex_);
  stop_.request_stop();
}

void LiveAdaptation::Start(std::vector<double> task, int units) {
  const std::lock_guard lock(mutex_);
  stop_.request_stop();
  stop_ = {};
  progress_ = {.task = task};
  started_ = SteadySeconds();
  wanted_ = std::move(task);
  wanted_units_ = units;
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
    int units = 0;
    std::stop_token stop;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, quit, [this] { return wanted_.has_value(); });
      if (quit.stop_requested()) return;
      task = *std::exchange(wanted_, std::nullopt);
      units = wanted_units_;
      stop = stop_.get_token();
    }
    AdaptTo(task, units, stop);
  }
}

void LiveAdaptation::AdaptTo(const std::vector<double>& task, int units,
                             const std::stop_token& stop) {
  // tells of what was reached, unless another task is wanted by now
  const auto tell = [&](auto&& change) {
    const std::lock_guard lock(mutex_);
    if (stop.stop_requested()) return;
    change(progress_);
    changed_.notify_all();
  };
  try {
    std::shared_ptr<const Adapted> adapted = subject_.Begin(task, units);
    for (int unit = 0;; ++unit) {
      const bool judged = !adapted->scores.empty();
      const bool last = unit == units && (judged || !last_score_);
      tell([&](AdaptationProgress& progress) {
        progress.units.push_back(adapted);
        if (judged) progress.scores.push_back(adapted->scores);
        progress.ready = unit == units;
        progress.done = last;
        progress.seconds = SteadySeconds() - started_;
      });
      if (last) return;
      // what a unit learns from also judges what came before; so does one unit more the last
      adapted = subject_.Advance(stop);
      if (!adapted || stop.stop_requested()) return;
      if (judged) continue;
      tell([&](AdaptationProgress& progress) {
        progress.scores.push_back(adapted->support_scores);
        progress.done = unit == units;
      });
      if (unit == units) return;
    }
  } catch (const std::exception& error) {
    tell([&](AdaptationProgress& progress) {
      progress.error = error.what();
      progress.done = true;
    });
  }
}

}  // namespace fewstep
