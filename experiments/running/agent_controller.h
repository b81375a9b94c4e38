// A trained agent as what acts in a window.
#pragma once

#include <memory>
#include <vector>

#include "envs/controller.h"
#include "meta/meta_agent.h"

namespace fewstep {

struct AgentControllerOptions {
  int units = 3;               // of adaptation that can be shown
  bool deterministic = false;  // act with the mode; what is adapted on is acted as the agent says
};

// Adapts to each task ahead of playing, in episodes that are not shown, and keeps what each unit of
// adaptation ended with: parameters, and where the agent's trial stood. An episode that is shown
// goes on from there and leaves it as it was. Owned by one thread.
class AgentController final : public Controller {
 public:
  // Both must outlive it.
  AgentController(const MetaAgent& agent, Sampler& sampler, const AgentControllerOptions& options,
                  const Rng& rng);

  void BeginTask(const Task& task) override;
  void BeginEpisode() override;
  EpisodeOrigin Origin(const Rng& stream) const override;
  void Act(std::span<const float> observation, std::span<float> action) override;
  void Observe(double reward, bool ended) override;
  AdaptationStatus status() const override;
  void Show(int units) override { shown_ = units; }

 private:
  struct Unit {
    torch::Tensor row;  // [1, P]
    TrialStates trial;  // undefined for an agent whose episodes are trials
  };

  const MetaAgent& agent_;
  Sampler& sampler_;
  AgentControllerOptions options_;
  Rng rng_, action_rng_{0};
  int shown_;
  uint64_t tasks_ = 0, episodes_ = 0;
  std::unique_ptr<AdaptiveAgent> adaptive_;
  std::unique_ptr<Actor> actor_;
  std::vector<Unit> units_;  // from 0

  // the episode that is played
  TrialStates trial_;
  std::vector<float> action_;
  int step_ = 0;
};

}  // namespace fewstep
