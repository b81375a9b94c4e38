// One interface for all agents, whether they adapt by gradients, by choosing a table anew or by a
// memory, so that one training loop, one evaluator and one viewer serve all of them.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "agents/checkpoint.h"
#include "agents/policies/policy.h"
#include "agents/sampler.h"
#include "agents/trials.h"
#include "core/config.h"
#include "core/metrics.h"
#include "core/registry.h"
#include "core/worker_pool.h"

namespace fewstep {

// How the episodes are acted that an agent adapts on.
enum class Support {
  kSampled,  // from the policy's distribution, whatever is judged: the gradient of a policy that is
             // sampled at its mode is zero
  kAsJudged,  // the agent learns while it acts: it plays its whole trial as it is judged
};

// What is believed of the latent variable [L] of each of T tasks: independent normal distributions.
struct TaskBelief {
  torch::Tensor mean, deviation;  // [T, L]; undefined: nothing is
};

// A trained agent adapting to T tasks it has not seen, in units of its own kind: by other
// parameters, or by a memory that moves while it acts. The caller samples
// MetaAgent::episodes_per_unit episodes with (policy, parameters, trials) and hands them to Adapt.
class AdaptiveAgent {
 public:
  virtual ~AdaptiveAgent() = default;
  virtual const Policy& policy() const = 0;
  virtual const Parameters& parameters() const = 0;  // [T|1, P], of the present unit
  // Where its trials stand, for the sampler to go on with; null where every episode is a trial by
  // itself.
  virtual TrialStates* trials() { return nullptr; }
  // One unit of adaptation from episodes sampled with the present parameters. Takes nothing from
  // the task but these episodes.
  virtual void Adapt(const Rollouts& support) = 0;
  // What it believes of each task by now; undefined where it has no such belief.
  virtual TaskBelief belief() const { return {}; }
};

// What an agent is deployed on.
struct Deployment {
  int num_tasks = 1;
  Rng rng{0};                       // for agents that draw at random what to try
  std::span<const Task> told = {};  // the tasks, [num_tasks]; empty but for oracles
};

// What must stand beside every result of an agent.
struct Fact {
  std::string key;  // in JSON: "bootstrap_at_horizon"
  bool value = false;
  std::string note;  // said in texts where it is true: "bootstrapped at the horizon"
};

class MetaAgent {
 public:
  virtual ~MetaAgent() = default;

  // Tasks that an iteration is given; 0: it keeps to training tasks of its own.
  virtual int meta_batch_size() const = 0;
  virtual int64_t steps_per_iteration() const = 0;  // at most, in environment control steps

  // What an iteration holds at once, and a deployment to so many tasks beside the `episodes`
  // episodes a task and unit that it is given: bytes, as far as they grow with options.
  virtual double iteration_bytes() const = 0;
  virtual double deployment_bytes(int num_tasks, int episodes) const = 0;
  // The keys that make an iteration smaller: "agent.episodes, agent.hidden".
  virtual std::string size_keys() const { return "agent.meta_batch_size, agent.episodes"; }

  // Of an agent that learns from a replay: what it takes for it when training begins, until it
  // ends, in bytes; 0: it has none. And the keys that make it smaller.
  virtual double replay_bytes() const { return 0; }
  virtual std::string replay_keys() const { return {}; }

  virtual std::vector<Fact> facts() const { return {}; }

  // The names that TrainIteration's metrics have, in their order; of many alike (ShownPoints) some.
  // An iteration may lack some of them.
  virtual std::vector<std::string> columns() const = 0;
  // Inner steps, updates, ... after which an iteration's mean return is reported, as return_0 ...
  // return_K: K.
  virtual int last_reported_unit() const = 0;

  // One iteration of meta-training. Everything random comes from `rng`. Throws Error(kRuntime) when
  // the update is not finite; the agent is then as before the call, but for episodes that have
  // joined a replay. Never called on an agent that is not trained (AgentEntry::trained).
  virtual Metrics TrainIteration(std::span<const Task> tasks, Sampler& sampler, const Rng& rng) = 0;

  virtual std::string unit() const = 0;       // of adaptation: "gradient step"
  virtual int episodes_per_unit() const = 0;  // of each task
  virtual Support support() const = 0;
  // Whether episodes of a task change how it acts there.
  virtual bool adapts() const { return true; }
  // Whether it is told the tasks that it is deployed on. Whatever learns is not.
  virtual bool oracle() const { return false; }

  // A copy that adapts, independent of further training. The agent must outlive it. Called by
  // DeployOn only, which is the one place that knows the tasks.
  virtual std::unique_ptr<AdaptiveAgent> Deploy(const Deployment& deployment) const = 0;

  // Everything that the next iteration depends on, but for a replay. Load throws Error(kData) when
  // a tensor is missing or has another shape; the agent is then as before the call. A replay is
  // empty afterwards.
  virtual void Save(CheckpointWriter checkpoint) const = 0;
  virtual void Load(CheckpointReader checkpoint) = 0;

  // The replay. LoadReplay follows Load; after Load alone, training begins by filling it anew.
  virtual void SaveReplay(CheckpointWriter /*checkpoint*/) const {}
  virtual void LoadReplay(CheckpointReader /*checkpoint*/) {}
};

// Deploys an agent on `tasks`, which it hears of if it is an oracle.
std::unique_ptr<AdaptiveAgent> DeployOn(const MetaAgent& agent, std::span<const Task> tasks,
                                        const Rng& rng);

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
