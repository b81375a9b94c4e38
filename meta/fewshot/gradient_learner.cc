#include "meta/fewshot/gradient_learner.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "agents/optimizers/adam.h"
#include "agents/shards.h"
#include "core/error.h"
#include "meta/fewshot/running_norm.h"
#include "meta/fewshot/weights.h"

namespace fewstep {

constexpr ChoiceName<GradientLearnerOptions::Outer> kOuterNames[] = {
    {"gradient", GradientLearnerOptions::Outer::kGradient},
    {"interpolate", GradientLearnerOptions::Outer::kInterpolate}};

void GradientLearnerOptions::Visit(FieldVisitor& v) {
  FieldFilter filter(v, fixed);
  VisitAll(filter);
}

void GradientLearnerOptions::VisitAll(FieldVisitor& v) {
  constexpr double kMany = 1e6;
  training.Visit(v);
  v.Field("inner_steps", inner.steps,
          {.help = "Gradient steps in training.", .unit = "steps", .min = 1, .max = 1000});
  v.Field("inner_learning_rate", inner.learning_rate,
          {.help = "alpha, on the mean loss of the examples; where rates are learned, what they "
                   "start from.",
           .min = 0,
           .max = 1000});
  v.Choice("inner_order", inner.order, kGradientOrderNames,
           {.help = "second: gradients flow through the inner gradient; first: they do not."});
  v.Choice("inner_optimizer", inner.optimizer, kInnerOptimizerNames,
           {.help = "What a step does with its gradient."});
  v.Field("inner_momentum", inner.momentum,
          {.help = "beta_1 of momentum and adam.", .min = 0, .max = 1});
  v.Field("inner_second_momentum", inner.second_momentum,
          {.help = "beta_2 of adam.", .min = 0, .max = 1});
  v.Field("inner_batch_size", inner_batch_size,
          {.help = "Examples of a step, from the support set in an order of chance, around and "
                   "around; 0: all of it.",
           .unit = "examples",
           .min = 0,
           .max = kMany});
  v.Field("carry_moments", carry_moments,
          {.help = "Whether a task begins with the moments of momentum and adam that the tasks of "
                   "the iteration before ended with, as Reptile's code has it; false: with none."});
  v.Field("learn_inner_rates", learn_inner_rates,
          {.help = "Whether every parameter has an inner rate that is learned."});
  v.Field("head_only", head_only, {.help = "Whether the last layer alone adapts."});
  v.Field("adapt_norm", adapt_norm,
          {.help = "Whether factors and offsets of normalisations adapt; the published MAML learns "
                   "them in the outer loop alone."});
  v.Choice("outer", outer, kOuterNames,
           {.help = "gradient: Adam on the loss after adaptation; interpolate: towards the mean of "
                    "the adapted parameters."});
  v.Field("learning_rate", learning_rate,
          {.help = "Of Adam; of interpolation the part of the way.", .min = 0, .max = 10});
  v.Field(
      "final_learning_rate", final_learning_rate,
      {.help = "What it falls to, in a straight line, in anneal_iterations.", .min = 0, .max = 10});
  v.Field("anneal_iterations", anneal_iterations,
          {.help = "0: it does not fall.", .unit = "iterations", .min = 0, .max = 1e9});
  v.Field("clip", clip,
          {.help = "Largest absolute value of a number of the meta-gradient; 0: any.",
           .min = 0,
           .max = 1e9});
  v.Field("norm_momentum", norm_momentum,
          {.help = "Part of the way that running statistics of batch normalisation go to those of "
                   "an iteration; one set for every number of inner steps.",
           .min = 0,
           .max = 1});
  v.Field("shards", shards,
          {.help = "Parts of an iteration's episodes, on as many threads; their gradients are "
                   "summed in order. Part of the recipe: it sets the order of summation.",
           .min = 1,
           .max = kMany});
  v.Table("network", network);
}

namespace {

class GradientLearner final : public FewShotLearner {
 public:
  GradientLearner(const GradientLearnerOptions& options, const LearnerContext& context)
      : options_(options),
        source_(context.source),
        training_(context.episodes),
        pool_(context.pool),
        device_(context.device) {
    const EpisodeForm& form = source_.form();
    if (form.classification && training_.size == EpisodeSize::kVariable) {
      throw Error(ErrorKind::kUsage, "its network has one output a class: ways are fixed",
                  {.key = "size", .remedy = "Set data.episodes.size = \"fixed\""});
    }
    FEWSTEP_CHECK(options.inner.steps >= 1, "{} inner steps", options.inner.steps);
    training_ = options.training.From(context.episodes, source_);
    outputs_ = form.classification ? training_.ways : form.outputs;
    layout_ = std::make_shared<ParameterLayout>();
    backbone_ = std::make_unique<Backbone>(*layout_, "", options.network, form.example, outputs_);
    Parameters row = Initialized(layout_, context.init);
    RunningNorm running(backbone_->norm_channels(), device_);
    if (context.begins) {
      TakePretrained(options.network.weights, layout_->slices().size(), row, running);
    }
    meta_ = row.flat.to(device_);
    if (options.learn_inner_rates) {
      // learned rates are what the step is multiplied by, so that its own rate is 1
      meta_ = torch::cat({meta_, torch::full_like(meta_, options.inner.learning_rate)}, 1);
      options_.inner.learning_rate = 1;
    }
    if (options.head_only) {
      mask_ = layout_->Mask(ParameterRole::kHead).to(device_);
    } else if (!options.adapt_norm) {
      mask_ = 1 - layout_->Mask(ParameterRole::kNorm).to(device_);
    }
    running_.assign(static_cast<size_t>(options.inner.steps) + 1, running);
    if (options.carry_moments) {
      carried_.first = torch::zeros({1, layout_->size()}, device_);
      carried_.second = torch::zeros({1, layout_->size()}, device_);
    }
    adam_ = Adam(meta_, options.learning_rate);
  }

