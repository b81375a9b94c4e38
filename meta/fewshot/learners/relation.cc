// Relation Networks: Sung et al., "Learning to Compare: Relation Network for Few-Shot Learning",
// CVPR 2018.
//
//   r_ij = g(C(f(x_i), f(x_j))) in [0, 1]   of the sum of a class's features beside a query's  (eq.
//   1) loss = mean of (r_ij - 1(y_i = y_j))^2 (eq. 2)
// g is two blocks of convolutions, with maxima of 2x2 where there are places left, and a
// perceptron; of features without places the perceptron alone.
#include <algorithm>
#include <optional>

#include "agents/networks/conv_network.h"
#include "agents/networks/mlp.h"
#include "meta/fewshot/learners/learners.h"

namespace fewstep {
namespace {

struct RelationOptions final : MetricLearnerOptions {
  std::vector<int64_t> hidden = {8};
  void Visit(FieldVisitor& v) override {
    v.Field("relation_hidden", hidden,
            {.help = "Width of each hidden layer that a relation is scored by.",
             .unit = "units",
             .min = 1,
             .max = 65536});
    MetricLearnerOptions::Visit(v);
  }
};

class Relation final : public Comparison {
 public:
  Relation(const RelationOptions& options, ParameterLayout& layout, const std::string& prefix,
           const FeatureMaps& features)
      : features_(features) {
    int64_t inputs = 2 * features.size();
    if (features.height * features.width > 1) {
      ConvNetworkShape shape{.channels = 2 * features.channels,
                             .height = features.height,
                             .width = features.width,
                             .filters = features.channels,
                             .blocks = {},
                             .normalization = {.kind = options.network.normalization,
                                               .epsilon = options.network.epsilon}};
      int64_t side = std::min(features.height, features.width);
      for (int block = 0; block < 2; ++block) {
        shape.blocks.push_back({.pool = side > 1});
        side = std::max<int64_t>(1, side / 2);
      }
      convolutions_.emplace(layout, prefix, shape);
      inputs = convolutions_->outputs();
    }
    MlpShape shape{.widths = {inputs}, .activation = Activation::kRelu};
    shape.widths.insert(shape.widths.end(), options.hidden.begin(), options.hidden.end());
    shape.widths.push_back(1);
    perceptron_.emplace(layout, prefix, shape);
  }

  std::vector<int64_t> norm_channels() const override {
    return convolutions_ ? convolutions_->norm_channels() : std::vector<int64_t>{};
  }

  torch::Tensor Scores(const Parameters& row, const EpisodeFeatures& of,
                       const NormContext& norm) const override {
    const torch::Tensor classes = of.labels.transpose(1, 2).bmm(of.support);  // [T, N, F], sums
    const int64_t tasks = classes.size(0), ways = classes.size(1), queries = of.query.size(1);
    // every class beside every query, channels behind one another
    const auto maps = [&](const torch::Tensor& x) {
      return x.expand({tasks, queries, ways, features_.size()})
          .reshape({tasks, queries * ways, features_.channels, features_.height, features_.width});
    };
    torch::Tensor pairs = torch::cat({maps(classes.unsqueeze(1)), maps(of.query.unsqueeze(2))}, 2);
    pairs = convolutions_ ? convolutions_->Forward(row, pairs, norm) : pairs.flatten(2);
    const Parameters rows = row.num_tasks() == tasks ? row : row.Expand(tasks);
    return perceptron_->Forward(rows, pairs).sigmoid().view({tasks, queries, ways});
  }

  torch::Tensor Losses(const torch::Tensor& scores, const torch::Tensor& labels) const override {
    const torch::Tensor target = torch::one_hot(labels, scores.size(2)).to(scores.scalar_type());
    return (scores - target).square().mean(2);
  }

  // Relations are scored one by one.
  torch::Tensor Probabilities(const torch::Tensor& scores) const override {
    return scores / scores.sum(-1, /*keepdim=*/true);
  }

 private:
  FeatureMaps features_;
  std::optional<ConvNetwork> convolutions_;
  std::optional<Mlp> perceptron_;
};

}  // namespace

LearnerEntry RelationNetworks() {
  return MetricEntry<RelationOptions>(
      "Relation Networks: a learned comparison of classes and queries.",
      [](const RelationOptions& options, ParameterLayout& layout, const std::string& prefix,
         const FeatureMaps& features) {
        return std::make_unique<Relation>(options, layout, prefix, features);
      });
}

}  // namespace fewstep
