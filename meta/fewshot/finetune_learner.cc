#include "meta/fewshot/finetune_learner.h"

#include <cmath>
#include <optional>
#include <utility>

#include "agents/optimizers/adam.h"
#include "core/error.h"
#include "meta/fewshot/running_norm.h"
#include "meta/fewshot/weights.h"

namespace fewstep {

void FineTuneOptions::Visit(FieldVisitor& v) {
  constexpr double kMany = 1e6;
  if (pretext != Pretext::kNone) {
    v.Field("batch_size", batch_size,
            {.help = "Base classes of an iteration, with two examples of each; of functions the "
                     "tasks, with all their points.",
             .min = 1,
             .max = kMany});
    v.Field("learning_rate", learning_rate, {.help = "Of Adam.", .min = 0, .max = 10});
    v.Field("norm_momentum", norm_momentum,
            {.help = "Part of the way that running statistics of batch normalisation go to those "
                     "of an iteration.",
             .min = 0,
             .max = 1});
  }
  if (pretext == Pretext::kReconstruction) {
    v.Field("decoder", decoder,
            {.help = "Width of each hidden layer from features to pictures.",
             .unit = "units",
             .min = 1,
             .max = 65536});
  }
  v.Field("tuning_steps", tuning.steps,
          {.help = "Gradient steps on a support set.", .unit = "steps", .min = 0, .max = 10000});
  v.Field("tuning_rate", tuning.learning_rate, {.help = "Of these steps.", .min = 0, .max = 1000});
  v.Choice("tuning_optimizer", tuning.optimizer, kInnerOptimizerNames,
           {.help = "What a step does with its gradient."});
  v.Field("head_only", head_only,
          {.help = "Whether the last layer alone is tuned; it then learns from features as they "
                   "are."});
  v.Table("network", network);
}

namespace {

using Pretext = FineTuneOptions::Pretext;

class FineTuneLearner final : public FewShotLearner {
 public:
  FineTuneLearner(const FineTuneOptions& options, const LearnerContext& context)
      : options_(options), source_(context.source), device_(context.device) {
    const EpisodeForm& form = source_.form();
    if (options.pretext == Pretext::kReconstruction && !form.classification) {
      throw Error(ErrorKind::kUsage, "functions have no pictures to be rebuilt",
                  {.key = "name", .remedy = "Take learner.name = \"transfer\""});
    }
    const auto layout = std::make_shared<ParameterLayout>();
    // the network comes first: it is what is tuned, and what others start from;
    // functions have the same outputs in all tasks, so that their head is learned, too
    backbone_.emplace(*layout, "", options.network, form.example, classifies() ? 0 : form.outputs);
    const size_t slices = layout->slices().size();
    if (options.pretext != Pretext::kNone && classifies()) {
      MlpShape shape{.widths = {backbone_->outputs()}, .activation = Activation::kRelu};
      if (options.pretext == Pretext::kReconstruction) {
        shape.widths.insert(shape.widths.end(), options.decoder.begin(), options.decoder.end());
        shape.widths.push_back(form.example.size());
      } else {
        shape.widths.push_back(source_.num_classes(DataSplit::kTrain));
      }
      pretext_.emplace(*layout, "pretext.", shape);
    }
    if (options.pretext != Pretext::kNone) {
      batch_ = context.episodes;
      if (classifies()) {
        batch_ = {};
        batch_.ways = options.batch_size;
        batch_.queries = 1;
      }
      if (const int64_t most = source_.num_classes(DataSplit::kTrain);
          classifies() && options.batch_size > most) {
        throw Error(ErrorKind::kUsage,
                    fmt::format("an iteration of {} classes, but there are {} to train on",
                                options.batch_size, most),
                    {.key = "batch_size",
                     .remedy = fmt::format("Set learner.batch_size = {} or less", most)});
      }
      source_.Check(DataSplit::kTrain, batch_);
    }
    row_ = Initialized(layout, context.init);
    running_ = RunningNorm(backbone_->norm_channels(), device_);
    if (context.begins) {
      TakePretrained(options.network.weights, slices, row_, running_);
    }
    row_.flat = row_.flat.to(device_);
    adam_ = Adam(row_.flat, options.learning_rate);
  }

