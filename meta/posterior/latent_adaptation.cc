#include "meta/posterior/latent_adaptation.h"

#include <optional>

namespace fewstep {

Transitions InUnits(Transitions transitions, const FamilySpec& spec) {
  const double center = (spec.action_low + spec.action_high) / 2;
  const double half = (spec.action_high - spec.action_low) / 2;
  if (center != 0 || half != 1) transitions.actions = (transitions.actions - center) / half;
  return transitions;
}

namespace {

class LatentAdaptation final : public AdaptiveAgent {
 public:
  LatentAdaptation(const FamilySpec& spec, const LatentPolicy& policy, const torch::Tensor& row,
                   const TaskInference* inference, const InferenceOptions* options, int num_tasks)
      : spec_(spec), policy_(policy), row_{row.clone(), policy.layout()}, options_(options) {
    if (!inference) return;
    inference_.emplace(*inference);
    posterior_ = inference_->Nothing(num_tasks);
    trials_ = BeginTrials(policy, num_tasks);
    ActBy(posterior_);
  }

  const Policy& policy() const override { return policy_; }
  const Parameters& parameters() const override { return row_; }
  TrialStates* trials() override { return inference_ ? &trials_ : nullptr; }

  void Adapt(const Rollouts& support) override {
    if (!inference_) return;
    episodes_ += support.episodes();
    const Transitions transitions = InUnits(TransitionsOf(support), spec_);
    const torch::Tensor contexts = inference_->Contexts(transitions);
    const torch::Tensor mask = support.mask.reshape({support.num_tasks(), -1});
    if (options_->context.test_transitions == 0) {
      // factors multiply, so those of earlier episodes stay
      posterior_ = posterior_.With(inference_->Infer(contexts, mask));
    } else {
      InferFromLatest(contexts, mask);
    }
    if (episodes_ >= options_->exploration_episodes) ActBy(posterior_);
  }

  TaskBelief belief() const override {
    if (!inference_) return {};
    return {.mean = posterior_.mean(), .deviation = posterior_.variance().sqrt()};
  }

 private:
  void ActBy(const LatentPosterior& posterior) {
    trials_.memory = LatentPolicy::Memory(posterior.mean(), posterior.variance().sqrt());
  }

  void InferFromLatest(const torch::Tensor& contexts, const torch::Tensor& mask) {
    contexts_ = contexts_.defined() ? torch::cat({contexts_, contexts}, 1) : contexts;
    mask_ = mask_.defined() ? torch::cat({mask_, mask}, 1) : mask;
    // present steps that follow each step, itself included
    const torch::Tensor rank = mask_.flip({1}).cumsum(1).flip({1});
    mask_ = mask_ * (rank <= static_cast<double>(options_->context.test_transitions));
    // what came before the first step that counts in any task is forgotten
    const torch::Tensor counts = mask_.amax(0) != 0;
    if (counts.any().item<bool>()) {
      const int64_t first = counts.to(torch::kInt64).argmax().item<int64_t>();
      contexts_ = contexts_.narrow(1, first, contexts_.size(1) - first).clone();
      mask_ = mask_.narrow(1, first, mask_.size(1) - first).clone();
    }
    posterior_ = inference_->Infer(contexts_, mask_);
  }

  FamilySpec spec_;
  const LatentPolicy& policy_;
  Parameters row_;  // [1, P]
  const InferenceOptions* options_;
  std::optional<TaskInference> inference_;
  LatentPosterior posterior_;
  TrialStates trials_;
  torch::Tensor contexts_, mask_;  // [T, N, C], [T, N]; with test_transitions
  int64_t episodes_ = 0;
};

}  // namespace

std::unique_ptr<AdaptiveAgent> MakeLatentAdaptation(
    const FamilySpec& spec, const LatentPolicy& policy, const torch::Tensor& row,
    const TaskInference* inference, const InferenceOptions* options, int num_tasks) {
  return std::make_unique<LatentAdaptation>(spec, policy, row, inference, options, num_tasks);
}

}  // namespace fewstep
