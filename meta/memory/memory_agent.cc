#include "meta/memory/memory_agent.h"

#include <algorithm>
#include <numeric>

#include "agents/running_moments.h"
#include "core/error.h"
#include "meta/memory/trial_objective.h"

namespace fewstep {

void MemoryAgentOptions::Visit(FieldVisitor& v) {
  v.Field(
      "meta_batch_size", meta_batch_size,
      {.help = "Tasks of one iteration, a trial each.", .unit = "tasks", .min = 1, .max = 1000000});
  v.Field("episodes", episodes,
          {.help = "Episodes of a trial in training; 0: as many as the family's trial has, or 2 in "
                   "a family without.",
           .unit = "episodes",
           .min = 0,
           .max = 1000000});
  policy.Visit(v);
  advantage.Visit(v);
  rewards.Visit(v);
  v.Field("entropy_coefficient", entropy_coefficient,
          {.help = "Coefficient of the policy's entropy in what is improved.", .min = 0});
  v.Field("entropy_anneal_iterations", entropy_anneal_iterations,
          {.help = "Iterations in which it falls linearly to final_entropy_coefficient, where it "
                   "stays; 0: it is constant.",
           .unit = "iterations",
           .min = 0,
           .max = 1e12});
  v.Field("final_entropy_coefficient", final_entropy_coefficient,
          {.help = "The coefficient after entropy_anneal_iterations.", .min = 0});
  VisitOuter(v);
  v.Field("truncation", truncation,
          {.help = "Steps that gradients go back through the memory; 0: to the trial's first. "
                   "Shorter ones need less memory.",
           .unit = "steps",
           .min = 0,
           .max = 1e12});
  v.Field(
      "shards", shards,
      {.help = "Shards of trials the gradient of each minibatch is summed over; more shards use "
               "more threads. Part of the recipe: it sets the order of summation.",
       .min = 1,
       .max = 100000});
}

namespace {

class Deployed final : public AdaptiveAgent {
 public:
  Deployed(const MemoryPolicy& policy, const torch::Tensor& row, int num_tasks)
      : policy_(policy),
        row_{row.clone(), policy.layout()},
        trials_(BeginTrials(policy, num_tasks)) {}
  const Policy& policy() const override { return policy_; }
  const Parameters& parameters() const override { return row_; }
  TrialStates* trials() override { return &trials_; }
  void Adapt(const Rollouts& /*support*/) override {}  // the memory has moved while it acted

 private:
  const MemoryPolicy& policy_;
  Parameters row_;  // [1, P]
  TrialStates trials_;
};

class MemoryAgent final : public MetaAgent {
 public:
  MemoryAgent(const MemoryAgentOptions& options, const AgentContext& context)
      : meta_batch_size_(options.meta_batch_size),
        shards_(options.shards),
        truncation_(options.truncation),
        advantage_(options.advantage),
        rewards_(options.rewards),
        entropy_(options.entropy_coefficient),
        final_entropy_(options.final_entropy_coefficient),
        entropy_iterations_(options.entropy_anneal_iterations),
        spec_(context.family.spec()),
        episodes_(EpisodesOf(options, spec_)),
        pool_(context.pool),
        device_(context.device),
        policy_(spec_, options.policy),
        row_(policy_.InitialParameters(context.init).flat.to(context.device)),
        outer_(options.MakeOuter(row_)),
        inputs_(policy_.num_normalized()),
        returns_(1) {
    if (advantage_.bootstrap_at_horizon && policy_.value_kind() == ValueKind::kLinear) {
      throw Error(ErrorKind::kUsage, "a linear value knows nothing of what follows a time limit",
                  {.key = "agent.bootstrap_at_horizon",
                   .remedy = "Set agent.value.kind = \"shared\" or \"own\""});
    }
  }

  int meta_batch_size() const override { return static_cast<int>(meta_batch_size_); }
  int64_t steps_per_iteration() const override {
    // in floating point: the product of what the options allow does not fit
    const double steps = static_cast<double>(meta_batch_size_) * TrialSteps();
    return steps < 1e18 ? static_cast<int64_t>(steps) : int64_t{1'000'000'000'000'000'000};
  }

