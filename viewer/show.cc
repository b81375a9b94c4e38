#include "viewer/show.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr double kMinSpeed = 1.0 / 32, kMaxSpeed = 32;
// Seconds that the last picture of an episode stays.
constexpr double kPauseAtEnd = 1;

}  // namespace

Show::Show(std::vector<std::unique_ptr<Subject>> subjects, ShowOptions options, const Rng& rng)
    : subjects_(std::move(subjects)),
      options_(std::move(options)),
      rng_(rng),
      progress_(subjects_.size()),
      rows_(subjects_.size()) {
  FEWSTEP_CHECK(!subjects_.empty(), "nothing is watched");
  if (options_.shown.empty()) {
    for (int unit = 0; unit <= options_.units; ++unit) options_.shown.push_back(unit);
  }
  std::ranges::sort(options_.shown);
  options_.shown.erase(std::ranges::unique(options_.shown).begin(), options_.shown.end());
  for (const auto& subject : subjects_) {
    FEWSTEP_CHECK(subject->controls().size() == controls().size(), "tasks of two kinds");
    live_.push_back(std::make_unique<LiveAdaptation>(*subject, options_.last_score));
  }
}

void Show::SetTask(std::vector<double> task) {
  FEWSTEP_CHECK(task.size() == controls().size(), "{} numbers for a task of {}", task.size(),
                controls().size());
  task_ = std::move(task);
  for (const auto& live : live_) live->Start(task_, options_.units);
  refused_.clear();
  waiting_ = true;
  began_ = false;
  Update();
}

std::vector<double> Show::present_task() const {
  if (!task_changes() || rows_.front().empty() || adapting()) return task_;
  const Pane& pane = *rows_.front().front();
  const std::span<const double> present = pane.TaskValues(StepOf(pane));
  return present.empty() ? task_ : std::vector<double>(present.begin(), present.end());
}

void Show::NextTask() { SetTask(subjects_.front()->Following(task_, held_out_++)); }

int Show::most_units() const {
  int most = 0;
  for (const auto& subject : subjects_) most = std::max(most, subject->most_units());
  return most;
}

void Show::SetUnits(int units) {
  FEWSTEP_CHECK(units >= 0 && units <= most_units(), "{} of {} units", units, most_units());
  // where there were panes after each of them there still are
  if (options_.shown.size() == static_cast<size_t>(options_.units) + 1) {
    options_.shown.clear();
    for (int unit = 0; unit <= units; ++unit) options_.shown.push_back(unit);
  }
  options_.units = units;
  SetTask(task_);
}

void Show::ChangeTask(std::vector<double> task) {
  FEWSTEP_CHECK(task_changes(), "tasks do not change");
  // panes that are about to be replaced are no longer changed
  if (adapting()) return SetTask(std::move(task));
  // what is on comes first: a change is of what the agents play now
  step_ = length();
  task_ = std::move(task);
  refused_.clear();
  try {
    for (const auto& row : rows_) {
      for (const auto& pane : row) {
        if (!pane->ended()) pane->ChangeTask(task_);
      }
    }
  } catch (const Error& error) {
    refused_ = error.what();
  }
}

bool Show::Trained(size_t i, double value) const {
  const Control& control = controls()[i];
  if (!control.choices.empty())
    return std::ranges::find(control.choices, value) != control.choices.end();
  return control.trained.Contains(value);
}

bool Show::adapting() const {
  return std::ranges::any_of(progress_,
                             [](const AdaptationProgress& p) { return !p.ready && !p.done; });
}

std::string Show::error() const {
  for (const AdaptationProgress& progress : progress_) {
    if (!progress.error.empty()) return progress.error;
  }
  return refused_;
}

void Show::Update() {
  if (!waiting_) return;
  for (size_t i = 0; i < live_.size(); ++i) progress_[i] = live_[i]->progress();
  waiting_ = std::ranges::any_of(progress_, [](const AdaptationProgress& p) { return !p.done; });
  // one that failed leaves the panes as they are, and its message
  if (adapting() || began_ || !error().empty()) return;
  began_ = true;
  MakePanes();
}

