// Matching Networks: Vinyals et al., "Matching Networks for One Shot Learning", NeurIPS 2016.
//
//   p(y | x) = sum_i a(x, x_i) y_i,   a = softmax over the support of the similarity of
//                                     f(x, S) and g(x_i, S)                              (eq. 1, 2)
// Full context embeddings (section 2.1.2, appendix A), from features f' and g' of single examples:
//   g(x_i, S) = g'(x_i) + forward h_i + backward h_i,    LSTMs over the support, in its order
//   f(x, S) = h_K:   h_k = LSTM(f'(x), [h_{k-1}, r_{k-1}], c_{k-1}) + f'(x)
//                    r_k = sum_i softmax_i(h_k' g(x_i)) g(x_i)
#include <optional>
#include <tuple>

#include "agents/networks/memory_network.h"
#include "meta/fewshot/learners/learners.h"

namespace fewstep {
namespace {

enum class Similarity { kCosine, kEuclidean };
constexpr ChoiceName<Similarity> kSimilarityNames[] = {{"cosine", Similarity::kCosine},
                                                       {"euclidean", Similarity::kEuclidean}};

struct MatchingOptions final : MetricLearnerOptions {
  Similarity similarity = Similarity::kCosine;
  bool full_context = false;
  int64_t context_steps = 5;
  void Visit(FieldVisitor& v) override {
    v.Choice("similarity", similarity, kSimilarityNames,
             {.help = "Of features: their cosine, as published, or minus their squared distance."});
    v.Field("full_context", full_context,
            {.help = "Whether features depend on the whole support set, through LSTMs."});
    v.Field("context_steps", context_steps,
            {.help = "K: how often a query reads the support set.",
             .unit = "steps",
             .min = 1,
             .max = 1000});
    MetricLearnerOptions::Visit(v);
  }
};

// LSTMs start with a forget bias of 1.
class FullContext {
 public:
  FullContext(ParameterLayout& layout, const std::string& prefix, int64_t features, int64_t steps)
      : steps_(steps),
        forward_(MakeLstm(layout, prefix + "forward.", features, features)),
        backward_(MakeLstm(layout, prefix + "backward.", features, features)),
        // the read vector is an input beside f'(x), which is the same as a part of the state
        reading_(MakeLstm(layout, prefix + "reading.", 2 * features, features)) {}

  // [T, S, F] and [T, Q, F] -> the same shapes.
  std::pair<torch::Tensor, torch::Tensor> operator()(const Parameters& rows,
                                                     const torch::Tensor& support,
                                                     const torch::Tensor& query) const {
    const torch::Tensor g = support + Along(*forward_, rows, support) +
                            Along(*backward_, rows, support.flip(1)).flip(1);
    torch::Tensor h = torch::zeros_like(query), c = torch::zeros_like(query);
    for (int64_t step = 0; step < steps_; ++step) {
      const torch::Tensor attention = h.bmm(g.transpose(1, 2)).softmax(2);  // [T, Q, S]
      const MemoryOutput next =
          reading_->Step(rows, torch::cat({query, attention.bmm(g)}, 2), torch::cat({h, c}, 2));
      h = next.outputs + query;
      c = next.memory.narrow(2, query.size(2), query.size(2));
    }
    return {g, h};
  }

 private:
  static torch::Tensor Along(const MemoryNetwork& lstm, const Parameters& rows,
                             const torch::Tensor& x) {
    torch::Tensor memory = torch::zeros({x.size(0), 1, lstm.memory_size()}, x.options());
    std::vector<torch::Tensor> outputs;
    for (int64_t i = 0; i < x.size(1); ++i) {
      const MemoryOutput next = lstm.Step(rows, x.narrow(1, i, 1), memory);
      outputs.push_back(next.outputs);
      memory = next.memory;
    }
    return torch::cat(outputs, 1);
  }

  int64_t steps_;
  std::unique_ptr<MemoryNetwork> forward_, backward_, reading_;
};

class Attention final : public Comparison {
 public:
  Attention(const MatchingOptions& options, ParameterLayout& layout, const std::string& prefix,
            int64_t features)
      : similarity_(options.similarity) {
    if (options.full_context) context_.emplace(layout, prefix, features, options.context_steps);
  }

  torch::Tensor Scores(const Parameters& row, const EpisodeFeatures& of,
                       const NormContext&) const override {
    torch::Tensor support = of.support, query = of.query;
    if (context_) {
      const int64_t tasks = query.size(0);
      std::tie(support, query) =
          (*context_)(row.num_tasks() == tasks ? row : row.Expand(tasks), support, query);
    }
    const torch::Tensor similarities = Similarities(query, support);  // [T, Q, S]
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
  std::optional<FullContext> context_;
};

}  // namespace

LearnerEntry MatchingNetworks() {
  return MetricEntry<MatchingOptions>(
      "Matching Networks: labels of the support, weighted by the similarity of features.",
      [](const MatchingOptions& options, ParameterLayout& layout, const std::string& prefix,
         const FeatureMaps& features) {
        return std::make_unique<Attention>(options, layout, prefix, features.size());
      });
}

}  // namespace fewstep
