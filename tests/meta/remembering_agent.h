// An agent with memory that is not trained: it learns while it acts.
#pragma once

#include "meta/meta_agent.h"
#include "tests/agents/remembering_policy.h"

namespace fewstep {

class RememberingAgent final : public MetaAgent {
 public:
  RememberingAgent(const FamilySpec& spec, bool native, uint64_t seed)
      : policy_(spec, native), row_(policy_.InitialParameters(Rng(seed))) {
    row_.flat *= 0.3;
  }

  int meta_batch_size() const override { return 1; }
  int64_t steps_per_iteration() const override { return 0; }
  std::string unit() const override { return "episode"; }
  int episodes_per_unit() const override { return 1; }
  Support support() const override { return Support::kAsJudged; }
  double iteration_bytes() const override { return 0; }
  std::vector<std::string> columns() const override { return {}; }
  int last_reported_unit() const override { return 0; }
  double deployment_bytes(int, int) const override { return 0; }
  Metrics TrainIteration(std::span<const Task>, Sampler&, const Rng&) override { return {}; }
  void Save(CheckpointWriter) const override {}
  void Load(CheckpointReader) override {}

  std::unique_ptr<AdaptiveAgent> Deploy(const Deployment& deployment) const override {
    EXPECT_TRUE(deployment.told.empty());  // it is no oracle
    return std::make_unique<Deployed>(policy_, row_, deployment.num_tasks);
  }

  const RememberingPolicy& policy() const { return policy_; }
  const Parameters& row() const { return row_; }

 private:
  class Deployed final : public AdaptiveAgent {
   public:
    Deployed(const RememberingPolicy& policy, const Parameters& row, int num_tasks)
        : policy_(policy), row_(row), trials_(BeginTrials(policy, num_tasks)) {}
    const Policy& policy() const override { return policy_; }
    const Parameters& parameters() const override { return row_; }
    TrialStates* trials() override { return &trials_; }
    void Adapt(const Rollouts&) override {}  // the memory has moved while it acted

   private:
    const RememberingPolicy& policy_;
    const Parameters& row_;
    TrialStates trials_;
  };

  RememberingPolicy policy_;
  Parameters row_;  // [1, P]
};

}  // namespace fewstep
