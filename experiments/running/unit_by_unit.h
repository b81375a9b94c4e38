// An agent that adapts to tasks unit by unit: what the evaluator measures and the viewer shows.
#pragma once

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "agents/sampler.h"
#include "meta/meta_agent.h"

namespace fewstep {

// All randomness comes from streams of `rng`: Fork("agent") for what the agent draws, and
// Stream(name) for episodes. Agent and sampler must outlive it.
class UnitByUnit {
 public:
  UnitByUnit(const MetaAgent& agent, Sampler& sampler, std::vector<Task> tasks, const Rng& rng)
      : sampler_(sampler),
        tasks_(std::move(tasks)),
        rng_(rng),
        adaptive_(DeployOn(agent, tasks_, rng.Fork("agent"))) {}

  const Policy& policy() const { return adaptive_->policy(); }
  const Parameters& parameters() const { return adaptive_->parameters(); }
  // Where the trials stand; undefined for an agent whose episodes are trials by themselves.
  TrialStates CloneTrials() const {
    const TrialStates* trials = adaptive_->trials();
    return trials ? trials->Clone() : TrialStates{};
  }

  TaskBelief belief() const { return adaptive_->belief(); }

  // Of the present unit, which the first is 0.
  Rng Stream(std::string_view name) const { return rng_.Fork(name, unit_); }

  Rollouts Collect(const CollectOptions& options, const Rng& stream) {
    return sampler_.Collect(adaptive_->policy(), adaptive_->parameters(), tasks_, options, stream,
                            adaptive_->trials());
  }

  // Ends the present unit.
  void Adapt(const Rollouts& support) {
    adaptive_->Adapt(support);
    ++unit_;
  }

 private:
  Sampler& sampler_;
  std::vector<Task> tasks_;
  Rng rng_;
  std::unique_ptr<AdaptiveAgent> adaptive_;
  uint64_t unit_ = 0;
};

}  // namespace fewstep
