// Markov decision processes given by tables and small enough to enumerate: what meta-gradient
// estimators are verified on. The same tables serve as data with exact weights for the learner
// (Enumerate) and as a simulation for the sampler (MakeFamily).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agents/policies/policy.h"
#include "agents/surrogates.h"
#include "core/config.h"
#include "envs/families/mdps/tabular_mdp.h"
#include "meta/inner_loop.h"

namespace fewstep {

// Table [mdp] of a file. S states, A actions; episodes are undiscounted and H steps long.
struct MdpOptions : Options {
  int64_t states = 0, actions = 0, horizon = 0;
  NumberTable start;       // [S] probabilities; absent: every episode starts in state 0
  NumberTable transition;  // [S, A, S] probabilities of the next state
  NumberTable reward;      // [S, A]
  NumberTable policy;      // [S, A] logits: pi(a | s) is their softmax over a
  double inner_learning_rate = 0.1;
  int64_t inner_steps = 1;
  InnerOptimizer inner_optimizer = InnerOptimizer::kGradient;
  void Visit(FieldVisitor& visitor) override;
};

// The process that the published figures of fewstep are for: 2 states, 2 actions, horizon 3.
MdpOptions TwoStateMdp();

// Every trajectory of positive probability, one a row: states and actions [M, H], the rewards from
// each step to the end [M, H], and the probability of what the policy does not choose [M].
struct Trajectories {
  std::vector<int64_t> states, actions;
  std::vector<double> returns_to_go, probabilities;
  int64_t size() const { return static_cast<int64_t>(probabilities.size()); }
};

// Immutable; safe to share between threads.
class EnumerableMdp {
 public:
  static constexpr double kMaxTrajectories = 50000;

  // The place of a key, for errors about it.
  using Where = std::function<ErrorContext(std::string_view key)>;

  // Throws Error(kUsage) on a table that is missing, of another shape, or holds what is no
  // probability (a sum may differ from 1 by 1e-9), and on more than kMaxTrajectories.
  explicit EnumerableMdp(MdpOptions options, const Where& where = {});

  // From the [mdp] table of a file. Throws Error(kUsage) with file, line and key.
  static EnumerableMdp Read(const std::string& path);

  const MdpOptions& options() const { return options_; }
  const Trajectories& trajectories() const { return trajectories_; }
  const TabularMdp& tables() const { return tables_; }  // with its start

  // The same process with `constant` added to every reward.
  EnumerableMdp WithRewardOffset(double constant) const;
  // The same process adapted to by one plain gradient step.
  EnumerableMdp WithOneInnerStep() const;

  // A softmax table as the production policy: the network without hidden layers and biases on
  // one-hot states. Its row of parameters is the table of logits, row-major.
  std::unique_ptr<MemorylessPolicy> MakePolicy() const;
  // MdpOptions::policy as parameters of `policy`, [1, S * A] float64.
  Parameters InitialParameters(const MemorylessPolicy& policy) const;

  // Trajectories `which` as the episodes of one task acted by `row` [1, S * A]; advantages are the
  // returns to go, and every episode weighs the same.
  PolicyBatch Episodes(const MemorylessPolicy& policy, const Parameters& row,
                       const std::vector<int64_t>& which) const;

  // All trajectories, each weighted by its probability: sums over it are exact expectations.
  PolicyBatch Enumerate(const MemorylessPolicy& policy, const Parameters& row) const;

  // The process as a task family with one task, which has no parameters.
  std::unique_ptr<TaskFamily> MakeFamily() const;

 private:
  MdpOptions options_;
  TabularMdp tables_;
  Trajectories trajectories_;
};

}  // namespace fewstep
