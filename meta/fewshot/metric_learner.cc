#include "meta/fewshot/metric_learner.h"

#include <cmath>
#include <utility>

#include "agents/optimizers/adam.h"
#include "agents/shards.h"
#include "core/error.h"
#include "meta/fewshot/running_norm.h"
#include "meta/fewshot/weights.h"

namespace fewstep {

void MetricLearnerOptions::Visit(FieldVisitor& v) {
  training.Visit(v);
  v.Field("learning_rate", learning_rate, {.help = "Of Adam.", .min = 0, .max = 10});
  v.Field("halve_every", halve_every,
          {.help = "Iterations after which the learning rate is halved, again and again; 0: never.",
           .unit = "iterations",
           .min = 0,
           .max = 1e9});
  v.Field("shards", shards,
          {.help = "Parts of an iteration's episodes, on as many threads; their gradients are "
                   "summed in order. Part of the recipe: it sets the order of summation.",
           .min = 1,
           .max = 1e6});
  v.Field("norm_momentum", norm_momentum,
          {.help = "Part of the way that running statistics of batch normalisation go to those of "
                   "an iteration.",
           .min = 0,
           .max = 1});
  v.Table("network", network);
}

torch::Tensor Comparison::Losses(const torch::Tensor& scores, const torch::Tensor& labels) const {
  return -scores.gather(2, labels.unsqueeze(2)).squeeze(2);
}

torch::Tensor ClassMeans(const EpisodeFeatures& features) {
  const torch::Tensor of_class = features.labels.transpose(1, 2);  // [T, N, S]
  return of_class.bmm(features.support) / of_class.sum(2, /*keepdim=*/true);
}

torch::Tensor NegativeSquaredDistances(const torch::Tensor& a, const torch::Tensor& b) {
  // |a|^2 - 2 a b + |b|^2
  const torch::Tensor squares_a = a.square().sum(2, /*keepdim=*/true);
  const torch::Tensor squares_b = b.square().sum(2).unsqueeze(1);
  return 2 * a.bmm(b.transpose(1, 2)) - squares_a - squares_b;
}

namespace {

class MetricLearner final : public FewShotLearner {
 public:
  MetricLearner(const MetricLearnerOptions& options, const MakeComparison& make,
                const LearnerContext& context)
      : options_(options),
        source_(context.source),
        training_(context.episodes),
        pool_(context.pool),
        device_(context.device) {
    if (!source_.form().classification) {
      throw Error(ErrorKind::kUsage, "it compares classes, and these data are regressed",
                  {.key = "name", .remedy = "Take a learner of regression, e.g. maml"});
    }
    training_ = options.training.From(context.episodes, source_);
    const auto layout = std::make_shared<ParameterLayout>();
    backbone_ = std::make_unique<Backbone>(*layout, "", options.network, source_.form().example, 0);
    const size_t slices = layout->slices().size();
    comparison_ = make(*layout, "comparison.", backbone_->features());
    if (layout->size() == 0) {
      throw Error(ErrorKind::kUsage, "a network without layers has nothing to learn",
                  {.key = "network", .remedy = "Give learner.network strides or hidden layers"});
    }
    row_ = Initialized(layout, context.init);
    running_ = {RunningNorm(backbone_->norm_channels(), device_),
                RunningNorm(comparison_->norm_channels(), device_)};
    if (context.begins) {
      TakePretrained(options.network.weights, slices, row_, running_.features);
    }
    row_.flat = row_.flat.to(device_);
    adam_ = Adam(row_.flat, options.learning_rate);
  }

  std::string unit() const override { return "support set"; }
  int64_t Units(int64_t) const override { return 0; }
  std::vector<std::string> columns() const override { return {"episodes", "loss", "accuracy"}; }
  double IterationBytes() const override {
    const EpisodeForm& form = source_.form();
    // a shard's graph is given back before the next begins on its thread
    const double examples = std::ceil(static_cast<double>(options_.training.meta_batch_size) /
                                      static_cast<double>(options_.shards)) *
                            (ExamplesOf(form, training_, training_.shots) +
                             ExamplesOf(form, training_, training_.queries));
    return examples * sizeof(float) *
           (backbone_->kept_numbers() + static_cast<double>(form.example.size()));
  }

  bool has_batch_norm() const override {
    return !backbone_->norm_channels().empty() || !comparison_->norm_channels().empty();
  }
  std::vector<NormMode> norm_modes() const override {
    if (!has_batch_norm()) return {NormMode::kBatch};
    return {NormMode::kRunning, NormMode::kBatch};
  }

