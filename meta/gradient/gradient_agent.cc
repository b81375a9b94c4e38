#include "meta/gradient/gradient_agent.h"

#include "core/error.h"

namespace fewstep {

void GradientAgentOptions::Visit(FieldVisitor& visitor) {
  FieldFilter v(visitor, fixed);
  v.Field("meta_batch_size", meta_batch_size,
          {.help = "Tasks of one iteration.", .unit = "tasks", .min = 1, .max = 100000});
  adaptation.Visit(v);
  policy.Visit(v);
  objective.Visit(v);
  VisitOuter(v);
  v.Field(
      "shards", shards,
      {.help = "Shards of tasks the gradient is summed over; more shards use more threads. Part "
               "of the recipe: it sets the order of summation.",
       .min = 1,
       .max = 100000});
}

namespace {

class Agent final : public GradientAgent {
 public:
  Agent(const GradientAgentOptions& options, const AgentContext& context,
        const MakeOuter& make_outer)
      : meta_batch_size_(options.meta_batch_size),
        num_shards_(options.shards),
        objective_(options.objective),
        spec_(context.family.spec()),
        policy_(MakeMlpPolicy(context.family.spec(), options.policy)),
        adaptation_(*policy_, options.adaptation, context.pool, context.device),
        meta_(adaptation_.InitialMeta(context.init)),
        outer_(make_outer(meta_)) {
    options.adaptation.advantage.Check();
    if (objective_.exploration_credit == ExplorationCredit::kExact &&
        options.adaptation.inner_surrogate != Surrogate::kLogLikelihood) {
      throw Error(ErrorKind::kUsage, "the score of the episodes would be counted twice",
                  {.key = "agent.exploration_credit",
                   .remedy = "Set agent.inner_surrogate = \"log_likelihood\": exact credit holds "
                             "the part of the Hessian that the other surrogates bring"});
    }
  }

  int meta_batch_size() const override { return static_cast<int>(meta_batch_size_); }

  int64_t steps_per_iteration() const override {
    // in floating point: the product of what the options allow does not fit
    const double steps = static_cast<double>(meta_batch_size_) *
                         static_cast<double>(adaptation_.options().episodes) *
                         static_cast<double>(spec_.horizon) *
                         static_cast<double>(adaptation_.options().inner_steps + 1);
    return steps < 1e18 ? static_cast<int64_t>(steps) : int64_t{1'000'000'000'000'000'000};
  }

  std::vector<Fact> facts() const override {
    return {{.key = "bootstrap_at_horizon",
             .value = adaptation_.options().advantage.bootstrap_at_horizon,
             .note = "bootstrapped at the horizon"}};
  }

  std::vector<std::string> columns() const override {
    std::vector<std::string> columns;
    for (const size_t k : ShownPoints(static_cast<size_t>(last_reported_unit()) + 1)) {
      columns.push_back(fmt::format("return_{}", k));
      columns.push_back(fmt::format("explained_variance_{}", k));
      for (const std::string& metric : spec_.metrics) {
        columns.push_back(fmt::format("{}_{}", metric, k));
      }
    }
    if (objective_.outer_returns == OuterReturns::kTrial) columns.emplace_back("trial_return");
    columns.emplace_back("environment_steps");
    columns.emplace_back("diverged_episodes");
    for (const std::string& column : outer_->columns()) columns.push_back(column);
    return columns;
  }
  int last_reported_unit() const override {
    return static_cast<int>(adaptation_.options().inner_steps);
  }

  double iteration_bytes() const override {
    const double tasks = static_cast<double>(meta_batch_size_);
    const double episodes = tasks * static_cast<double>(adaptation_.options().episodes);
    const double batches = static_cast<double>(adaptation_.options().inner_steps + 1);
    const double row = sizeof(float) * static_cast<double>(policy_->layout()->size());
    // episodes as they were sampled, then as batches, which also have advantages, weights,
    // log-probabilities and means
    constexpr double kMore = 3;
    const double rollouts = RolloutBytes(spec_, episodes);
    const double steps = episodes * spec_.horizon;
    const double batch = rollouts + sizeof(float) * steps * (kMore + spec_.action_size);
    return rollouts + batches * batch + row * tasks * batches;
  }
  std::string size_keys() const override {
    return "agent.meta_batch_size, agent.episodes, agent.hidden";
  }
  double deployment_bytes(int num_tasks, int /*episodes*/) const override {
    return sizeof(float) * static_cast<double>(policy_->layout()->size()) * num_tasks;
  }

  const torch::Tensor& meta() const override { return meta_; }
  const OuterOptimizer& outer() const override { return *outer_; }

  Metrics TrainIteration(std::span<const Task> tasks, Sampler& sampler, const Rng& rng) override {
    Metrics metrics;
    const MetaObjective objective = Collect(tasks, sampler, rng, metrics);
    meta_ = outer_->Improve(meta_, objective, metrics);
    return metrics;
  }

