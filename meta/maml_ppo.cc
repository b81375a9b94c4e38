#include "meta/maml_ppo.h"

#include <cmath>

#include "agents/adam.h"
#include "core/error.h"
#include "meta/tensor_store.h"

namespace fewstep {

void MamlPpoOptions::Visit(FieldVisitor& v) {
  v.Field("meta_batch_size", meta_batch_size,
          {.help = "Tasks of one iteration.", .unit = "tasks", .min = 1, .max = 100000});
  adaptation.Visit(v);
  policy.Visit(v);
  v.Field("outer_learning_rate", outer_learning_rate,
          {.help = "Learning rate of Adam in the outer loop.", .min = 0, .max = 10});
  v.Field("outer_epochs", outer_epochs,
          {.help = "Outer gradient steps on the data of one iteration.",
           .unit = "steps",
           .min = 1,
           .max = 1000});
  v.Field("clip", clip,
          {.help = "PPO's clipping range of the probability ratio.", .min = 0, .max = 1e6});
  v.Field("kl_penalty", kl_penalty,
          {.help = "Penalty on the divergence from the policies that sampled; adaptive halves or "
                   "doubles its coefficient to keep the divergence near kl_target.",
           .choices = {"none", "fixed", "adaptive"}});
  v.Field("kl_coefficient", kl_coefficient,
          {.help = "Coefficient eta of the KL penalty (its first value when adaptive).", .min = 0});
  v.Field("kl_target", kl_target,
          {.help = "Divergence aimed at by the adaptive penalty.", .unit = "nats", .min = 1e-12});
  v.Field(
      "shards", shards,
      {.help = "Shards of tasks the gradient is summed over; more shards use more threads. Part "
               "of the recipe: it sets the order of summation.",
       .min = 1,
       .max = 100000});
}

namespace {

class MamlPpo final : public MetaAgent {
 public:
  MamlPpo(const MamlPpoOptions& options, const AgentContext& context)
      : options_(options),
        horizon_(context.family.spec().horizon),
        pool_(context.pool),
        policy_(MakeMlpPolicy(context.family.spec(), options.policy)),
        adaptation_(*policy_, options_.adaptation, context.pool, context.device),
        theta_(policy_->InitialParameters(context.init)),
        kl_coefficients_(static_cast<size_t>(options.adaptation.inner_steps),
                         options.kl_penalty == "none" ? 0.0 : options.kl_coefficient) {
    theta_.flat = theta_.flat.to(context.device);
    adam_ = Adam(theta_.flat, options.outer_learning_rate);
  }

  int meta_batch_size() const override { return static_cast<int>(options_.meta_batch_size); }

  int64_t steps_per_iteration() const override {
    // in floating point: the product of what the options allow does not fit
    const double steps = static_cast<double>(options_.meta_batch_size) *
                         static_cast<double>(options_.adaptation.episodes) *
                         static_cast<double>(horizon_) *
                         static_cast<double>(options_.adaptation.inner_steps + 1);
    return steps < 1e18 ? static_cast<int64_t>(steps) : int64_t{1'000'000'000'000'000'000};
  }

