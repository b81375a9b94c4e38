// Collects episodes for many tasks at once, each acted by its own row of parameters.
//
// Two plans give the same episodes. kEpisodes: a worker runs whole episodes, evaluating the policy
// itself between two physics steps and writing straight into the learner's tensors; there is no
// barrier a step. kLockstep: all simulations advance together and the policy is one batched forward
// pass, on a GPU if asked: for policies that a worker cannot evaluate or that are too large for it.
//
// Episodes belong to trials, through which the memory of a policy lasts. The previous action and
// reward of a percept come from what was recorded, so task families know nothing of them.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "agents/policies/policy.h"
#include "agents/trials.h"
#include "core/config.h"
#include "core/worker_pool.h"
#include "envs/task_family.h"

namespace fewstep {

// Episodes of T tasks, E each, padded to the horizon H. On the CPU.
struct Rollouts {
  torch::Tensor observations;   // [T, E, H, O] float32
  torch::Tensor actions;        // [T, E, H, A] float32 (A = 1 index when discrete)
  torch::Tensor log_probs;      // [T, E, H] float32, of the actions when they were chosen
  torch::Tensor rewards;        // [T, E, H] float32, 0 past the end
  torch::Tensor dense_rewards;  // [T, E, H] float32, as rewards; undefined for families without
  torch::Tensor mask;           // [T, E, H] float32, 1 up to the episode's length
  torch::Tensor final_observations;  // [T, E, O] float32
  torch::Tensor terminated;          // [T, E] float32: 1 when it ended in a terminal state
  torch::Tensor returns;             // [T, E] float64: undiscounted sum of rewards
  torch::Tensor metric_means;        // [T, M] float64: means over the steps of a task's episodes
  int64_t steps = 0;                 // control steps in all
  int64_t diverged = 0;              // episodes that a non-finite simulation ended
  bool stopped = false;              // it was asked to stop: nothing here is of use

  int64_t num_tasks() const { return rewards.size(0); }
  int64_t episodes() const { return rewards.size(1); }
  int64_t horizon() const { return rewards.size(2); }
};

// What Rollouts of so many episodes hold, in bytes. In floating point: what options allow may be
// more than an integer holds.
double RolloutBytes(const FamilySpec& spec, double episodes);

enum class SamplingPlan { kAuto, kEpisodes, kLockstep };
inline constexpr ChoiceName<SamplingPlan> kSamplingPlanNames[] = {
    {"auto", SamplingPlan::kAuto},
    {"episodes", SamplingPlan::kEpisodes},
    {"lockstep", SamplingPlan::kLockstep}};

struct CollectOptions {
  int episodes = 1;            // a task
  bool deterministic = false;  // act with the mode of the distribution
  std::stop_token stop = {};   // asks Collect to return early
};

// The same (policy, parameters, tasks, options, rng) give the same bits at any number of threads.
// One caller at a time. `family` and `pool` must outlive the sampler.
class Sampler {
 public:
  // kAuto takes kEpisodes where the policy has an actor of its own. `device` is where the policy is
  // evaluated in lockstep.
  Sampler(const TaskFamily& family, WorkerPool& pool, SamplingPlan plan,
          torch::Device device = torch::kCPU);
  ~Sampler();

  const TaskFamily& family() const { return family_; }
  torch::Device device() const { return device_; }
  double seconds() const { return seconds_; }  // spent in Collect so far, wall clock

  // `parameters` [T, P] with one row a task, or [1, P] for all. Episode e of task t draws
  // everything from rng.Fork("env", t * E + e) and, for actions, rng.Fork("act", t * E + e).
  //
  // `trials` are N trials that go on, as many of each task, of T * E / N of these episodes each;
  // they are brought up to date. Where tasks change, that of trial i changes by
  // rng.Fork("trial", i) of the call that began it. Without them every episode is a trial by
  // itself. A trial whose simulation diverged has no further episodes: they stay empty. A call
  // that was stopped leaves trials in no state to go on from.
  Rollouts Collect(const Policy& policy, const Parameters& parameters, std::span<const Task> tasks,
                   const CollectOptions& options, const Rng& rng, TrialStates* trials = nullptr);

 private:
  struct Batch;  // one call of Collect
  void CollectEpisodes(const Batch& batch, Rollouts& out);
  void CollectLockstep(const Batch& batch, Rollouts& out);

  const TaskFamily& family_;
  WorkerPool& pool_;
  SamplingPlan plan_;
  torch::Device device_;
  double seconds_ = 0;
  std::vector<std::unique_ptr<EpisodeRunner>> runners_;  // one a worker, made on first use
  std::unique_ptr<VectorEnv> env_;                       // of the last lockstep size
};

}  // namespace fewstep