  std::string unit() const override { return "gradient step"; }
  int64_t ways() const override { return classifies() ? outputs_ : 0; }
  std::vector<std::string> columns() const override {
    const std::string score = classifies() ? "accuracy" : "error";
    return {"episodes", "loss", score + "_0", fmt::format("{}_{}", score, options_.inner.steps)};
  }
  int64_t Units(int64_t asked) const override { return asked < 0 ? options_.inner.steps : asked; }
  // Of one shard: pictures, what one pass keeps, or with the second order the passes of all steps,
  // and a row of each for every step.
  double IterationBytes() const override {
    const EpisodeForm& form = source_.form();
    const double support = ExamplesOf(form, training_, training_.shots),
                 queries = ExamplesOf(form, training_, training_.queries);
    const bool second = options_.inner.order == GradientOrder::kSecond &&
                        options_.outer == GradientLearnerOptions::Outer::kGradient;
    const double steps = second ? static_cast<double>(options_.inner.steps) : 1;
    const double per_step = options_.inner_batch_size > 0
                                ? std::min(support, static_cast<double>(options_.inner_batch_size))
                                : support;
    // the backward pass of a step is differentiated, too
    const double passes = second ? 2 * steps * per_step + queries : std::max(per_step, queries);
    const double numbers = passes * backbone_->kept_numbers() +
                           (support + queries) * static_cast<double>(form.example.size()) +
                           (steps + 1) * static_cast<double>(layout_->size());
    return std::ceil(static_cast<double>(options_.training.meta_batch_size) /
                     static_cast<double>(options_.shards)) *
           numbers * sizeof(float);
  }

  bool has_batch_norm() const override { return !backbone_->norm_channels().empty(); }
  std::vector<NormMode> norm_modes() const override {
    if (!has_batch_norm()) return {NormMode::kBatch};
    return {NormMode::kBatch, NormMode::kSupport, NormMode::kRunning, NormMode::kPerStep};
  }