  std::string unit() const override { return "gradient step"; }
  int64_t Units(int64_t asked) const override { return asked < 0 ? options_.tuning.steps : asked; }
  std::vector<std::string> columns() const override {
    if (options_.pretext == Pretext::kLabels && classifies()) {
      return {"examples", "loss", "base_accuracy"};
    }
    return {"examples", "loss"};
  }
  double IterationBytes() const override {
    const EpisodeForm& form = source_.form();
    const double tasks = classifies() ? 1 : static_cast<double>(options_.batch_size);
    const double examples =
        tasks * (ExamplesOf(form, batch_, batch_.shots) + ExamplesOf(form, batch_, batch_.queries));
    return examples * sizeof(float) *
           (backbone_->kept_numbers() + static_cast<double>(form.example.size()));
  }

  bool has_batch_norm() const override { return !backbone_->norm_channels().empty(); }
  std::vector<NormMode> norm_modes() const override {
    if (!has_batch_norm()) return {NormMode::kBatch};
    if (options_.pretext == Pretext::kNone) return {NormMode::kBatch, NormMode::kSupport};
    return {NormMode::kRunning, NormMode::kBatch, NormMode::kSupport};
  }

  Metrics Iterate(const Rng& rng) override {
    const uint64_t seed = rng.Fork("episodes").key();
    const EpisodeBatch batch =
        source_.Draw(DataSplit::kTrain, seed, 0, classifies() ? 1 : options_.batch_size, batch_)
            .To(device_);
    const torch::AutoGradMode with_gradient(true);
    const torch::Tensor leaf = row_.flat.detach().clone().requires_grad_(true);
    const Parameters row = row_.WithFlat(leaf);
    const torch::Tensor x = torch::cat({batch.support_x, batch.query_x}, 1);
    NormStatistics norm;
    const torch::Tensor features = Features(row, x, {.record = &norm});
    torch::Tensor loss, correct;
    if (!classifies()) {
      loss = (features - torch::cat({batch.support_y, batch.query_y}, 1)).square().mean();
    } else if (options_.pretext == Pretext::kReconstruction) {
      loss = (pretext_->Forward(row, features) - x.flatten(2)).square().mean();
    } else {
      const torch::Tensor scores = pretext_->Forward(row, features);
      const torch::Tensor labels = batch.classes.gather(
          1, torch::cat({batch.support_y, batch.query_y}, 1));  // among the base classes
      loss = torch::cross_entropy_loss(scores[0], labels[0]);
      correct = (scores.argmax(2) == labels).to(torch::kFloat32).mean();
    }
    const torch::Tensor gradient = torch::autograd::grad({loss}, {leaf})[0];
    Adam adam = adam_;
    const torch::Tensor next = adam.Step(row_.flat, gradient);
    const double value = loss.item<double>();
    if (!std::isfinite(value + next.sum().item<double>())) {
      throw Error(ErrorKind::kRuntime, "an update is not finite",
                  {.remedy = "Lower learner.learning_rate"});
    }
    row_.flat = next;
    adam_ = std::move(adam);
    running_.Follow({norm}, adam_.steps == 1 ? 1 : options_.norm_momentum);
    Metrics metrics;
    metrics.Add("examples", static_cast<double>(x.size(0) * x.size(1)));
    metrics.Add("loss", value);
    if (correct.defined()) metrics.Add("base_accuracy", correct.item<double>());
    return metrics;
  }

  std::vector<torch::Tensor> Predict(const EpisodeBatch& episodes, int64_t ways, NormMode mode,
                                     int64_t units) const override {
    FEWSTEP_CHECK(HasMode(mode), "it cannot predict with {} statistics",
                  NameOf(kNormModeNames, mode));
    const EpisodeBatch batch = episodes.To(device_);
    const Tuned tuned(*this, batch.num_tasks(), classifies() ? ways : 0);
    const NormContext running{.given =
                                  mode == NormMode::kRunning ? &running_.statistics() : nullptr};
    std::vector<torch::Tensor> predictions;
    Parameters rows = tuned.start;
    InnerState state;
    // features that do not change are computed once
    torch::Tensor support_features;
    for (int64_t unit = 0;; ++unit) {
      {
        const torch::NoGradGuard no_grad;
        NormStatistics support;
        NormContext norm = running;
        if (mode == NormMode::kSupport) {
          backbone_->Forward(rows, batch.support_x, {.record = &support});
          if (has_batch_norm()) norm.given = &support;
        }
        predictions.push_back(
            ApplyHead(ParameterArrays(rows), tuned.head, Features(rows, batch.query_x, norm)));
        if (options_.head_only && tuned.head && !support_features.defined()) {
          support_features = Features(rows, batch.support_x, running);
        }
      }
      if (unit == units) return predictions;
      const torch::AutoGradMode with_gradient(true);
      rows.flat = rows.flat.detach().requires_grad_(true);
      const torch::Tensor features =
          support_features.defined() ? support_features : Features(rows, batch.support_x, running);
      const torch::Tensor losses = EpisodeLosses(
          ApplyHead(ParameterArrays(rows), tuned.head, features), batch.support_y, classifies());
      rows = AdaptStep(rows, losses, options_.tuning, tuned.mask, state);
      rows.flat = rows.flat.detach();
      if (state.first.defined()) state.first = state.first.detach();
      if (state.second.defined()) state.second = state.second.detach();
    }
  }

