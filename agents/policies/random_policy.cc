#include "agents/policies/random_policy.h"

#include <algorithm>
#include <cmath>

#include "agents/trials.h"
#include "core/error.h"

namespace fewstep {
namespace {

// Of what is all but certain.
constexpr double kLogStd = -20;

class RandomActor final : public Actor {
 public:
  RandomActor(int64_t action_size, double low, double high, bool hold)
      : action_size_(action_size), low_(low), high_(high), hold_(hold) {}

  void BeginTrial(const float* /*row*/, float* memory) override { held_ = memory; }

  float Act(const Percept& percept, Rng& rng, bool deterministic, float* action) noexcept override {
    if (percept.step == 0 || !hold_) {
      for (int64_t i = 0; i < action_size_; ++i) {
        held_[i] = static_cast<float>(rng.Uniform(low_, high_));
      }
    }
    for (int64_t i = 0; i < action_size_ && !deterministic; ++i) rng.Normal();  // as in lockstep
    std::copy_n(held_, action_size_, action);
    return 0;
  }

 private:
  int64_t action_size_;
  double low_, high_;
  bool hold_;
  float* held_ = nullptr;
};

}  // namespace

RandomPolicy::RandomPolicy(const FamilySpec& spec, bool hold)
    : Policy(spec), low_(spec.action_low), high_(spec.action_high), hold_(hold) {
  FEWSTEP_CHECK(spec.action_kind == ActionKind::kContinuous && std::isfinite(high_ - low_),
                "actions of {}", spec.name);
}

PolicyOutput RandomPolicy::Unroll(const Parameters&, const Sequences&) const {
  FEWSTEP_CHECK(false, "nothing learns from random actions by their probability");
  return {};
}

ActionDistribution RandomPolicy::Step(const Parameters& /*parameters*/, const Percepts& percepts,
                                      torch::Tensor& memory) const {
  if (percepts.step == 0 || !hold_) {
    torch::Tensor drawn = torch::empty(memory.sizes(), torch::kFloat32);
    float* out = drawn.mutable_data_ptr<float>();
    for (Rng& stream : percepts.streams) {
      for (int i = 0; i < action_width(); ++i) {
        *out++ = static_cast<float>(stream.Uniform(low_, high_));
      }
    }
    UpdateMemory(memory, drawn.to(memory.device()), percepts.running);
  }
  return ActionDistribution::Gaussian(
      memory, torch::full({memory.size(0), 1, memory.size(2)}, kLogStd, memory.options()));
}

std::unique_ptr<Actor> RandomPolicy::MakeActor() const {
  return std::make_unique<RandomActor>(action_width(), low_, high_, hold_);
}

}  // namespace fewstep