  Metrics Iterate(const Rng& rng) override {
    const int64_t tasks = options_.training.meta_batch_size;
    const EpisodeBatch batch =
        source_.Draw(DataSplit::kTrain, rng.Fork("episodes").key(), 0, tasks, training_)
            .To(device_);
    const Shards shards(tasks, options_.shards, pool_);
    // loss, and scores: before, of the examples of the first step, which are as new as the queries
    std::vector<torch::Tensor> sums(shards.size());
    // of every number of steps, of every shard
    std::vector<std::vector<NormStatistics>> norms(running_.size(),
                                                   std::vector<NormStatistics>(shards.size()));
    std::vector<InnerState> moments(shards.size());  // of every shard, sums over its tasks
    const Rng order = rng.Fork("order");
    const auto part = [&](const torch::Tensor& leaf, const Shard& shard) {
      const EpisodeBatch of = batch.Tasks(shard.begin, shard.end);
      const Parameters start = Rows(leaf, shard.size());
      const auto norm = [&](int64_t step) {
        return has_batch_norm() ? &norms[static_cast<size_t>(step)][shard.index] : nullptr;
      };
      torch::Tensor before;
      const auto judge = [&](int64_t step, const torch::Tensor& outputs, const torch::Tensor& y) {
        if (step == 0) before = Scores(outputs.detach(), y).sum() / tasks;
      };
      InnerState state = Carried(shard.size());
      const Parameters adapted =
          Adapt(start, SupportLoss(of, order, norm, judge), options_.inner, Scale(leaf), state);
      if (options_.carry_moments) moments[shard.index] = SumOf(state);
      const bool differentiates = options_.outer == GradientLearnerOptions::Outer::kGradient;
      const torch::AutoGradMode mode(differentiates);
      const torch::Tensor outputs =
          backbone_->Forward(adapted, of.query_x, {.record = norm(options_.inner.steps)});
      const torch::Tensor loss = Losses(outputs, of.query_y).sum() / static_cast<double>(tasks);
      sums[shard.index] =
          torch::stack({loss.detach(), before, Scores(outputs.detach(), of.query_y).sum() / tasks});
      return std::pair{loss, adapted};
    };

    const double rate = LearningRate();
    Adam adam = adam_;
    torch::Tensor next;
    if (options_.outer == GradientLearnerOptions::Outer::kGradient) {
      torch::Tensor gradient = shards.Gradient(
          meta_,
          [&](const torch::Tensor& leaf, const Shard& shard) { return part(leaf, shard).first; });
      if (options_.clip > 0) gradient = gradient.clamp(-options_.clip, options_.clip);
      adam.set_learning_rate(rate);
      next = adam.Step(meta_, gradient);
    } else {
      std::vector<torch::Tensor> adapted(shards.size());
      shards.ForEach([&](const Shard& shard) {
        const torch::AutoGradMode with_gradient(true);
        const torch::Tensor leaf = meta_.detach().clone().requires_grad_(true);
        adapted[shard.index] = part(leaf, shard).second.flat.detach().sum(0, /*keepdim=*/true);
      });
      next = meta_.lerp(SumInOrder(adapted) / static_cast<double>(tasks), rate);
      ++adam.steps;
    }
    const torch::Tensor sum = SumInOrder(sums);
    if (!std::isfinite((next.sum() + sum[0]).item<double>())) {
      throw Error(ErrorKind::kRuntime, "an update is not finite",
                  {.remedy = "Lower learner.inner_learning_rate or learner.learning_rate"});
    }
    meta_ = next;
    adam_ = std::move(adam);
    if (options_.carry_moments) Carry(moments);
    if (has_batch_norm()) {
      const double way = adam_.steps == 1 ? 1 : options_.norm_momentum;
      for (size_t step = 0; step < norms.size(); ++step) running_[step].Follow(norms[step], way);
    }
    Metrics metrics;
    const std::vector<std::string> names = columns();
    metrics.Add(names[0], static_cast<double>(tasks));
    for (size_t i = 1; i < names.size(); ++i) {
      metrics.Add(names[i], sum[static_cast<int64_t>(i) - 1].item<double>());
    }
    return metrics;
  }

  std::vector<torch::Tensor> Predict(const EpisodeBatch& episodes, int64_t /*ways*/, NormMode mode,
                                     int64_t units) const override {
    FEWSTEP_CHECK(HasMode(mode), "it cannot predict with {} statistics",
                  NameOf(kNormModeNames, mode));
    const EpisodeBatch batch = episodes.To(device_);
    InnerLoopOptions inner = options_.inner;
    inner.order = GradientOrder::kFirst;
    std::vector<torch::Tensor> predictions;
    Parameters rows = Rows(meta_.detach(), batch.num_tasks());
    InnerState state = Carried(batch.num_tasks());
    const LossFunction loss = SupportLoss(batch, Rng(0).Fork("order"));
    const NormStatistics running = MeanOf(running_);
    for (int64_t unit = 0;; ++unit) {
      {
        const torch::NoGradGuard no_grad;
        NormStatistics support;
        const NormStatistics* given = nullptr;
        if (has_batch_norm()) {
          switch (mode) {
            case NormMode::kBatch:
              break;
            case NormMode::kSupport:
              backbone_->Forward(rows, batch.support_x, {.record = &support});
              given = &support;
              break;
            case NormMode::kRunning:
              given = &running;
              break;
            case NormMode::kPerStep:
              given =
                  &running_[static_cast<size_t>(std::min(unit, options_.inner.steps))].statistics();
              break;
          }
        }
        predictions.push_back(backbone_->Forward(rows, batch.query_x, {.given = given}));
      }
      if (unit == units) return predictions;
      const torch::AutoGradMode with_gradient(true);
      rows.flat = rows.flat.detach().requires_grad_(true);
      rows = AdaptStep(rows, loss(rows, unit), inner, Scale(meta_.detach()), state);
      rows.flat = rows.flat.detach();
      if (state.first.defined()) state.first = state.first.detach();
      if (state.second.defined()) state.second = state.second.detach();
    }
  }