  void Save(CheckpointWriter checkpoint) const override {
    SaveWeights(checkpoint, row_);
    adam_.Save(checkpoint.Scope("adam"));
    running_.Save(checkpoint.Scope("running"));
  }
  void Load(CheckpointReader checkpoint) override {
    const torch::Tensor flat = LoadWeights(checkpoint, row_);
    Adam adam = adam_.Loaded(checkpoint.Scope("adam"));
    running_.Load(checkpoint.Scope("running"));
    row_.flat = flat;
    adam_ = std::move(adam);
  }

 private:
  bool classifies() const { return source_.form().classification; }

  // What a last layer for classes reads. A perceptron's last hidden layer gets its activation here,
  // which the network leaves out where it ends.
  torch::Tensor Features(const Parameters& rows, const torch::Tensor& examples,
                         const NormContext& norm) const {
    const torch::Tensor features = backbone_->Forward(rows, examples, norm);
    if (!classifies() || options_.network.kind != BackboneKind::kMlp) return features;
    return options_.network.activation == Activation::kTanh ? features.tanh() : features.relu();
  }

  // What is tuned: the network, and for classes a last layer for those of an episode, which begins
  // at 0.
  struct Tuned {
    Tuned(const FineTuneLearner& learner, int64_t tasks, int64_t ways)
        : layout(std::make_shared<ParameterLayout>()) {
      const Backbone same(*layout, "", learner.options_.network, learner.source_.form().example,
                          ways > 0 ? 0 : learner.source_.form().outputs);
      torch::Tensor flat = learner.row_.flat.narrow(1, 0, layout->size());
      if (ways > 0) {
        const int64_t body = layout->size();
        head = AddHead(*layout, "", same.outputs(), ways);
        flat = torch::cat({flat, torch::zeros({1, layout->size() - body}, flat.options())}, 1);
      }
      start = Parameters{flat, layout}.Expand(tasks);
      if (learner.options_.head_only) {
        mask = layout->Mask(ParameterRole::kHead).to(learner.device_);
      }
    }

    std::shared_ptr<ParameterLayout> layout;
    std::optional<size_t> head;  // of functions the network's own
    Parameters start;
    torch::Tensor mask;  // of what is tuned; undefined: everything
  };

  FineTuneOptions options_;
  const EpisodeSource& source_;
  torch::Device device_;
  EpisodeOptions batch_;
  std::optional<Backbone> backbone_;
  std::optional<Mlp> pretext_;
  Parameters row_;  // [1, P]: the network, then what the pretext needs
  Adam adam_;
  RunningNorm running_;
};

}  // namespace

std::unique_ptr<FewShotLearner> MakeFineTuneLearner(const FineTuneOptions& options,
                                                    const LearnerContext& context) {
  return std::make_unique<FineTuneLearner>(options, context);
}

LearnerEntry FineTuneEntry(std::string summary, std::function<void(FineTuneOptions&)> define) {
  FineTuneOptions defined;
  define(defined);
  return {.summary = std::move(summary),
          .trained = defined.pretext != FineTuneOptions::Pretext::kNone,
          .make_options = [define]() -> std::unique_ptr<Options> {
            auto options = std::make_unique<FineTuneOptions>();
            define(*options);
            return options;
          },
          .make =
              [](const Options& options, const LearnerContext& context) {
                return MakeFineTuneLearner(dynamic_cast<const FineTuneOptions&>(options), context);
              }};
}

}  // namespace fewstep