  double iteration_bytes() const override {
    const double trials = static_cast<double>(meta_batch_size_), steps = trials * TrialSteps();
    // episodes as they were sampled, then as sequences, then a minibatch of them; outputs of the
    // policy that acted, values, targets, advantages
    const double rollouts = RolloutBytes(spec_, trials * static_cast<double>(episodes_));
    constexpr double kMore = 8;
    const double batch = sizeof(float) * steps * (kMore + spec_.action_size);
    // what the shards that are computed at once keep for their backward passes; second derivatives
    // keep the graphs of all shards and chunks, of operators instead of kernels
    const double chunk =
        truncation_ > 0 ? std::min(static_cast<double>(truncation_), TrialSteps()) : TrialSteps();
    const double numbers = policy_.kept_numbers(static_cast<int64_t>(std::min(chunk, 1e9)));
    const double at_once =
        std::min(1.0, static_cast<double>(pool_.num_threads()) / static_cast<double>(shards_));
    constexpr double kOfOperators = 12;
    const double kept = sizeof(float) * numbers *
                        (outer_.second_order ? kOfOperators * steps : at_once * trials * chunk);
    return 3 * rollouts + batch + kept + deployment_bytes(static_cast<int>(meta_batch_size_), 1);
  }
  std::string size_keys() const override {
    return "agent.meta_batch_size, agent.episodes, agent.memory.size, agent.truncation";
  }
  double deployment_bytes(int num_tasks, int /*episodes*/) const override {
    return sizeof(float) * static_cast<double>(policy_.memory_size()) * num_tasks;
  }

  std::vector<Fact> facts() const override {
    return {{.key = "bootstrap_at_horizon",
             .value = advantage_.bootstrap_at_horizon,
             .note = "bootstrapped at the horizon"},
            {.key = "credit_within_episodes",
             .value = advantage_.credit == Credit::kEpisode,
             .note = "credit within episodes"}};
  }

  std::vector<std::string> columns() const override {
    std::vector<std::string> columns;
    for (const size_t episode : ShownEpisodes()) {
      columns.push_back(fmt::format("return_{}", episode));
    }
    columns.emplace_back("trial_return");
    for (const std::string& metric : spec_.metrics) columns.push_back(metric);
    for (const char* column : {"environment_steps", "diverged_episodes", "explained_variance",
                               "entropy", "log_prob_gap"}) {
      columns.emplace_back(column);
    }
    for (const std::string& column : outer_.policy->columns()) columns.push_back(column);
    return columns;
  }
  int last_reported_unit() const override { return static_cast<int>(episodes_) - 1; }

  Metrics TrainIteration(std::span<const Task> tasks, Sampler& sampler, const Rng& rng) override {
    // whole trials
    const auto num_trials = static_cast<int64_t>(tasks.size());
    TrialStates trials = BeginTrials(policy_, num_trials);
    const Rollouts rollouts =
        sampler.Collect(policy_, {row_, policy_.layout()}, tasks,
                        {.episodes = static_cast<int>(episodes_)}, rng.Fork("rollouts"), &trials);
    Metrics metrics;
    Report(rollouts, metrics);
    RunningMoments returns = returns_;
    const TrialData data = Prepare(rollouts, trials, returns, metrics);

    // a better row
    TrialObjectiveOptions objective{.entropy_coefficient = EntropyCoefficient(),
                                    .value_coefficient = outer_.value_coefficient,
                                    .truncation = truncation_,
                                    .shards = shards_};
    const torch::Tensor all = torch::arange(num_trials, torch::kInt64).to(device_);
    torch::Tensor row = outer_.policy->Improve(
        row_, TrialObjective(policy_, data, all, objective, pool_, rng.Fork("minibatches")),
        metrics);
    if (outer_.value && policy_.value_kind() != ValueKind::kLinear) {
      objective.policy_coefficient = 0;
      objective.value_coefficient = 1;
      Metrics unused;
      row = outer_.value->Improve(
          row, TrialObjective(policy_, data, all, objective, pool_, rng.Fork("value")), unused);
    }

    // what the next trials are acted with
    row_ = row;
    returns_ = returns;
    ++iterations_;
    if (policy_.num_normalized() > 0) Normalize(rollouts);
    return metrics;
  }

  std::string unit() const override { return "episode"; }
  int episodes_per_unit() const override { return 1; }
  Support support() const override { return Support::kAsJudged; }

  std::unique_ptr<AdaptiveAgent> Deploy(const Deployment& deployment) const override {
    return std::make_unique<Deployed>(policy_, row_, deployment.num_tasks);
  }

  void Save(CheckpointWriter checkpoint) const override {
    checkpoint.Store("theta", row_);
    checkpoint.Store("iterations", torch::tensor({iterations_}, torch::kInt64));
    outer_.policy->Save(checkpoint);
    if (outer_.value) outer_.value->Save(checkpoint.Scope("value"));
    if (policy_.num_normalized() > 0) inputs_.Save(checkpoint.Scope("inputs"));
    if (rewards_.normalize) returns_.Save(checkpoint.Scope("returns"));
  }