  void Save(CheckpointWriter checkpoint) const override {
    SaveWeights(checkpoint, Rows(meta_, 1));
    if (options_.learn_inner_rates) checkpoint.Store("inner_rates", Rates(meta_));
    adam_.Save(checkpoint.Scope("adam"));
    for (size_t step = 0; step < running_.size(); ++step) {
      running_[step].Save(checkpoint.Scope(fmt::format("running{}", step)));
    }
    if (!options_.carry_moments) return;
    checkpoint = checkpoint.Scope("inner");
    checkpoint.Store("first", carried_.first);
    checkpoint.Store("second", carried_.second);
    checkpoint.Store("steps", torch::tensor({carried_.steps}, torch::kInt64));
  }
  void Load(CheckpointReader checkpoint) override {
    torch::Tensor meta = LoadWeights(checkpoint, Rows(meta_, 1));
    if (options_.learn_inner_rates) {
      meta = torch::cat({meta, checkpoint.Load("inner_rates", Rates(meta_))}, 1);
    }
    Adam adam = adam_.Loaded(checkpoint.Scope("adam"));
    std::vector<RunningNorm> running = running_;
    for (size_t step = 0; step < running.size(); ++step) {
      running[step].Load(checkpoint.Scope(fmt::format("running{}", step)));
    }
    InnerState carried;
    if (options_.carry_moments) {
      const CheckpointReader inner = checkpoint.Scope("inner");
      carried.first = inner.Load("first", carried_.first);
      carried.second = inner.Load("second", carried_.second);
      carried.steps = inner.Load("steps", torch::zeros({1}, torch::kInt64)).item<int64_t>();
    }
    meta_ = meta;
    carried_ = carried;
    adam_ = std::move(adam);
    running_ = std::move(running);
  }

 private:
  bool classifies() const { return source_.form().classification; }

  // Of meta-parameters [1, M]: the network's, a row for every task.
  Parameters Rows(const torch::Tensor& meta, int64_t tasks) const {
    return Parameters{meta.narrow(1, 0, layout_->size()), layout_}.Expand(tasks);
  }
  // The learned rates [1, P].
  torch::Tensor Rates(const torch::Tensor& meta) const {
    return meta.narrow(1, layout_->size(), layout_->size());
  }
  // What steps are multiplied by [1, P]; undefined: nothing.
  torch::Tensor Scale(const torch::Tensor& meta) const {
    torch::Tensor scale = mask_;
    if (options_.learn_inner_rates) {
      scale = scale.defined() ? Rates(meta) * scale : Rates(meta);
    }
    return scale;
  }

  // What the tasks begin their steps with.
  InnerState Carried(int64_t tasks) const {
    if (!options_.carry_moments || carried_.steps == 0) return {};
    return {carried_.first.expand({tasks, -1}), carried_.second.expand({tasks, -1}),
            carried_.steps};
  }
  // Over tasks, what they end with.
  static InnerState SumOf(const InnerState& state) {
    InnerState sum{.steps = state.steps};
    for (const auto member : {&InnerState::first, &InnerState::second}) {
      if (!(state.*member).defined()) continue;
      sum.*member = (state.*member).detach().sum(0, /*keepdim=*/true);
    }
    return sum;
  }
  void Carry(const std::vector<InnerState>& sums) {
    carried_.steps = sums[0].steps;
    for (const auto member : {&InnerState::first, &InnerState::second}) {
      if (!(sums[0].*member).defined()) continue;
      std::vector<torch::Tensor> parts;
      for (const InnerState& of : sums) parts.push_back(of.*member);
      carried_.*member = SumInOrder(parts) / options_.training.meta_batch_size;
    }
  }

