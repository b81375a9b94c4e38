// Actions that are drawn uniformly from their range: at every step, or once an episode and held.
// What replay is filled with before there is anything to act by.
#pragma once

#include "agents/policies/policy.h"

namespace fewstep {

// Its row of parameters is empty. Memory: what is being held. Log-probabilities mean nothing. The
// family's actions are continuous and their range is finite.
class RandomPolicy final : public Policy {
 public:
  RandomPolicy(const FamilySpec& spec, bool hold);

  int64_t memory_size() const override { return action_width(); }
  PolicyOutput Unroll(const Parameters& parameters, const Sequences& sequences) const override;
  ActionDistribution Step(const Parameters& parameters, const Percepts& percepts,
                          torch::Tensor& memory) const override;
  std::unique_ptr<Actor> MakeActor() const override;
  bool has_native_actor() const override { return true; }

 private:
  double low_, high_;
  bool hold_;
};

}  // namespace fewstep
