// The agent that adapts through its memory: it acts whole trials, and its one row of parameters is
// improved so that whole trials bring more. What it learns about a task is in its memory alone.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agents/optimizers/ppo.h"
#include "agents/optimizers/trust_region.h"
#include "agents/policies/memory_policy.h"
#include "meta/memory/trial_data.h"
#include "meta/meta_agent.h"

namespace fewstep {

// How the outer loop improves the row.
struct OuterLoop {
  std::unique_ptr<PolicyOptimizer> policy;
  std::unique_ptr<PolicyOptimizer> value;  // of the value function; null: together with the policy
  double value_coefficient = 0;            // of its loss beside the policy's objective
  bool second_order = false;               // whether the policy's needs second derivatives
};

struct MemoryAgentOptions : Options {
  int64_t meta_batch_size = 512;
  int64_t episodes = 0;
  MemoryPolicyOptions policy;
  TrialAdvantageOptions advantage;
  RewardOptions rewards;
  double entropy_coefficient = 0.01;
  double final_entropy_coefficient = 0;
  int64_t entropy_anneal_iterations = 0;
  int64_t truncation = 0;
  int64_t shards = 8;
  void Visit(FieldVisitor& visitor) override;

  // For a row like `row` [1, P].
  virtual OuterLoop MakeOuter(const torch::Tensor& row) const = 0;

 protected:
  virtual void VisitOuter(FieldVisitor& visitor) = 0;
};

std::unique_ptr<MetaAgent> MakeMemoryAgent(const MemoryAgentOptions& options,
                                           const AgentContext& context);

// A registry entry of an agent with these options.
template <typename AgentOptions>
AgentEntry MemoryAgentEntry(std::string summary) {
  return {
      .summary = std::move(summary),
      .make_options = []() -> std::unique_ptr<Options> { return std::make_unique<AgentOptions>(); },
      .make =
          [](const Options& options, const AgentContext& context) {
            return MakeMemoryAgent(dynamic_cast<const AgentOptions&>(options), context);
          }};
}

}  // namespace fewstep