  MetaObjective Collect(std::span<const Task> tasks, Sampler& sampler, const Rng& rng,
                        Metrics& metrics) const override {
    const auto num_tasks = static_cast<int64_t>(tasks.size());
    const Shards shards(num_tasks, num_shards_, adaptation_.pool());
    const int64_t inner_steps = adaptation_.options().inner_steps;
    const int episodes = static_cast<int>(adaptation_.options().episodes);

    // sample with theta, adapt, sample with theta', ...
    int64_t environment_steps = 0, diverged = 0;
    std::vector<AdaptationData> data =
        DataAlongInnerLoop(adaptation_, meta_, shards, [&](const Parameters& rows, int64_t k) {
          const Rollouts rollouts = sampler.Collect(*policy_, rows, tasks, {.episodes = episodes},
                                                    rng.Fork("rollouts", static_cast<uint64_t>(k)));
          AdaptationData ready = adaptation_.Prepare(rollouts, rows, shards);
          environment_steps += rollouts.steps;
          diverged += rollouts.diverged;
          Report(k, rollouts, ready, sampler.family().spec(), metrics);
          return ready;
        });
    if (objective_.outer_returns == OuterReturns::kTrial) {
      double trial = 0;  // of all episodes of a task
      for (int64_t k = 0; k <= inner_steps; ++k) {
        trial += metrics.Get(fmt::format("return_{}", k)) * episodes;
      }
      metrics.Add("trial_return", trial);
    }
    metrics.Add("environment_steps", static_cast<double>(environment_steps));
    metrics.Add("diverged_episodes", static_cast<double>(diverged));
    return MetaObjective(adaptation_, objective_, shards, std::move(data));
  }

  std::string unit() const override { return "gradient step"; }
  int episodes_per_unit() const override {
    return static_cast<int>(adaptation_.options().episodes);
  }
  Support support() const override { return Support::kSampled; }

  std::unique_ptr<AdaptiveAgent> Deploy(const Deployment& deployment) const override {
    return DeployGradientAdaptation(adaptation_, meta_, deployment.num_tasks, num_shards_);
  }

  void Save(CheckpointWriter checkpoint) const override {
    const int64_t size = policy_->layout()->size();
    checkpoint.Store("theta", meta_.narrow(1, 0, size));
    if (meta_.size(1) > size) checkpoint.Store("inner_rates", meta_.narrow(1, size, size));
    outer_->Save(checkpoint);
  }

  void Load(CheckpointReader checkpoint) override {
    const int64_t size = policy_->layout()->size();
    torch::Tensor meta = checkpoint.Load("theta", meta_.narrow(1, 0, size));
    if (meta_.size(1) > size) {
      meta = torch::cat({meta, checkpoint.Load("inner_rates", meta_.narrow(1, size, size))}, 1);
    }
    outer_->Load(checkpoint);  // throws before it changes anything
    meta_ = meta;
  }

 private:
  static void Report(int64_t k, const Rollouts& rollouts, const AdaptationData& data,
                     const FamilySpec& spec, Metrics& metrics) {
    metrics.Add(fmt::format("return_{}", k), rollouts.returns.mean().item<double>());
    metrics.Add(fmt::format("explained_variance_{}", k), data.explained_variance);
    const torch::Tensor means = rollouts.metric_means.mean(0);
    for (size_t m = 0; m < spec.metrics.size(); ++m) {
      metrics.Add(fmt::format("{}_{}", spec.metrics[m], k),
                  means[static_cast<int64_t>(m)].item<double>());
    }
  }

  int64_t meta_batch_size_, num_shards_;
  MetaObjectiveOptions objective_;
  FamilySpec spec_;
  std::unique_ptr<MemorylessPolicy> policy_;
  GradientAdaptation adaptation_;
  torch::Tensor meta_;  // [1, M]
  std::unique_ptr<OuterOptimizer> outer_;
};

}  // namespace

std::unique_ptr<GradientAgent> MakeGradientAgent(const GradientAgentOptions& options,
                                                 const AgentContext& context,
                                                 const MakeOuter& make_outer) {
  return std::make_unique<Agent>(options, context, make_outer);
}

AgentEntry PpoAgent(std::string summary, std::function<void(PpoAgentOptions&)> define) {
  const auto whole = [define = std::move(define)](PpoAgentOptions& options) {
    define(options);
    // every step is taken on the whole meta-batch
    for (const char* key :
         {"minibatches", "max_gradient_norm", "anneal_iterations", "final_learning_rate"}) {
      options.fixed.emplace_back(key);
    }
  };
  return GradientAgentEntry<PpoAgentOptions>(
      std::move(summary), whole, [](const PpoAgentOptions& options, const torch::Tensor& meta) {
        return AsOuter(MakePpo(options.outer, meta, options.adaptation.inner_steps));
      });
}

AgentEntry TrustRegionAgent(std::string summary,
                            std::function<void(TrustRegionAgentOptions&)> define) {
  return GradientAgentEntry<TrustRegionAgentOptions>(
      std::move(summary), std::move(define),
      [](const TrustRegionAgentOptions& options, const torch::Tensor&) {
        return AsOuter(MakeTrustRegion(options.outer));
      });
}

}  // namespace fewstep
