#include "viewer/performance.h"

#include <limits>
#include <utility>

#include <mujoco/mujoco.h>

namespace fewstep {

Performance::Performance(const TaskFamily& family, std::unique_ptr<Performer> performer,
                         const Task& task)
    : family_(family),
      performer_(std::move(performer)),
      env_(family.MakeVectorEnv(1, 1)),
      batch_(env_->MakeStepBatch()),
      observation_(static_cast<size_t>(spec().observation_size)),
      action_(static_cast<size_t>(spec().action_width())),
      action64_(action_.size()),
      metrics_(spec().metrics.size()) {
  env_->SetTasks({&task, 1});
  states_.width = spec().state.size();
  tasks_.width = spec().parameters.size();
  actions_.width = action_.size();
  observations_.width = observation_.size();
}

void Performance::Begin(const Rng& stream) {
  const EpisodeOrigin origin = performer_->BeginEpisode(stream);
  const int id = 0;
  env_->Start({&id, 1}, {&origin, 1}, observation_);
  ended_ = diverged_ = false;
  for (Rows* rows :
       {&states_, &tasks_, &actions_, &observations_, &rewards_, &returns_, &physics_}) {
    rows->values.clear();
  }
  // nothing was earned or measured before the first step
  constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
  for (Rows& metric : metrics_) metric.values.assign(1, kNothing);
  actions_.values.assign(actions_.width, 0);
  rewards_.values.assign(1, kNothing);
  returns_.values.assign(1, 0);
  Record();
}

void Performance::Step() {
  if (ended_) return;
  performer_->Act(observation_, action_);
  action64_.assign(action_.begin(), action_.end());
  env_->Step(action64_, batch_);
  observation_ = batch_.observations;
  diverged_ = batch_.diverged[0] != 0;
  ended_ = diverged_ || batch_.terminated[0] || batch_.truncated[0];
  performer_->Observe(batch_.rewards[0], batch_.terminated[0] != 0);

  actions_.values.insert(actions_.values.end(), action64_.begin(), action64_.end());
  rewards_.values.push_back(batch_.rewards[0]);
  returns_.values.push_back(returns_.values.back() + batch_.rewards[0]);
  for (size_t m = 0; m < metrics_.size(); ++m) metrics_[m].values.push_back(batch_.metrics[m]);
  Record();
}

void Performance::Record() {
  const auto add = [](Rows& rows) {
    rows.values.resize(rows.values.size() + rows.width);
    return std::span(rows.values).last(rows.width);
  };
  env_->GetState(0, add(states_));
  env_->Observe(0, add(observations_));
  const std::span<const double> task = env_->PresentTask(0);
  tasks_.values.insert(tasks_.values.end(), task.begin(), task.end());
  const PhysicsView view = env_->physics(0);
  physics_.width =
      view.model ? static_cast<size_t>(mj_stateSize(view.model, mjSTATE_INTEGRATION)) : 0;
  if (view.model) mj_getState(view.model, view.data, add(physics_).data(), mjSTATE_INTEGRATION);
}

void Performance::Push(int body, std::span<const double> wrench) { env_->Push(0, body, wrench); }

void Performance::ChangeTask(std::span<const double> task) {
  env_->ChangeTask(0, task);
  // what has been reached is the same, in another task
  std::ranges::copy(env_->PresentTask(0),
                    tasks_.values.end() - static_cast<ptrdiff_t>(tasks_.width));
  std::vector<double> seen(observation_.size());
  env_->Observe(0, seen);
  observation_.assign(seen.begin(), seen.end());
}

}  // namespace fewstep
