#include "meta/gradient/outer_optimizer.h"

#include <utility>

namespace fewstep {
namespace {

class Outer final : public OuterOptimizer {
 public:
  explicit Outer(std::unique_ptr<PolicyOptimizer> optimizer) : optimizer_(std::move(optimizer)) {}

  ObjectiveForm form() const override { return optimizer_->form(); }
  std::vector<std::string> columns() const override { return optimizer_->columns(); }
  torch::Tensor Improve(const torch::Tensor& meta, const MetaObjective& objective,
                        Metrics& metrics) override {
    return optimizer_->Improve(meta, objective, metrics);
  }
  void Save(CheckpointWriter checkpoint) const override { optimizer_->Save(checkpoint); }
  void Load(CheckpointReader checkpoint) override { optimizer_->Load(checkpoint); }

 private:
  std::unique_ptr<PolicyOptimizer> optimizer_;
};

}  // namespace

std::unique_ptr<OuterOptimizer> AsOuter(std::unique_ptr<PolicyOptimizer> optimizer) {
  return std::make_unique<Outer>(std::move(optimizer));
}

}  // namespace fewstep