  void Load(CheckpointReader checkpoint) override {
    // all of it is read before any of it is used; an optimizer throws before it changes anything,
    // and of two the first has no state
    const torch::Tensor row = checkpoint.Load("theta", row_);
    const int64_t iterations =
        checkpoint.Load("iterations", torch::zeros({1}, torch::kInt64)).item<int64_t>();
    RunningMoments inputs = inputs_, returns = returns_;
    if (policy_.num_normalized() > 0) inputs = inputs_.Loaded(checkpoint.Scope("inputs"));
    if (rewards_.normalize) returns = returns_.Loaded(checkpoint.Scope("returns"));
    outer_.policy->Load(checkpoint);
    if (outer_.value) outer_.value->Load(checkpoint.Scope("value"));
    row_ = row;
    iterations_ = iterations;
    inputs_ = inputs;
    returns_ = returns;
  }

 private:
  static int64_t EpisodesOf(const MemoryAgentOptions& options, const FamilySpec& spec) {
    constexpr int64_t kWithoutTrial = 2;
    if (options.episodes > 0) return options.episodes;
    return spec.trial_episodes > 1 ? spec.trial_episodes : kWithoutTrial;
  }

  double TrialSteps() const {
    return static_cast<double>(episodes_) * static_cast<double>(spec_.horizon);
  }
  std::vector<size_t> ShownEpisodes() const { return ShownPoints(static_cast<size_t>(episodes_)); }

  double EntropyCoefficient() const {
    if (entropy_iterations_ == 0) return entropy_;
    const double part =
        std::min(1.0, static_cast<double>(iterations_) / static_cast<double>(entropy_iterations_));
    return entropy_ + part * (final_entropy_ - entropy_);
  }

  void Report(const Rollouts& rollouts, Metrics& metrics) const {
    const torch::Tensor of_episodes = rollouts.returns.mean(0);
    for (const size_t episode : ShownEpisodes()) {
      metrics.Add(fmt::format("return_{}", episode),
                  of_episodes[static_cast<int64_t>(episode)].item<double>());
    }
    metrics.Add("trial_return", of_episodes.sum().item<double>());
    const torch::Tensor means = rollouts.metric_means.mean(0);
    for (size_t m = 0; m < spec_.metrics.size(); ++m) {
      metrics.Add(spec_.metrics[m], means[static_cast<int64_t>(m)].item<double>());
    }
    metrics.Add("environment_steps", static_cast<double>(rollouts.steps));
    metrics.Add("diverged_episodes", static_cast<double>(rollouts.diverged));
  }

  // What the policy that acted gives for its trials.
  struct Acted {
    ActionDistribution distribution;
    torch::Tensor values;        // [N, S]; undefined for linear ones
    torch::Tensor final_values;  // [N, E]; undefined without the bootstrap
  };