  Metrics TrainIteration(std::span<const Task> tasks, Sampler& sampler, const Rng& rng) override {
    const auto num_tasks = static_cast<int64_t>(tasks.size());
    const std::vector<Shard> shards = MakeShards(num_tasks, options_.shards);
    const int64_t inner_steps = options_.adaptation.inner_steps;
    Metrics metrics;

    // sample with theta, adapt, sample with theta', ... (algorithm 1, lines 4-8)
    std::vector<AdaptationData> data;  // [K + 1]
    Parameters rows = theta_.WithFlat(theta_.flat.detach().repeat({num_tasks, 1}));
    int64_t environment_steps = 0, diverged = 0;
    for (int64_t k = 0; k <= inner_steps; ++k) {
      const Rollouts rollouts = sampler.Collect(
          *policy_, rows, tasks, {.episodes = static_cast<int>(options_.adaptation.episodes)},
          rng.Fork("rollouts", static_cast<uint64_t>(k)));
      data.push_back(adaptation_.Prepare(rollouts, rows, shards));
      environment_steps += rollouts.steps;
      diverged += rollouts.diverged;
      ReportRollouts(k, rollouts, data.back(), sampler.family().spec(), metrics);
      if (k < inner_steps) {
        rows = adaptation_.Step(rows, data.back(), shards, options_.adaptation.inner_learning_rate);
      }
    }

    // outer epochs of PPO through the inner loop (lines 9-11)
    torch::Tensor flat = theta_.flat;
    Adam adam = adam_;
    std::vector<double> inner_kl;
    for (int64_t epoch = 0; epoch < options_.outer_epochs; ++epoch) {
      const size_t num_values = kNumOuterValues + static_cast<size_t>(inner_steps);
      const ShardedGradient outer = ComputeShardedGradient(
          theta_.WithFlat(flat), shards, num_values, pool_,
          [&](const Parameters& theta, const Shard& shard, std::vector<double>& values) {
            return OuterLoss(theta, shard, num_tasks, data, values);
          });
      flat = adam.Step(flat, outer.gradient);
      // the moment too: where a square overflows, Adam would stand still from now on
      if (!flat.isfinite().all().item<bool>() || !adam.second().isfinite().all().item<bool>()) {
        throw Error(ErrorKind::kRuntime, "the meta-gradient is not finite",
                    {.remedy = "Lower agent.outer_learning_rate or agent.inner_learning_rate; the "
                               "last checkpoint is intact"});
      }
      if (epoch == 0) metrics.Add("gradient_norm", outer.gradient.norm().item<double>());
      if (epoch + 1 == options_.outer_epochs) {
        metrics.Add("outer_objective", outer.values[0]);
        metrics.Add("outer_kl", outer.values[1]);
        metrics.Add("clip_fraction", outer.values[2]);
        inner_kl.assign(outer.values.begin() + kNumOuterValues, outer.values.end());
      }
    }
    theta_.flat = flat;
    adam_ = adam;

    for (size_t k = 0; k < inner_kl.size(); ++k) {
      metrics.Add(fmt::format("inner_kl_{}", k), inner_kl[k]);
      metrics.Add(fmt::format("kl_coefficient_{}", k), kl_coefficients_[k]);
      if (options_.kl_penalty != "adaptive") continue;
      if (inner_kl[k] < options_.kl_target / 1.5) kl_coefficients_[k] /= 2;
      if (inner_kl[k] > options_.kl_target * 1.5) kl_coefficients_[k] *= 2;
    }
    metrics.Add("environment_steps", static_cast<double>(environment_steps));
    metrics.Add("diverged_episodes", static_cast<double>(diverged));
    return metrics;
  }

  std::unique_ptr<AdaptiveAgent> Deploy(int num_tasks) const override {
    return DeployGradientAdaptation(adaptation_, theta_, num_tasks, options_.shards);
  }

  void Save(TensorFile& file) const override {
    StoreTensor(file, "theta", theta_.flat);
    StoreTensor(file, "adam.first", adam_.first());
    StoreTensor(file, "adam.second", adam_.second());
    StoreTensor(file, "adam.steps", torch::tensor({adam_.steps}, torch::kInt64));
    StoreTensor(file, "kl_coefficients", torch::tensor(kl_coefficients_, torch::kFloat64));
  }

  void Load(const TensorFile& file) override {
    // all of it is read before any of it is used
    const torch::Tensor theta = LoadTensor(file, "theta", theta_.flat);
    Adam adam = adam_;
    adam.first() = LoadTensor(file, "adam.first", theta);
    adam.second() = LoadTensor(file, "adam.second", theta);
    adam.steps = LoadTensor(file, "adam.steps", torch::zeros({1}, torch::kInt64)).item<int64_t>();
    const torch::Tensor coefficients =
        LoadTensor(file, "kl_coefficients", torch::tensor(kl_coefficients_, torch::kFloat64));
    theta_.flat = theta;
    adam_ = adam;
    std::copy_n(coefficients.const_data_ptr<double>(), kl_coefficients_.size(),
                kl_coefficients_.begin());
  }