void Show::WaitUntilAdapted(bool until_done) {
  for (const auto& live : live_) live->Wait(until_done);
  Update();
  if (const std::string what = error(); !what.empty()) {
    throw Error(ErrorKind::kRuntime, fmt::format("adapting failed: {}", what));
  }
}

void Show::MakePanes() {
  std::vector<std::vector<std::unique_ptr<Pane>>> rows;
  try {
    for (size_t i = 0; i < subjects_.size(); ++i) {
      rows.push_back(
          subjects_[i]->MakePanes(progress_[i].task, progress_[i].units, options_.shown));
    }
  } catch (const Error& error) {
    refused_ = error.what();
    return;
  }
  rows_ = std::move(rows);
  for (size_t i = 0; i < subjects_.size(); ++i) {
    for (const auto& pane : rows_[i]) {
      if (subjects_.size() > 1) {
        const std::string& name = subjects_[i]->name();
        pane->label = name.substr(0, name.find(':'));
      }
    }
  }
  Restart();
}

void Show::ToggleShown(int unit) {
  const auto found = std::ranges::find(options_.shown, unit);
  if (found == options_.shown.end()) {
    options_.shown.push_back(unit);
    std::ranges::sort(options_.shown);
  } else if (options_.shown.size() > 1) {
    options_.shown.erase(found);
  }
  if (began_) MakePanes();
}

void Show::Restart() {
  // every VectorEnv's simulation 0 has this stream in the sampler's episodes as well
  const Rng stream = rng_.Fork("episode", episode_++).Fork("env", 0);
  for (const auto& row : rows_) {
    for (const auto& pane : row) pane->Restart(stream);
  }
  step_ = 0;
  owed_ = at_end_ = 0;
}

int Show::length() const {
  int length = 0;
  for (const auto& row : rows_) {
    for (const auto& pane : row) length = std::max(length, pane->length());
  }
  return length;
}

int Show::longest() const {
  int longest = 0;
  for (const auto& row : rows_) {
    for (const auto& pane : row) longest = std::max(longest, pane->longest());
  }
  return longest;
}

bool Show::ended() const {
  return std::ranges::all_of(rows_, [](const auto& row) {
    return std::ranges::all_of(row, [](const auto& pane) { return pane->ended(); });
  });
}

bool Show::stands_still() const {
  return longest() == 0 && std::ranges::none_of(rows_, [](const auto& row) { return row.empty(); });
}

double Show::step_seconds() const {
  double seconds = 0;
  for (const auto& row : rows_) {
    for (const auto& pane : row) seconds = std::max(seconds, pane->step_seconds());
  }
  return seconds > 0 ? seconds : 0.05;
}

void Show::Play(int step) {
  for (const auto& row : rows_) {
    for (const auto& pane : row) {
      while (pane->length() < step && !pane->ended()) pane->Advance();
    }
  }
  step_ = std::min(step, length());
}

void Show::Advance(double seconds) {
  const bool nothing_plays = length() == 0 && ended();
  if (paused_ || nothing_plays) return;
  if (step_ == length() && ended()) {
    at_end_ += seconds;
    if (!hold_at_end_ && at_end_ >= kPauseAtEnd) Restart();
    return;
  }
  const double step_time = step_seconds() / options_.speed;
  owed_ += seconds;
  // a billionth: thirty frames of a thirtieth are a second
  const int steps = static_cast<int>(owed_ / step_time + 1e-9);
  owed_ -= steps * step_time;
  if (steps > 0) Play(step_ + steps);
}

void Show::ScaleSpeed(double factor) {
  options_.speed = std::clamp(options_.speed * factor, kMinSpeed, kMaxSpeed);
}

void Show::StepBy(int steps) {
  paused_ = true;
  Play(std::max(0, step_ + steps));
}

void Show::GoTo(int step) {
  paused_ = true;
  step_ = std::clamp(step, 0, length());
}

}  // namespace fewstep
