// What the outer loop of an agent with memory improves, as a function of its one row of parameters,
// on whole trials of one iteration:
//
//   J = mean over steps of  L(pi / pi_old, A)  + c_H H(pi)  - c_V (V - target)^2 / 2
//
// with the surrogate L of the optimizer's form. The memory of every trial is computed anew from its
// first step, so that its gradient goes back to there, or, with truncation, to the start of its
// chunk.
#pragma once

#include <memory>
#include <vector>

#include "agents/optimizers/objective.h"
#include "agents/shards.h"
#include "meta/memory/trial_data.h"

namespace fewstep {

struct TrialObjectiveOptions {
  double policy_coefficient = 1;  // on L: 0 leaves the value function alone
  double entropy_coefficient = 0;
  double value_coefficient = 0;
  int64_t truncation = 0;  // steps of a chunk; 0: whole trials
  int64_t shards = 8;      // of each minibatch
};

// Immutable. One caller at a time, as it computes on the pool.
//
// ObjectiveValues: `objective` is the mean of L + c_H H, `kl` the mean KL(pi_old || pi) over steps.
class TrialObjective final : public Objective {
 public:
  // On the trials with these numbers [n] int64. Everything passed by reference must outlive it;
  // `rng` draws what Parts shuffle.
  TrialObjective(const MemoryPolicy& policy, const TrialData& data, torch::Tensor numbers,
                 const TrialObjectiveOptions& options, WorkerPool& pool, const Rng& rng);

  torch::Tensor Gradient(const torch::Tensor& point, const ObjectiveForm& form,
                         ObjectiveValues* values = nullptr) const override;
  ObjectiveValues Values(const torch::Tensor& point, const ObjectiveForm& form) const override;
  LinearMap HessianOfKl(const torch::Tensor& point) const override;
  // Whole trials in each part.
  std::vector<std::unique_ptr<Objective>> Parts(int64_t epoch, int64_t count) const override;

 private:
  struct Terms {
    torch::Tensor total;                   // what is differentiated
    torch::Tensor objective, kl, clipped;  // numbers
  };
  TrialData Of(const Shard& shard) const;
  // Calls function(chunk's output, chunk's data) along the trials of a shard.
  template <typename Function>
  void ForEachChunk(const torch::Tensor& leaf, const Shard& shard, Derivatives derivatives,
                    const Function& function) const;
  Terms TermsOf(const PolicyOutput& out, const TrialData& data, const ObjectiveForm& form,
                bool with_kl) const;
  ObjectiveValues Read(const std::vector<std::vector<Terms>>& of_shards) const;

  const MemoryPolicy& policy_;
  const TrialData& data_;
  torch::Tensor numbers_;
  TrialObjectiveOptions options_;
  WorkerPool& pool_;
  Rng rng_;
  Shards shards_;
  double steps_ = 0;  // in all trials
};

}  // namespace fewstep