 private:
  static constexpr size_t kNumOuterValues = 3;  // objective, KL, fraction clipped; then inner KLs

  // A shard's part of the loss, divided by the number of all tasks.
  torch::Tensor OuterLoss(const Parameters& theta, const Shard& shard, int64_t num_tasks,
                          const std::vector<AdaptationData>& data,
                          std::vector<double>& values) const {
    const auto batch_of = [&](int64_t k) -> const PolicyBatch& {
      return data[static_cast<size_t>(k)].batches[static_cast<size_t>(shard.index)];
    };
    const int64_t inner_steps = options_.adaptation.inner_steps;
    const double tasks = static_cast<double>(num_tasks);

    // theta' as a function of theta, and how far each theta_k has moved from what sampled
    torch::Tensor penalty = torch::zeros({}, theta.flat.options());
    const Parameters adapted = Adapt(
        theta.Expand(shard.end - shard.begin),
        [&](const Parameters& rows, int64_t k) {
          const PolicyBatch& batch = batch_of(k);
          const ActionDistribution distribution = policy_->Forward(rows, batch.observations);
          const size_t step = static_cast<size_t>(k);
          if (options_.kl_penalty != "none") {
            const torch::Tensor kl = MeanKl(distribution, batch).sum() / tasks;
            penalty = penalty + kl * (kl_coefficients_[step] / static_cast<double>(inner_steps));
            values[kNumOuterValues + step] = kl.item<double>();
          } else {
            const torch::NoGradGuard no_grad;
            values[kNumOuterValues + step] =
                MeanKl(distribution, batch).sum().item<double>() / tasks;
          }
          return adaptation_.Loss(distribution, batch);
        },
        options_.adaptation.inner_loop());

    // the clipped objective after adaptation
    const PolicyBatch& batch = batch_of(inner_steps);
    const ActionDistribution distribution = policy_->Forward(adapted, batch.observations);
    const torch::Tensor log_probs = distribution.LogProb(batch.actions);
    const torch::Tensor objective = ClippedObjective(log_probs, batch, options_.clip).sum() / tasks;
    {
      const torch::NoGradGuard no_grad;
      const torch::Tensor ratio = (log_probs - batch.old_log_probs).exp();
      const torch::Tensor clipped = ((ratio - 1).abs() > options_.clip).to(torch::kFloat32);
      values[0] = objective.item<double>();
      values[1] = MeanKl(distribution, batch).sum().item<double>() / tasks;
      values[2] = (clipped * batch.weights).sum().item<double>() / tasks;
    }
    return penalty - objective;
  }

  void ReportRollouts(int64_t k, const Rollouts& rollouts, const AdaptationData& data,
                      const FamilySpec& spec, Metrics& metrics) const {
    metrics.Add(fmt::format("return_{}", k), rollouts.returns.mean().item<double>());
    metrics.Add(fmt::format("explained_variance_{}", k), data.explained_variance);
    const torch::Tensor means = rollouts.metric_means.mean(0);
    for (size_t m = 0; m < spec.metrics.size(); ++m) {
      metrics.Add(fmt::format("{}_{}", spec.metrics[m], k),
                  means[static_cast<int64_t>(m)].item<double>());
    }
  }

  MamlPpoOptions options_;
  int64_t horizon_;
  WorkerPool& pool_;
  std::unique_ptr<Policy> policy_;
  GradientAdaptation adaptation_;
  Parameters theta_;  // [1, P]
  Adam adam_;
  std::vector<double> kl_coefficients_;  // one an inner step
};

}  // namespace

std::unique_ptr<MetaAgent> MakeMamlPpo(const MamlPpoOptions& options, const AgentContext& context) {
  return std::make_unique<MamlPpo>(options, context);
}

}  // namespace fewstep
