#include "viewer/playback.h"

#include <utility>

#include "core/error.h"

namespace fewstep {

Playback::Playback(const TaskFamily& family, Controller& controller, std::vector<Task> tasks,
                   const Rng& rng)
    : controller_(controller),
      tasks_(std::move(tasks)),
      rng_(rng),
      env_(family.MakeVectorEnv(1, 1)),
      batch_(env_->MakeStepBatch()) {
  FEWSTEP_CHECK(!tasks_.empty(), "a playback needs a task");
  const FamilySpec& s = spec();
  observation_.resize(static_cast<size_t>(s.observation_size));
  action_.resize(static_cast<size_t>(s.action_width()));
  action64_.resize(action_.size());
  BeginTask();
}

void Playback::BeginTask() {
  env_->SetTasks({&task(), 1});
  controller_.BeginTask(task());
  last_returns_.assign(static_cast<size_t>(status().available) + 1, std::nullopt);
  BeginEpisode();
}

void Playback::BeginEpisode() {
  controller_.BeginEpisode();
  const int id = 0;
  const EpisodeOrigin origin = controller_.Origin(rng_.Fork("episode", episode_++).Fork("env", 0));
  env_->Start({&id, 1}, {&origin, 1}, observation_);
  steps_ = 0;
  return_ = 0;
  ended_ = diverged_ = false;
  visited_.clear();
  RecordState();
}

void Playback::NextTask() {
  task_ = (task_ + 1) % tasks_.size();
  BeginTask();
}

void Playback::Show(int units) {
  if (units < 0 || units > status().available) return;
  controller_.Show(units);
  BeginEpisode();
}

void Playback::Step() {
  if (ended_) return BeginEpisode();
  controller_.Act(observation_, action_);
  action64_.assign(action_.begin(), action_.end());
  env_->Step(action64_, batch_);
  observation_ = batch_.observations;

  // the return counts once the episode is whole
  ++steps_;
  return_ += batch_.rewards[0];
  diverged_ = batch_.diverged[0] != 0;
  ended_ = diverged_ || batch_.terminated[0] || batch_.truncated[0];
  if (ended_) last_returns_[static_cast<size_t>(status().shown)] = return_;
  controller_.Observe(batch_.rewards[0], ended_);
  RecordState();
}

double Playback::step_seconds() const {
  constexpr double kWithoutClock = 0.05;
  return spec().control_dt > 0 ? spec().control_dt : kWithoutClock;
}

void Playback::RecordState() {
  const size_t size = spec().state.size();
  visited_.resize(visited_.size() + size);
  env_->GetState(0, std::span(visited_).last(size));
}

}  // namespace fewstep