  TrialData Prepare(const Rollouts& rollouts, const TrialStates& trials, RunningMoments& returns,
                    Metrics& metrics) const {
    const torch::NoGradGuard no_grad;
    const int64_t num_trials = trials.num_trials(), horizon = spec_.horizon;
    const auto by_trial = [&](const torch::Tensor& values) {  // [T, E, H, ...] -> [N, S, ...]
      std::vector<int64_t> shape = {num_trials, -1};
      if (values.dim() == 4) shape.push_back(values.size(3));
      return values.reshape(shape);
    };
    Sequences on_host = TrialSequences(policy_, rollouts, num_trials);
    if (advantage_.credit == Credit::kEpisode) {
      const torch::Tensor step = torch::arange(on_host.num_steps()) % horizon;
      on_host.time_left =
          (1 - step / static_cast<double>(horizon)).to(torch::kFloat32).expand_as(on_host.mask);
    }
    TrialData data{.sequences = on_host.To(device_, torch::kFloat32)};
    const Acted acted = Replay(data.sequences, EndsOf(rollouts, trials));

    // rewards as they are learned from
    const torch::Tensor mask = by_trial(rollouts.mask);
    torch::Tensor rewards = ShiftedRewards(by_trial(rollouts.rewards), mask, rewards_);
    if (rewards_.normalize) {
      returns.Add(DiscountedSoFar(rewards, mask, horizon, advantage_).view({-1, 1}),
                  mask.view({-1}));
      rewards = rewards * returns.scale()[0];
    }

    const torch::Tensor values =
        acted.values.defined()
            ? acted.values.to(torch::kCPU)
            : FitLinearValues(on_host.observations, rewards, mask, horizon, advantage_);
    const TrialAdvantages advantages = ComputeTrialAdvantages(
        rewards, values, mask,
        acted.final_values.defined() ? acted.final_values.to(torch::kCPU) : torch::Tensor(),
        horizon, advantage_, pool_);

    const torch::Tensor log_probs = by_trial(rollouts.log_probs).to(device_);
    data.batch = {.observations = data.sequences.observations,
                  .actions = by_trial(rollouts.actions).to(device_),
                  .advantages = advantages.advantages.to(device_),
                  .weights = data.sequences.mask,
                  .old_log_probs = log_probs,
                  .old_distribution = acted.distribution,
                  .horizon = horizon};
    data.targets = advantages.targets.to(device_);

    metrics.Add("explained_variance", advantages.explained_variance);
    const torch::Tensor present = data.sequences.mask;
    const torch::Tensor entropy =
        (acted.distribution.Entropy() * present).sum() / present.sum().clamp_min(1);
    metrics.Add("entropy", entropy.item<double>());
    const torch::Tensor gap = (acted.distribution.LogProb(data.batch.actions) - log_probs).abs() /
                              (1 + log_probs.abs()) * present;
    metrics.Add("log_prob_gap", gap.max().item<double>());
    return data;
  }

  Acted Replay(const Sequences& sequences, const EpisodeEnds& ends_on_host) const {
    const Shards shards(sequences.num_trials(), shards_, pool_);
    const EpisodeEnds ends = ends_on_host.To(device_, torch::kFloat32);
    std::vector<ActionDistribution> distributions(shards.size());
    std::vector<torch::Tensor> values(shards.size()), final_values(shards.size());
    shards.ForEach([&](const Shard& shard) {
      const torch::NoGradGuard no_grad;
      const torch::Tensor own =
          torch::arange(shard.begin, shard.end, torch::kInt64).to(sequences.mask.device());
      const Sequences part = sequences.Trials(own);
      std::vector<ActionDistribution> of_chunks;
      std::vector<torch::Tensor> values_of_chunks;
      UnrollInChunks(policy_, {row_, policy_.layout()}, part, truncation_, Derivatives::kFirst,
                     [&](const PolicyOutput& out, int64_t, int64_t) {
                       of_chunks.push_back(out.distribution.Detach());
                       if (out.value.defined()) values_of_chunks.push_back(out.value);
                     });
      distributions[shard.index] = ActionDistribution::JoinedSteps(of_chunks);
      if (!values_of_chunks.empty()) values[shard.index] = torch::cat(values_of_chunks, 1);
      if (advantage_.bootstrap_at_horizon) {
        final_values[shard.index] =
            FinalValues(policy_, row_, part, ends.Trials(own), advantage_.credit);
      }
    });
    Acted acted{.distribution = ActionDistribution::Joined(distributions)};
    if (values.front().defined()) acted.values = torch::cat(values);
    if (advantage_.bootstrap_at_horizon) acted.final_values = torch::cat(final_values);
    return acted;
  }

  // Observations and rewards of these episodes join the statistics, which the next ones are acted
  // with.
  void Normalize(const Rollouts& rollouts) {
    const torch::Tensor rows =
        torch::cat({rollouts.observations, rollouts.rewards.unsqueeze(-1)}, -1);
    inputs_.Add(rows.view({-1, rows.size(-1)}), rollouts.mask.view({-1}));
    row_ = row_.clone();
    policy_.SetNormalization(row_, inputs_.mean(), inputs_.scale());
  }

  int64_t meta_batch_size_, shards_, truncation_;
  TrialAdvantageOptions advantage_;
  RewardOptions rewards_;
  double entropy_, final_entropy_;
  int64_t entropy_iterations_;
  FamilySpec spec_;
  int64_t episodes_;  // of a trial
  WorkerPool& pool_;
  torch::Device device_;
  MemoryPolicy policy_;
  torch::Tensor row_;  // [1, P]
  OuterLoop outer_;
  RunningMoments inputs_, returns_;
  int64_t iterations_ = 0;
};

}  // namespace

std::unique_ptr<MetaAgent> MakeMemoryAgent(const MemoryAgentOptions& options,
                                           const AgentContext& context) {
  return std::make_unique<MemoryAgent>(options, context);
}

}  // namespace fewstep
