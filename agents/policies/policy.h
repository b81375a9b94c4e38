// Policies: functions of parameters and observations. They hold no state and no parameters.
#pragma once

#include <memory>
#include <span>

#include "agents/action_distribution.h"
#include "agents/parameters.h"
#include "core/config.h"
#include "core/rng.h"
#include "envs/task_family.h"

namespace fewstep {

// Evaluates a policy for one observation from one row of parameters, without LibTorch: what a
// sampler worker runs between two physics steps. Owned by one thread; Act allocates nothing.
class Actor {
 public:
  virtual ~Actor() = default;
  // Begins an episode with the parameters `row` [P], which must stay valid until the next call.
  // Called before every episode: an actor may count its steps from here.
  virtual void SetParameters(const float* row) = 0;
  // Writes the action: a sample drawn from `rng`, or the distribution's mode. Draws action_size
  // normals (Gaussian) or one uniform number (categorical) a call, in the order SampleActions does.
  virtual void Act(const float* observation, Rng& rng, bool deterministic,
                   float* action) noexcept = 0;
};

class Policy {
 public:
  virtual ~Policy() = default;

  std::shared_ptr<const ParameterLayout> layout() const { return layout_; }

  // One freshly initialised row, [1, P] float32.
  virtual Parameters InitialParameters(const Rng& rng) const = 0;

  // Distributions for T tasks: parameters [T, P], observations [T, B, O].
  virtual ActionDistribution Forward(const Parameters& parameters,
                                     const torch::Tensor& observations) const = 0;

  // Null when the policy can only be evaluated by LibTorch (the sampler then works in lockstep).
  virtual std::unique_ptr<Actor> MakeActor() const = 0;

 protected:
  std::shared_ptr<ParameterLayout> layout_ = std::make_shared<ParameterLayout>();
};

// Actions for a batch with one random stream an observation (`streams`, T * B of them): [T, B, A]
// or [T, B, 1]. The same draws as Actor::Act.
torch::Tensor SampleActions(const ActionDistribution& distribution, std::span<Rng> streams,
                            bool deterministic);

struct MlpOptions : Options {
  std::vector<int64_t> hidden = {64, 64};
  std::string activation = "tanh";
  bool bias = true;
  double initial_std = 1.0;
  double head_scale = 1.0;
  double min_std = 1e-6;
  int64_t context_size = 0;
  void Visit(FieldVisitor& visitor) override;
};

// A multilayer perceptron whose output is the mean of a Gaussian, with a log standard deviation
// that is a parameter of its own (adapted like the others), or the logits of a categorical
// distribution. Weights start as Glorot and Bengio's uniform ("Xavier"), biases at 0, as in ProMP's
// code; `head_scale` is a factor on those of the last layer. `context_size` parameters, 0 at the
// start, join the observation as inputs of the first layer (Zintgraf et al. 2019, CAVIA).
std::unique_ptr<Policy> MakeMlpPolicy(const FamilySpec& spec, const MlpOptions& options);

}  // namespace fewstep
