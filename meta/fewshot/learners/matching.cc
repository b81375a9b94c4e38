// Matching Networks: Vinyals et al., "Matching Networks for One Shot Learning", NeurIPS 2016,
// without full context embeddings.
//
//   p(y | x) = sum_i a(x, x_i) y_i,   a = softmax over the support of the similarity of features
//                                                                                        (eq. 1, 2)
#include "meta/fewshot/learners/learners.h"

namespace fewstep {
namespace {

enum class Similarity { kCosine, kEuclidean };
constexpr ChoiceName<Similarity> kSimilarityNames[] = {{"cosine", Similarity::kCosine},
                                                       {"euclidean", Similarity::kEuclidean}};

struct MatchingOptions final : MetricLearnerOptions {
  Similarity similarity = Similarity::kCosine;
  void Visit(FieldVisitor& v) override {
    v.Choice("similarity", similarity, kSimilarityNames,
             {.help = "Of features: their cosine, as published, or minus their squared distance."});
    MetricLearnerOptions::Visit(v);
  }
};

class Attention final : public Comparison {
 public:
  explicit Attention(Similarity similarity) : similarity_(similarity) {}

  torch::Tensor LogProbabilities(const Parameters&, const EpisodeFeatures& of) const override {
    const torch::Tensor similarities = Similarities(of.query, of.support);  // [T, Q, S]
    // log sum_i a_i y_i: of each class the examples that belong to it
    const torch::Tensor of_class = (of.labels.transpose(1, 2).unsqueeze(1)).log();  // [T, 1, N, S]
    return (similarities.log_softmax(2).unsqueeze(2) + of_class).logsumexp(3);
  }

 private:
  torch::Tensor Similarities(const torch::Tensor& a, const torch::Tensor& b) const {
    if (similarity_ == Similarity::kEuclidean) return NegativeSquaredDistances(a, b);
    constexpr double kEpsilon = 1e-8;
    const auto unit = [&](const torch::Tensor& x) {
      return x * (x.square().sum(2, /*keepdim=*/true) + kEpsilon).rsqrt();
    };
    return unit(a).bmm(unit(b).transpose(1, 2));
  }

  Similarity similarity_;
};

}  // namespace

LearnerEntry MatchingNetworks() {
  return MetricEntry<MatchingOptions>(
      "Matching Networks: labels of the support, weighted by the similarity of features.",
      [](const MatchingOptions& options, ParameterLayout&, const std::string&, int64_t) {
        return std::make_unique<Attention>(options.similarity);
      });
}

}  // namespace fewstep