  Metrics Iterate(const Rng& rng) override {
    const int64_t tasks = options_.training.meta_batch_size;
    const EpisodeBatch batch =
        source_.Draw(DataSplit::kTrain, rng.Fork("episodes").key(), 0, tasks, training_)
            .To(device_);
    const int64_t ways = Ways(batch);
    const Shards shards(tasks, options_.shards, pool_);
    std::vector<NormStatistics> of_features(shards.size()), of_comparison(shards.size());
    std::vector<torch::Tensor> sums(shards.size());  // loss and correct answers
    const torch::Tensor gradient =
        shards.Gradient(row_.flat, [&](const torch::Tensor& leaf, const Shard& shard) {
          const EpisodeBatch part = batch.Tasks(shard.begin, shard.end);
          const torch::Tensor scores =
              Scores(row_.WithFlat(leaf), part, ways, {.record = &of_features[shard.index]},
                     {.record = &of_comparison[shard.index]});
          const torch::Tensor loss = comparison_->Losses(scores, part.query_y).sum() /
                                     static_cast<double>(tasks * part.query_y.size(1));
          const torch::Tensor correct = (scores.argmax(2) == part.query_y).sum();
          sums[shard.index] = torch::stack({loss.detach(), correct.to(loss.scalar_type())});
          return loss;
        });
    Adam adam = adam_;
    if (options_.halve_every > 0) {
      adam.set_learning_rate(options_.learning_rate *
                             std::pow(0.5, static_cast<double>(adam.steps / options_.halve_every)));
    }
    const torch::Tensor next = adam.Step(row_.flat, gradient);
    const torch::Tensor sum = SumInOrder(sums);
    if (!std::isfinite((next.sum() + sum[0]).item<double>())) {
      throw Error(ErrorKind::kRuntime, "an update is not finite",
                  {.remedy = "Lower learner.learning_rate"});
    }
    row_.flat = next;
    adam_ = std::move(adam);
    const double way = adam_.steps == 1 ? 1 : options_.norm_momentum;
    running_.features.Follow(of_features, way);
    running_.comparison.Follow(of_comparison, way);

    Metrics metrics;
    metrics.Add("episodes", static_cast<double>(tasks));
    metrics.Add("loss", sum[0].item<double>());
    metrics.Add("accuracy",
                sum[1].item<double>() / static_cast<double>(tasks * batch.query_y.size(1)));
    return metrics;
  }

  std::vector<torch::Tensor> Predict(const EpisodeBatch& episodes, int64_t ways, NormMode mode,
                                     int64_t /*units*/) const override {
    FEWSTEP_CHECK(HasMode(mode), "it cannot predict with {} statistics",
                  NameOf(kNormModeNames, mode));
    const torch::NoGradGuard no_grad;
    const auto norm = [&](const RunningNorm& running) -> NormContext {
      return {.given = mode == NormMode::kRunning ? &running.statistics() : nullptr};
    };
    return {Scores(row_, episodes.To(device_), ways, norm(running_.features),
                   norm(running_.comparison))};
  }

  torch::Tensor Probabilities(const torch::Tensor& scores) const override {
    return comparison_->Probabilities(scores);
  }

  void Save(CheckpointWriter checkpoint) const override {
    SaveWeights(checkpoint, row_);
    adam_.Save(checkpoint.Scope("adam"));
    running_.features.Save(checkpoint.Scope("running"));
    running_.comparison.Save(checkpoint.Scope("comparison_running"));
  }
  void Load(CheckpointReader checkpoint) override {
    const torch::Tensor row = LoadWeights(checkpoint, row_);
    Adam adam = adam_.Loaded(checkpoint.Scope("adam"));
    Running running = running_;
    running.features.Load(checkpoint.Scope("running"));
    running.comparison.Load(checkpoint.Scope("comparison_running"));
    row_.flat = row;
    adam_ = std::move(adam);
    running_ = std::move(running);
  }

 private:
  struct Running {
    RunningNorm features, comparison;
  };

  static int64_t Ways(const EpisodeBatch& batch) {
    return batch.support_y.max().item<int64_t>() + 1;
  }

  // Support and queries go through the network together.
  torch::Tensor Scores(const Parameters& row, const EpisodeBatch& batch, int64_t ways,
                       const NormContext& norm, const NormContext& comparison_norm) const {
    const int64_t shots = batch.support_x.size(1), queries = batch.query_x.size(1);
    const torch::Tensor features =
        backbone_->Forward(row, torch::cat({batch.support_x, batch.query_x}, 1), norm);
    const torch::Tensor labels = torch::one_hot(batch.support_y, ways).to(features.scalar_type());
    return comparison_->Scores(
        row, {features.narrow(1, 0, shots), labels, features.narrow(1, shots, queries)},
        comparison_norm);
  }

  MetricLearnerOptions options_;
  const EpisodeSource& source_;
  EpisodeOptions training_;
  WorkerPool& pool_;
  torch::Device device_;
  std::unique_ptr<Backbone> backbone_;
  std::unique_ptr<Comparison> comparison_;
  Parameters row_;  // [1, P]
  Adam adam_;
  Running running_;
};

}  // namespace

std::unique_ptr<FewShotLearner> MakeMetricLearner(const MetricLearnerOptions& options,
                                                  const MakeComparison& comparison,
                                                  const LearnerContext& context) {
  return std::make_unique<MetricLearner>(options, comparison, context);
}

}  // namespace fewstep
