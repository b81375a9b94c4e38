// The nearest neighbour on examples as they are: the class of the support example at the smallest
// squared distance.
#include "core/error.h"
#include "meta/fewshot/learners/learners.h"

namespace fewstep {
namespace {

struct NearestOptions final : Options {
  void Visit(FieldVisitor&) override {}
};

class NearestNeighbour final : public FewShotLearner {
 public:
  explicit NearestNeighbour(const LearnerContext& context) : device_(context.device) {
    if (context.source.form().classification) return;
    throw Error(ErrorKind::kUsage, "it compares classes, and these data are regressed",
                {.key = "name", .remedy = "Take a learner of regression, e.g. maml"});
  }

  std::string unit() const override { return "support set"; }
  int64_t Units(int64_t) const override { return 0; }
  std::vector<std::string> columns() const override { return {"episodes", "accuracy"}; }
  Metrics Iterate(const Rng&) override { FEWSTEP_CHECK(false, "the nearest neighbour is trained"); }

  double IterationBytes() const override { return 0; }

  bool has_batch_norm() const override { return false; }
  std::vector<NormMode> norm_modes() const override { return {NormMode::kBatch}; }
  std::vector<torch::Tensor> Predict(const EpisodeBatch& episodes, int64_t ways, NormMode,
                                     int64_t) const override {
    const EpisodeBatch batch = episodes.To(device_);
    const torch::Tensor distances =
        NegativeSquaredDistances(batch.query_x.flatten(2), batch.support_x.flatten(2));
    const torch::Tensor belongs =
        torch::one_hot(batch.support_y, ways).transpose(1, 2).unsqueeze(1) > 0;  // [T, 1, N, S]
    constexpr double kNever = -std::numeric_limits<double>::infinity();
    return {std::get<0>(
        distances.unsqueeze(2).masked_fill(belongs.logical_not(), kNever).max(3))};  // [T, Q, N]
  }

  // It has no doubts.
  torch::Tensor Probabilities(const torch::Tensor& scores) const override {
    return torch::one_hot(scores.argmax(-1), scores.size(-1)).to(scores.scalar_type());
  }

  void Save(CheckpointWriter) const override {}
  void Load(CheckpointReader) override {}

 private:
  torch::Device device_;
};

}  // namespace

LearnerEntry NearestNeighbourLearner() {
  return {
      .summary = "Nearest neighbour on examples as they are: nothing is trained.",
      .trained = false,
      .make_options = []() -> std::unique_ptr<Options> {
        return std::make_unique<NearestOptions>();
      },
      .make = [](const Options&, const LearnerContext& context) -> std::unique_ptr<FewShotLearner> {
        return std::make_unique<NearestNeighbour>(context);
      }};
}

}  // namespace fewstep
