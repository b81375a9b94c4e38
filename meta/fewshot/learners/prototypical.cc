// Prototypical Networks: Snell, Swersky and Zemel, NeurIPS 2017.
//
//   c_k = mean of f(x) over the support examples of class k                              (eq. 1)
//   p(y = k | x) = exp(-|f(x) - c_k|^2) / sum_j exp(-|f(x) - c_j|^2)                     (eq. 2)
#include "meta/fewshot/learners/learners.h"

namespace fewstep {
namespace {

class Prototypes final : public Comparison {
 public:
  torch::Tensor Scores(const Parameters&, const EpisodeFeatures& of,
                       const NormContext&) const override {
    return NegativeSquaredDistances(of.query, ClassMeans(of)).log_softmax(2);
  }
};

}  // namespace

LearnerEntry PrototypicalNetworks() {
  return MetricEntry<MetricLearnerOptions>(
      "Prototypical Networks: the nearest mean of a class's features.",
      [](const MetricLearnerOptions&, ParameterLayout&, const std::string&, const FeatureMaps&) {
        return std::make_unique<Prototypes>();
      });
}

}  // namespace fewstep
