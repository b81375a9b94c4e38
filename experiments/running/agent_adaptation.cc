#include "experiments/running/agent_adaptation.h"

#include <utility>

#include <fmt/format.h>

#include "agents/device.h"
#include "experiments/running/believed_goals.h"
#include "experiments/running/unit_by_unit.h"

namespace fewstep {
namespace {

// What a performer acts with, shared and never written to.
struct Acting {
  std::shared_ptr<const UnitByUnit> agent;  // keeps the policy alive
  torch::Tensor row;                        // [1, P]
  TrialStates trial;                        // undefined for an agent whose episodes are trials
  bool deterministic = false;

  const Policy& policy() const { return agent->policy(); }
};

class AgentPerformer final : public Performer {
 public:
  AgentPerformer(std::shared_ptr<const Acting> acting, const Rng& rng)
      : acting_(std::move(acting)), rng_(rng), actor_(acting_->policy().MakeActor()) {}

  EpisodeOrigin BeginEpisode(const Rng& stream) override {
    const torch::NoGradGuard no_grad;
    trial_ = acting_->trial.memory.defined() ? acting_->trial.Clone()
                                             : BeginTrials(acting_->policy(), 1);
    const bool remembers = acting_->policy().memory_size() > 0;
    actor_->BeginTrial(acting_->row.const_data_ptr<float>(),
                       remembers ? trial_.memory.mutable_data_ptr<float>() : nullptr);
    action_rng_ = rng_.Fork("act", episodes_++);
    step_ = 0;
    if (trial_.episodes == 0) return stream;
    return {stream, trial_.stream.Fork("trial", 0), trial_.episodes};
  }

  void Act(std::span<const float> observation, std::span<float> action) override {
    const torch::NoGradGuard no_grad;
    const bool begun = trial_.begun.item<float>() != 0;
    actor_->Act(
        {.observation = observation.data(),
         .previous_action = begun ? trial_.previous_actions.const_data_ptr<float>() : nullptr,
         .previous_reward = trial_.previous_rewards.item<float>(),
         .previous_terminated = trial_.terminated.item<float>() != 0,
         .step = step_},
        action_rng_, acting_->deterministic, action.data());
    std::copy(action.begin(), action.end(), trial_.previous_actions.mutable_data_ptr<float>());
  }

  void Observe(double reward, bool terminated) override {
    trial_.previous_rewards.fill_(static_cast<float>(reward));
    trial_.terminated.fill_(terminated ? 1.0f : 0.0f);
    trial_.begun.fill_(1);
    ++step_;
  }

 private:
  std::shared_ptr<const Acting> acting_;
  Rng rng_, action_rng_{0};
  std::unique_ptr<Actor> actor_;
  TrialStates trial_;
  uint64_t episodes_ = 0;
  int step_ = 0;
};

class AdaptedMetaAgent final : public AdaptedAgent {
 public:
  explicit AdaptedMetaAgent(Acting acting)
      : acting_(std::make_shared<const Acting>(std::move(acting))) {}

  std::unique_ptr<Performer> MakePerformer(const Rng& rng) const override {
    return std::make_unique<AgentPerformer>(acting_, rng);
  }

 private:
  std::shared_ptr<const Acting> acting_;
};

class AgentAdaptation final : public Adaptation {
 public:
  AgentAdaptation(const MetaAgent& agent, Sampler& sampler, const AgentAdaptationOptions& options,
                  const Rng& rng)
      : agent_(agent), sampler_(sampler), options_(options), rng_(rng), unit_(agent.unit()) {}

  const std::string& unit() const override { return unit_; }

  int episodes_per_unit() const override {
    return options_.episodes > 0 ? options_.episodes : agent_.episodes_per_unit();
  }

  std::shared_ptr<const AdaptedAgent> Begin(const Task& task) override {
    UseOneTorchThread();  // the thread that adapts is another than the one it was made on
    sampler_.family().Prepare(task);  // refuses what is none
    units_ = 0;
    task_ = task;
    adapting_ = std::make_shared<UnitByUnit>(agent_, sampler_, std::vector<Task>{task}, rng_);
    return Snapshot({});
  }

  std::shared_ptr<const AdaptedAgent> Advance(std::stop_token stop) override {
    const bool as_judged = agent_.support() == Support::kAsJudged;
    const Rollouts support =
        adapting_->Collect({.episodes = episodes_per_unit(),
                            .deterministic = options_.deterministic && as_judged,
                            .stop = std::move(stop)},
                           adapting_->Stream("episodes"));
    if (support.stopped) return nullptr;
    adapting_->Adapt(support);
    ++units_;
    return Snapshot(support);
  }

 private:
  std::shared_ptr<const AdaptedAgent> Snapshot(const Rollouts& support) const {
    auto adapted =
        std::make_shared<AdaptedMetaAgent>(Acting{.agent = adapting_,
                                                  .row = adapting_->parameters()
                                                             .flat.detach()
                                                             .to(torch::kCPU, torch::kFloat32)
                                                             .contiguous()
                                                             .clone(),
                                                  .trial = adapting_->CloneTrials(),
                                                  .deterministic = options_.deterministic});
    adapted->units = units_;
    Believe(*adapted);
    if (!support.returns.defined()) return adapted;

    const torch::Tensor returns = support.returns.select(0, 0).contiguous();
    adapted->support_scores.assign(returns.const_data_ptr<double>(),
                                   returns.const_data_ptr<double>() + returns.numel());
    if (sampler_.family().spec().action_kind != ActionKind::kDiscrete) return adapted;
    const torch::Tensor mask = support.mask.contiguous();
    for (int64_t i = 0; i < mask.numel(); ++i) {
      if (mask.const_data_ptr<float>()[i] == 0) continue;
      adapted->pulls.push_back(
          {.choice = static_cast<int>(support.actions.const_data_ptr<float>()[i]),
           .reward = support.rewards.const_data_ptr<float>()[i]});
    }
    return adapted;
  }

  void Believe(AdaptedMetaAgent& adapted) const {
    const TaskBelief belief = adapting_->belief();
    if (!belief.mean.defined()) return;
    for (int64_t i = 0; i < belief.mean.size(1); ++i) {
      adapted.beliefs.push_back({.name = fmt::format("z{}", i),
                                 .mean = belief.mean[0][i].item<double>(),
                                 .spread = belief.deviation[0][i].item<double>()});
    }
    const TaskFamily& family = sampler_.family();
    if (!HasPlaces(family.spec())) return;
    adapted.goals = BelievedGoals(adapting_->policy(),
                                  adapting_->parameters().flat.to(torch::kCPU, torch::kFloat32),
                                  adapting_->CloneTrials().memory, family, task_, kGoalDraws,
                                  adapting_->Stream("goals").Fork("task", 0));
  }

  const MetaAgent& agent_;
  Sampler& sampler_;
  AgentAdaptationOptions options_;
  Rng rng_;
  std::string unit_;
  int units_ = 0;
  Task task_;
  std::shared_ptr<UnitByUnit> adapting_;
};

}  // namespace

std::unique_ptr<Adaptation> MakeAgentAdaptation(const MetaAgent& agent, Sampler& sampler,
                                                const AgentAdaptationOptions& options,
                                                const Rng& rng) {
  return std::make_unique<AgentAdaptation>(agent, sampler, options, rng);
}

}  // namespace fewstep
