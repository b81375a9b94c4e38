#include "experiments/running/agent_controller.h"

namespace fewstep {

AgentController::AgentController(const MetaAgent& agent, Sampler& sampler,
                                 const AgentControllerOptions& options, const Rng& rng)
    : agent_(agent), sampler_(sampler), options_(options), rng_(rng), shown_(options.units) {}

void AgentController::BeginTask(const Task& task) {
  const Rng rng = rng_.Fork("task", tasks_++);
  adaptive_ = DeployOn(agent_, {&task, 1}, rng.Fork("agent"));
  const bool as_shown = agent_.support() == Support::kAsJudged;
  units_.clear();
  for (int unit = 0;; ++unit) {
    const torch::Tensor row =
        adaptive_->parameters().flat.detach().to(torch::kCPU, torch::kFloat32);
    TrialStates* trials = adaptive_->trials();
    units_.push_back({.row = row.contiguous().clone(),
                      .trial = trials != nullptr ? trials->Clone() : TrialStates{}});
    if (unit == options_.units) break;
    adaptive_->Adapt(sampler_.Collect(adaptive_->policy(), adaptive_->parameters(), {&task, 1},
                                      {.episodes = agent_.episodes_per_unit(),
                                       .deterministic = options_.deterministic && as_shown},
                                      rng.Fork("unit", static_cast<uint64_t>(unit)), trials));
  }
  actor_ = adaptive_->policy().MakeActor();
}

void AgentController::BeginEpisode() {
  const Unit& unit = units_[static_cast<size_t>(shown_)];
  trial_ = unit.trial.memory.defined() ? unit.trial.Clone() : BeginTrials(adaptive_->policy(), 1);
  const bool remembers = adaptive_->policy().memory_size() > 0;
  actor_->BeginTrial(unit.row.const_data_ptr<float>(),
                     remembers ? trial_.memory.mutable_data_ptr<float>() : nullptr);
  action_rng_ = rng_.Fork("act", episodes_++);
  step_ = 0;
}

EpisodeOrigin AgentController::Origin(const Rng& stream) const {
  if (trial_.episodes == 0) return stream;
  return {stream, trial_.stream.Fork("trial", 0), trial_.episodes};
}

void AgentController::Act(std::span<const float> observation, std::span<float> action) {
  const bool begun = trial_.begun.item<float>() != 0;
  actor_->Act({.observation = observation.data(),
               .previous_action = begun ? trial_.previous_actions.const_data_ptr<float>() : nullptr,
               .previous_reward = trial_.previous_rewards.item<float>(),
               .step = step_},
              action_rng_, options_.deterministic, action.data());
  action_.assign(action.begin(), action.end());
}

void AgentController::Observe(double reward, bool /*ended*/) {
  std::copy(action_.begin(), action_.end(), trial_.previous_actions.mutable_data_ptr<float>());
  trial_.previous_rewards.fill_(static_cast<float>(reward));
  trial_.begun.fill_(1);
  ++step_;
}

AdaptationStatus AgentController::status() const {
  return {.unit = agent_.unit(), .shown = shown_, .available = options_.units};
}

}  // namespace fewstep
