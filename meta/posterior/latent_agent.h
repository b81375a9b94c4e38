// The off-policy agent: episodes of many tasks go into a replay, and a soft actor-critic learns
// from it, told a latent variable that is inferred from a task's own transitions. Without that
// variable it is a soft actor-critic of one task or of many.
#pragma once

#include <memory>
#include <string>

#include "agents/optimizers/soft_actor_critic.h"
#include "meta/meta_agent.h"
#include "meta/posterior/task_inference.h"

namespace fewstep {

// What the first episodes of every task are acted by.
enum class InitialActions {
  kPolicy,   // the policy as it starts
  kUniform,  // actions that are drawn uniformly at every step
  kHeld,     // one such action an episode, held through it
};

// Fields of [agent].
struct LatentAgentOptions : Options {
  int64_t tasks = 100;
  int64_t initial_episodes = 10;
  InitialActions initial_actions = InitialActions::kPolicy;
  int64_t collect_tasks = 5;
  int64_t episodes = 2;
  int64_t updates_per_collection = 2000;
  int64_t updates_per_iteration = 100;
  int64_t meta_batch_size = 16;
  int64_t batch_size = 256;
  int64_t replay_size = 50'000;
  int64_t shards = 2;
  SoftActorCriticOptions learner;
  void Visit(FieldVisitor& visitor) override;
};

// [agent.context]
struct ContextOptions : Options {
  int64_t transitions = 64;
  int64_t episodes = 0;
  bool clear = true;
  int64_t size = 0;
  int64_t test_transitions = 0;
  void Visit(FieldVisitor& visitor) override;
};

// What an agent with a latent variable has beside them.
struct InferenceOptions {
  int64_t posterior_episodes = 0;
  int64_t extra_episodes = 2;
  int64_t exploration_episodes = 1;
  ContextOptions context;
  EncoderOptions encoder;
};

// `inference`: null for an agent without a latent variable. Throws Error(kUsage) on a family whose
// actions are no finite range, and on options that do not go together.
std::unique_ptr<MetaAgent> MakeLatentAgent(const LatentAgentOptions& options,
                                           const InferenceOptions* inference,
                                           const AgentContext& context);

}  // namespace fewstep
