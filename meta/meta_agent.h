// One interface for gradient-based, recurrent and posterior agents, so that one training loop, one
// evaluator and one viewer serve all of them.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "agents/policies/policy.h"
#include "agents/sampler.h"
#include "core/config.h"
#include "core/metrics.h"
#include "core/registry.h"
#include "core/safetensors.h"
#include "core/worker_pool.h"

namespace fewstep {

// How the episodes are acted that an agent adapts on.
enum class Support {
  kSampled,  // from the policy's distribution, whatever is judged: the gradient of a policy that is
             // sampled at its mode is zero
  kAsJudged,  // the agent learns while it acts: it plays its whole trial as it is judged
};

// A trained agent adapting to T tasks it has not seen, in units of its own kind. The caller samples
// `episodes_per_unit` episodes with (policy, parameters) and hands them to Adapt.
class AdaptiveAgent {
 public:
  virtual ~AdaptiveAgent() = default;
  // Called once, before the first episode. `rng` is for agents that draw at random what to try; the
  // tasks' values [T] are for oracles, which are told them. Whatever learns does not look.
  virtual void Begin(std::span<const Task> /*tasks*/, const Rng& /*rng*/) {}
  virtual const Policy& policy() const = 0;
  virtual const Parameters& parameters() const = 0;  // [T, P], of the present unit
  virtual std::string unit() const = 0;              // "gradient step"
  virtual int episodes_per_unit() const = 0;
  virtual Support support() const = 0;
  // One unit of adaptation from episodes sampled with the present parameters. Takes nothing from
  // the task but these episodes.
  virtual void Adapt(const Rollouts& support) = 0;
};

class MetaAgent {
 public:
  virtual ~MetaAgent() = default;

  virtual int meta_batch_size() const = 0;          // tasks of an iteration
  virtual int64_t steps_per_iteration() const = 0;  // at most, in environment control steps

  // One iteration of meta-training. Everything random comes from `rng`. Throws Error(kRuntime) when
  // the update is not finite; the agent is then as before the call. Never called on an agent that
  // is not trained (AgentEntry::trained).
  virtual Metrics TrainIteration(std::span<const Task> tasks, Sampler& sampler, const Rng& rng) = 0;

  // A copy that adapts to `num_tasks` tasks, independent of further training. The agent must
  // outlive it.
  virtual std::unique_ptr<AdaptiveAgent> Deploy(int num_tasks) const = 0;

  // Everything that the next iteration depends on. Load throws Error(kData) when a tensor is
  // missing or has another shape; the agent is then as before the call.
  virtual void Save(TensorFile& file) const = 0;
  virtual void Load(const TensorFile& file) = 0;
};

// What an agent is built with. All references outlive the agent.
struct AgentContext {
  const TaskFamily& family;
  WorkerPool& pool;  // the learner's threads; each runs LibTorch with one intra-op thread
  torch::Device device = torch::kCPU;
  Rng init{0};  // stream of the initial parameters
};

struct AgentEntry {
  std::string summary;                                     // one sentence
  std::function<std::unique_ptr<Options>()> make_options;  // with its defaults
  std::function<std::unique_ptr<MetaAgent>(const Options&, const AgentContext&)> make;
  bool trained = true;  // false: a baseline, which runs of no iterations evaluate as it is
};
using AgentRegistry = Registry<AgentEntry>;

// Every agent that is compiled in; one line an entry (meta/builtin_agents.cc).
AgentRegistry BuiltinAgents();

}  // namespace fewstep
