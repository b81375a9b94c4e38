// Prototypical Networks: Snell, Swersky and Zemel, NeurIPS 2017.
//
//   c_k = mean of f(x) over the support examples of class k                              (eq. 1)
//   p(y = k | x) = exp(-|f(x) - c_k|^2) / sum_j exp(-|f(x) - c_j|^2)                     (eq. 2)
#include "meta/fewshot/learners/learners.h"

namespace fewstep {
namespace {

class Prototypes final : public Comparison {
 public:
  torch::Tensor LogProbabilities(const Parameters&, const EpisodeFeatures& of) const override {
    const torch::Tensor of_class = of.labels.transpose(1, 2);  // [T, N, S]
    const torch::Tensor prototypes =
        of_class.bmm(of.support) / of_class.sum(2, /*keepdim=*/true);  // [T, N, F]
    return NegativeSquaredDistances(of.query, prototypes).log_softmax(2);
  }
};

}  // namespace

LearnerEntry PrototypicalNetworks() {
  return MetricEntry<MetricLearnerOptions>(
      "Prototypical Networks: the nearest mean of a class's features.",
      [](const MetricLearnerOptions&, ParameterLayout&, const std::string&, int64_t) {
        return std::make_unique<Prototypes>();
      });
}

}  // namespace fewstep
