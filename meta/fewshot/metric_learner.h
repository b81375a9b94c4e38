// What compares features: a network gives features of support and queries, and a rule gives
// probabilities of classes from them. Trained episode by episode by the cross-entropy of queries.
#pragma once

#include <memory>

#include "meta/fewshot/backbone.h"
#include "meta/fewshot/learner.h"
#include "meta/fewshot/training_episodes.h"

namespace fewstep {

// Features of T episodes.
struct EpisodeFeatures {
  torch::Tensor support;  // [T, S, F]
  torch::Tensor labels;   // [T, S, N], 1 for the class of an example and 0 for others
  torch::Tensor query;    // [T, Q, F]
};

// A rule. It may have parameters of its own, which it appends to the layout when it is made.
class Comparison {
 public:
  virtual ~Comparison() = default;
  // Of every class, larger where it is likelier: log p(y | query) unless Losses says otherwise,
  // [T, Q, N]. `norm` is of normalisations of its own.
  virtual torch::Tensor Scores(const Parameters& row, const EpisodeFeatures& features,
                               const NormContext& norm) const = 0;
  // What is minimised, [T, Q], for labels [T, Q]: the cross-entropy.
  virtual torch::Tensor Losses(const torch::Tensor& scores, const torch::Tensor& labels) const;
  // Scores as what a person is shown, [..., N], sums of 1.
  virtual torch::Tensor Probabilities(const torch::Tensor& scores) const { return scores.exp(); }
  // Channels of each batch normalisation of its own.
  virtual std::vector<int64_t> norm_channels() const { return {}; }
};

struct MetricLearnerOptions : Options {
  TrainingEpisodes training;
  double learning_rate = 1e-3;
  int64_t halve_every = 0;
  int64_t shards = 1;
  double norm_momentum = 0.1;
  BackboneOptions network;
  void Visit(FieldVisitor& visitor) override;
};

// Makes the rule of a learner with options of its own.
using MakeComparison = std::function<std::unique_ptr<Comparison>(
    ParameterLayout& layout, const std::string& prefix, const FeatureMaps& features)>;

std::unique_ptr<FewShotLearner> MakeMetricLearner(const MetricLearnerOptions& options,
                                                  const MakeComparison& comparison,
                                                  const LearnerContext& context);

// The mean over the support examples of each class, [T, N, F].
torch::Tensor ClassMeans(const EpisodeFeatures& features);

// -|a_i - b_j|^2 of every pair, [T, A, F] and [T, B, F] -> [T, A, B].
torch::Tensor NegativeSquaredDistances(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace fewstep