  double LearningRate() const {
    if (options_.anneal_iterations == 0) return options_.learning_rate;
    const double way = std::min(
        1.0, static_cast<double>(adam_.steps) / static_cast<double>(options_.anneal_iterations));
    return options_.learning_rate + way * (options_.final_learning_rate - options_.learning_rate);
  }

  torch::Tensor Losses(const torch::Tensor& outputs, const torch::Tensor& y) const {
    return EpisodeLosses(outputs, y, classifies());
  }
  // What is judged, [T]: the part of right answers, or the squared error.
  torch::Tensor Scores(const torch::Tensor& outputs, const torch::Tensor& y) const {
    if (!classifies()) return Losses(outputs, y);
    return (outputs.argmax(2) == y).to(outputs.scalar_type()).mean(1);
  }

  // The loss of a step. In steps of some examples, tasks go through their support sets in an order
  // that is drawn anew each time around; the sets themselves are in an order of chance, so that one
  // order serves all tasks.
  // `norm` says where the statistics of a step go, `judge` sees what is predicted before it.
  using NormOfStep = std::function<NormStatistics*(int64_t step)>;
  using Judge =
      std::function<void(int64_t step, const torch::Tensor& outputs, const torch::Tensor& y)>;
  LossFunction SupportLoss(
      const EpisodeBatch& batch, const Rng& rng,
      const NormOfStep& norm = [](int64_t) { return nullptr; },
      const Judge& judge = [](int64_t, const torch::Tensor&, const torch::Tensor&) {}) const {
    const auto loss = [this, norm, judge](const Parameters& rows, int64_t step,
                                          const torch::Tensor& x, const torch::Tensor& y) {
      const torch::Tensor outputs = backbone_->Forward(rows, x, {.record = norm(step)});
      judge(step, outputs, y);
      return Losses(outputs, y);
    };
    const int64_t size = options_.inner_batch_size, all = batch.support_x.size(1);
    if (size == 0 || size >= all) {
      return [batch, loss](const Parameters& rows, int64_t step) {
        return loss(rows, step, batch.support_x, batch.support_y);
      };
    }
    return [this, batch, loss, rng, size, all](const Parameters& rows, int64_t step) {
      torch::Tensor chosen = torch::empty({size}, torch::kInt64);
      std::vector<int> order(static_cast<size_t>(all));
      for (int64_t i = 0, round = -1; i < size; ++i) {
        const int64_t place = step * size + i;
        if (place / all != round) {
          round = place / all;
          std::iota(order.begin(), order.end(), 0);
          rng.Fork("round", static_cast<uint64_t>(round)).Shuffle(order);
        }
        chosen[i] = order[static_cast<size_t>(place % all)];
      }
      chosen = chosen.to(device_);
      return loss(rows, step, batch.support_x.index_select(1, chosen),
                  batch.support_y.index_select(1, chosen));
    };
  }

  GradientLearnerOptions options_;
  const EpisodeSource& source_;
  EpisodeOptions training_;
  WorkerPool& pool_;
  torch::Device device_;
  int64_t outputs_ = 0;
  std::shared_ptr<ParameterLayout> layout_;
  std::unique_ptr<Backbone> backbone_;
  torch::Tensor meta_;                // [1, P] or, with learned rates, [1, 2 P]
  torch::Tensor mask_;                // [1, P] or undefined
  std::vector<RunningNorm> running_;  // of every number of inner steps
  Adam adam_;
  InnerState carried_;  // [1, P] moments; where they are not carried, nothing
};

}  // namespace

std::unique_ptr<FewShotLearner> MakeGradientLearner(const GradientLearnerOptions& options,
                                                    const LearnerContext& context) {
  return std::make_unique<GradientLearner>(options, context);
}

LearnerEntry GradientEntry(std::string summary,
                           std::function<void(GradientLearnerOptions&)> define) {
  return {.summary = std::move(summary),
          .make_options = [define]() -> std::unique_ptr<Options> {
            auto options = std::make_unique<GradientLearnerOptions>();
            define(*options);
            return options;
          },
          .make =
              [](const Options& options, const LearnerContext& context) {
                return MakeGradientLearner(dynamic_cast<const GradientLearnerOptions&>(options),
                                           context);
              }};
}

}  // namespace fewstep
