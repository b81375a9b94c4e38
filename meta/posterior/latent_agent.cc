#include "meta/posterior/latent_agent.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "agents/policies/latent_policy.h"
#include "agents/policies/random_policy.h"
#include "core/error.h"
#include "meta/posterior/latent_adaptation.h"

namespace fewstep {

void LatentAgentOptions::Visit(FieldVisitor& v) {
  constexpr double kMany = 1e6;
  v.Field(
      "tasks", tasks,
      {.help = "Tasks that are trained on: the first of the family's list, or all of it, where it "
               "has one or finitely many; else drawn once.",
       .unit = "tasks",
       .min = 1,
       .max = kMany});
  v.Field("initial_episodes", initial_episodes,
          {.help = "Episodes of every task before anything is learned.",
           .unit = "episodes",
           .min = 1,
           .max = kMany});
  v.Choice(
      "initial_actions", initial_actions,
      {{"policy", InitialActions::kPolicy},
       {"uniform", InitialActions::kUniform},
       {"held", InitialActions::kHeld}},
      {.help = "How they are acted: by the policy as it starts, by uniformly drawn actions, or "
               "by one such action that is held through an episode."});
  v.Field("collect_tasks", collect_tasks,
          {.help = "Tasks, drawn anew each time, that a collection acts in.",
           .unit = "tasks",
           .min = 1,
           .max = kMany});
  v.Field("episodes", episodes,
          {.help = "Episodes of each of them; with a latent variable, of those where it comes from "
                   "the prior.",
           .unit = "episodes",
           .min = 1,
           .max = kMany});
  v.Field("updates_per_collection", updates_per_collection,
          {.help = "Updates between two collections; 0: one for every step that a collection can "
                   "bring.",
           .unit = "updates",
           .min = 0,
           .max = 1e9});
  v.Field("updates_per_iteration", updates_per_iteration,
          {.help = "Updates of an iteration, which is what is logged and saved: a collection may "
                   "spread over many.",
           .unit = "updates",
           .min = 1,
           .max = kMany});
  v.Field("meta_batch_size", meta_batch_size,
          {.help = "Tasks of an update, drawn with replacement.",
           .unit = "tasks",
           .min = 1,
           .max = kMany});
  v.Field("batch_size", batch_size,
          {.help = "Transitions of each of them.", .unit = "transitions", .min = 1, .max = kMany});
  v.Field("replay_size", replay_size,
          {.help = "Transitions of each training task that are kept, the latest ones; the memory "
                   "for all is taken at the start.",
           .unit = "transitions",
           .min = 1,
           .max = 1e12});
  learner.Visit(v);
  v.Field("shards", shards,
          {.help = "Parts of an update, on as many threads; their gradients are summed in order. "
                   "Part of the recipe: it sets the order of summation.",
           .min = 1,
           .max = 100000});
}

void ContextOptions::Visit(FieldVisitor& v) {
  v.Field("transitions", transitions,
          {.help = "Transitions that z is inferred from in an update, drawn from the context.",
           .unit = "transitions",
           .min = 1,
           .max = 1e6});
  v.Field(
      "episodes", episodes,
      {.help =
           "With more than 0, those of an update come from 1 to so many episodes of the context, "
           "or "
           "as many as there are: like those of a new task, where few episodes are known at first.",
       .unit = "episodes",
       .min = 0,
       .max = 1e6});
  v.Field("clear", clear,
          {.help = "Whether a task's context is forgotten when a collection comes to it."});
  v.Field("size", size,
          {.help = "Episodes of a task's context that are kept, the latest ones; 0: as many as a "
                   "collection or the beginning brings.",
           .unit = "episodes",
           .min = 0,
           .max = 1e9});
  v.Field("test_transitions", test_transitions,
          {.help = "The latest transitions of a new task that its posterior is inferred from; 0: "
                   "all, as published.",
           .unit = "transitions",
           .min = 0,
           .max = 1e9});
}

namespace {

Transitions To(const Transitions& all, torch::Device device) {
  if (device.is_cpu()) return all;
  const auto move = [&](const torch::Tensor& x) { return x.to(device); };
  return {move(all.observations),  move(all.actions),           move(all.rewards),
          move(all.dense_rewards), move(all.next_observations), move(all.terminated)};
}

class LatentAgent final : public MetaAgent {
 public:
  LatentAgent(const LatentAgentOptions& options, const InferenceOptions* inference,
              const AgentContext& context)
      : options_(options),
        spec_(context.family.spec()),
        pool_(context.pool),
        device_(context.device),
        learner_{SoftActorCritic(spec_.observation_size, spec_.action_size,
                                 inference ? inference->encoder.latent_size : 0, options.learner,
                                 context.init.Fork("learner"), context.device),
                 std::nullopt},
        policy_(spec_, inference ? inference->encoder.latent_size : 0,
                learner_.actor_critic.actor_network().shape()) {
    if (inference) {
      inference_ = *inference;
      learner_.inference.emplace(spec_, inference->encoder, context.init.Fork("encoder"),
                                 context.device);
    }
    const auto num_tasks = static_cast<size_t>(options.tasks);
    tasks_ = context.family.AllTasks(Split::kTrain);
    if (tasks_.empty()) {
      tasks_ = context.family.Sample(Split::kTrain, static_cast<int>(options.tasks),
                                     context.init.Fork("training tasks"));
    } else if (tasks_.size() > num_tasks) {
      tasks_.resize(num_tasks);
    }
    CheckSizes();
  }

  int meta_batch_size() const override { return 0; }
  int64_t steps_per_iteration() const override {
    const double steps = std::max(InitialSteps() + CollectionSteps(), 1.0);
    return steps < 1e18 ? static_cast<int64_t>(steps) : int64_t{1'000'000'000'000'000'000};
  }

  double iteration_bytes() const override {
    const double transitions =
        static_cast<double>(options_.meta_batch_size) * static_cast<double>(options_.batch_size);
    double contexts = 0;
    if (inference_) {
      const ContextOptions& context = inference_->context;
      contexts = static_cast<double>(std::max(options_.meta_batch_size, options_.collect_tasks)) *
                 static_cast<double>(context.transitions);
    }
    return RolloutBytes(spec_, std::max(InitialSteps(), CollectionSteps()) / spec_.horizon) +
           learner_.actor_critic.UpdateBytes(transitions) + EncoderBytes(contexts);
  }
  double deployment_bytes(int num_tasks, int episodes) const override {
    double steps = static_cast<double>(episodes) * spec_.horizon;
    if (inference_) steps += static_cast<double>(inference_->context.test_transitions);
    return EncoderBytes(static_cast<double>(num_tasks) * steps) +
           sizeof(float) * static_cast<double>(policy_.memory_size()) * num_tasks;
  }
  std::string size_keys() const override {
    return "agent.tasks, agent.initial_episodes, agent.collect_tasks, agent.meta_batch_size, "
           "agent.batch_size, agent.hidden";
  }

  double replay_bytes() const override {
    const double tasks = static_cast<double>(tasks_.size());
    return Replay::Bytes(spec_, tasks, static_cast<double>(options_.replay_size)) +
           (inference_ ? 3 * sizeof(int64_t) * tasks * static_cast<double>(ContextSize()) : 0);
  }
  std::string replay_keys() const override {
    return inference_ ? "agent.tasks, agent.replay_size, agent.context.size"
                      : "agent.tasks, agent.replay_size";
  }

  std::vector<std::string> columns() const override {
    std::vector<std::string> columns = {"return_0"};
    if (last_reported_unit() > 0) columns.emplace_back("return_1");
    for (const std::string& metric : spec_.metrics) columns.push_back(metric);
    for (const char* column : {"environment_steps", "diverged_episodes", "updates"}) {
      columns.emplace_back(column);
    }
    for (const std::string& name : SoftActorCritic::metric_names()) columns.push_back(name);
    if (inference_) columns.emplace_back("kl");
    return columns;
  }
  int last_reported_unit() const override {
    return inference_ && inference_->posterior_episodes + inference_->extra_episodes > 0 ? 1 : 0;
  }

  Metrics TrainIteration(std::span<const Task> /*tasks*/, Sampler& sampler,
                         const Rng& rng) override {
    Metrics metrics;
    Counters counters = counters_;
    int64_t steps = 0, diverged = 0;
    const auto count = [&](const Rollouts& rollouts) {
      steps += rollouts.steps;
      diverged += rollouts.diverged;
    };

    // episodes, where they are due
    MakeReplay();
    if (replay_->empty()) {
      CollectInitial(sampler, rng.Fork("initial"), count);
    }
    if (counters.updates_due == 0) {
      Collect(sampler, rng.Fork("collect"), count, metrics);
      counters.updates_due = UpdatesPerCollection();
      ++counters.collections;
    }
    metrics.Add("environment_steps", static_cast<double>(steps));
    metrics.Add("diverged_episodes", static_cast<double>(diverged));

    // updates, until the next ones are
    Learner learner = learner_;
    const int64_t updates = std::min(options_.updates_per_iteration, counters.updates_due);
    torch::Tensor sums;
    for (int64_t update = 0; update < updates; ++update) {
      const torch::Tensor values =
          Update(learner, rng.Fork("update", static_cast<uint64_t>(update)));
      sums = sums.defined() ? sums + values : values;
    }
    learner_ = std::move(learner);
    counters.updates_due -= updates;
    counters.updates += updates;
    counters_ = counters;

    metrics.Add("updates", static_cast<double>(counters_.updates));
    std::vector<std::string> names = SoftActorCritic::metric_names();
    if (inference_) names.emplace_back("kl");
    const torch::Tensor means = (sums / static_cast<double>(updates)).to(torch::kCPU);
    for (size_t i = 0; i < names.size(); ++i) {
      metrics.Add(names[i], means[static_cast<int64_t>(i)].item<double>());
    }
    return metrics;
  }

  std::string unit() const override { return "episode"; }
  int episodes_per_unit() const override { return 1; }
  Support support() const override { return Support::kAsJudged; }
  bool adapts() const override { return inference_.has_value(); }

  std::unique_ptr<AdaptiveAgent> Deploy(const Deployment& deployment) const override {
    return MakeLatentAdaptation(spec_, policy_, learner_.actor_critic.actor().flat,
                                learner_.inference ? &*learner_.inference : nullptr,
                                inference_ ? &*inference_ : nullptr, deployment.num_tasks);
  }

  void Save(CheckpointWriter checkpoint) const override {
    learner_.actor_critic.Save(checkpoint.Scope("learner"));
    if (learner_.inference) learner_.inference->Save(checkpoint.Scope("encoder"));
    checkpoint.Store("tasks", TaskValues());
    checkpoint.Store(
        "counters", torch::tensor({counters_.collections, counters_.updates, counters_.updates_due},
                                  torch::kInt64));
  }

  void Load(CheckpointReader checkpoint) override {
    Learner loaded = learner_;
    loaded.actor_critic.Load(checkpoint.Scope("learner"));
    if (loaded.inference) loaded.inference->Load(checkpoint.Scope("encoder"));
    const torch::Tensor tasks = checkpoint.Load("tasks", TaskValues());
    const torch::Tensor counters = checkpoint.Load("counters", torch::zeros({3}, torch::kInt64));
    const int64_t* counts = counters.const_data_ptr<int64_t>();
    if (counts[0] < 0 || counts[1] < 0 || counts[2] < 0) {
      throw Error(ErrorKind::kData, "a count is negative", {.key = "counters"});
    }
    learner_ = std::move(loaded);
    const int64_t width = tasks.size(1);
    for (size_t i = 0; i < tasks_.size(); ++i) {
      const double* values = tasks.const_data_ptr<double>() + static_cast<int64_t>(i) * width;
      tasks_[i].values.assign(values, values + width);
    }
    counters_ = {counts[0], counts[1], counts[2]};
    replay_.reset();
    context_.reset();
  }

  void SaveReplay(CheckpointWriter checkpoint) const override {
    if (!replay_) return;  // nothing was collected
    replay_->Save(checkpoint);
    if (context_) context_->Save(checkpoint.Scope("context"));
  }

  void LoadReplay(CheckpointReader checkpoint) override {
    if (counters_.collections == 0) return;
    MakeReplay();
    std::optional<ReplayEpisodes> context = context_;
    if (context_) context = context_->Loaded(checkpoint.Scope("context"));
    replay_->Load(checkpoint);
    context_ = context;
  }

 private:
  struct Learner {
    SoftActorCritic actor_critic;
    std::optional<TaskInference> inference;
  };
  // What the schedule depends on.
  struct Counters {
    int64_t collections = 0, updates = 0;
    int64_t updates_due = 0;  // before the next collection
  };

  torch::Tensor TaskValues() const {
    std::vector<torch::Tensor> rows;
    for (const Task& task : tasks_) rows.push_back(torch::tensor(task.values, torch::kFloat64));
    return torch::stack(rows);
  }

  int64_t num_tasks() const { return static_cast<int64_t>(tasks_.size()); }

  void CheckSizes() const {
    const auto refuse = [](std::string what, std::string key, std::string remedy) {
      throw Error(ErrorKind::kUsage, std::move(what),
                  {.key = std::move(key), .remedy = std::move(remedy)});
    };
    if (options_.collect_tasks > num_tasks()) {
      refuse(fmt::format("a collection of {} tasks, and there are {} to train on",
                         options_.collect_tasks, num_tasks()),
             "agent.collect_tasks", fmt::format("Set at most {}", num_tasks()));
    }
    // what follows a context in a collection must not push it out
    const double least =
        inference_ ? (static_cast<double>(inference_->extra_episodes) + 1) * spec_.horizon : 1;
    if (static_cast<double>(options_.replay_size) < least) {
      refuse(
          fmt::format("a replay of {} transitions a task holds no context: the {} extra episodes "
                      "of {} steps that follow it push it out",
                      options_.replay_size, inference_->extra_episodes, spec_.horizon),
          "agent.replay_size", fmt::format("Set at least {:.0f}", least));
    }
  }

  double InitialSteps() const {
    return static_cast<double>(num_tasks()) * static_cast<double>(options_.initial_episodes) *
           spec_.horizon;
  }
  double CollectionSteps() const {
    const double more = inference_ ? static_cast<double>(inference_->posterior_episodes) +
                                         static_cast<double>(inference_->extra_episodes)
                                   : 0;
    return static_cast<double>(options_.collect_tasks) *
           (static_cast<double>(options_.episodes) + more) * spec_.horizon;
  }
  int64_t UpdatesPerCollection() const {
    if (options_.updates_per_collection > 0) return options_.updates_per_collection;
    return static_cast<int64_t>(CollectionSteps());
  }
  int64_t ContextSize() const {
    if (inference_->context.size > 0) return inference_->context.size;
    return std::max(options_.initial_episodes, options_.episodes + inference_->posterior_episodes);
  }
  double EncoderBytes(double transitions) const {
    if (!inference_) return 0;
    double units = 0;
    for (const int64_t width : inference_->encoder.hidden) units += static_cast<double>(width);
    return sizeof(float) * 3 * transitions * units;
  }

  // Taken when it is first needed: who only acts needs none.
  void MakeReplay() {
    if (replay_) return;
    replay_.emplace(spec_, num_tasks(), options_.replay_size, "agent.replay_size");
    if (inference_) context_.emplace(*replay_, ContextSize());
  }

  // Episodes `episodes` of each of `chosen` training tasks, each with a latent variable from the
  // posterior of its task.
  Rollouts Act(Sampler& sampler, std::span<const int64_t> chosen, int64_t episodes,
               const LatentPosterior* posterior, const Rng& rng) const {
    std::vector<Task> tasks;
    for (const int64_t task : chosen) tasks.push_back(tasks_[static_cast<size_t>(task)]);
    TrialStates trials = BeginTrials(policy_, static_cast<int64_t>(chosen.size()) * episodes);
    if (posterior) {
      trials.memory = LatentPolicy::Memory(posterior->mean(), posterior->variance().sqrt())
                          .repeat_interleave(episodes, 0);
    }
    return sampler.Collect(policy_, {learner_.actor_critic.actor().flat, policy_.layout()}, tasks,
                           {.episodes = static_cast<int>(episodes)}, rng, &trials);
  }

  void Remember(std::span<const int64_t> chosen, const Rollouts& rollouts, bool in_context) {
    for (size_t i = 0; i < chosen.size(); ++i) {
      const std::vector<AddedEpisode> added =
          replay_->Add(chosen[i], rollouts, static_cast<int64_t>(i));
      if (context_ && in_context) context_->Add(chosen[i], added);
    }
  }

  template <typename Count>
  void CollectInitial(Sampler& sampler, const Rng& rng, const Count& count) {
    std::vector<int64_t> all(tasks_.size());
    std::iota(all.begin(), all.end(), 0);
    Rollouts rollouts;
    if (options_.initial_actions == InitialActions::kPolicy || counters_.updates > 0) {
      std::optional<LatentPosterior> prior;
      if (learner_.inference) prior = learner_.inference->Nothing(num_tasks());
      rollouts = Act(sampler, all, options_.initial_episodes, prior ? &*prior : nullptr, rng);
    } else {
      const RandomPolicy random(spec_, options_.initial_actions == InitialActions::kHeld);
      rollouts = sampler.Collect(random, random.InitialParameters(Rng(0)), tasks_,
                                 {.episodes = static_cast<int>(options_.initial_episodes)}, rng);
    }
    Remember(all, rollouts, true);
    count(rollouts);
  }

  template <typename Count>
  void Collect(Sampler& sampler, const Rng& rng, const Count& count, Metrics& metrics) {
    // which tasks, each once
    std::vector<int> order(tasks_.size());
    std::iota(order.begin(), order.end(), 0);
    Rng shuffling = rng.Fork("tasks");
    shuffling.Shuffle(order);
    const std::vector<int64_t> chosen(order.begin(), order.begin() + options_.collect_tasks);

    // z from the prior
    std::optional<LatentPosterior> prior;
    if (inference_) {
      if (inference_->context.clear) {
        for (const int64_t task : chosen) context_->Clear(task);
      }
      prior = learner_.inference->Nothing(options_.collect_tasks);
    }
    Rollouts rollouts =
        Act(sampler, chosen, options_.episodes, prior ? &*prior : nullptr, rng.Fork("prior"));
    Remember(chosen, rollouts, true);
    count(rollouts);
    metrics.Add("return_0", rollouts.returns.mean().item<double>());

    // z from the posterior, which is inferred anew before every episode
    const int64_t posterior_episodes = inference_ ? inference_->posterior_episodes : 0;
    const int64_t more = posterior_episodes + (inference_ ? inference_->extra_episodes : 0);
    double returns = 0;
    for (int64_t episode = 0; episode < more; ++episode) {
      const Rng stream = rng.Fork("posterior", static_cast<uint64_t>(episode));
      const LatentPosterior posterior = learner_.inference->Infer(
          DrawContext(*learner_.inference, chosen, /*of_update=*/false, stream.Fork("context")));
      rollouts = Act(sampler, chosen, 1, &posterior, stream);
      Remember(chosen, rollouts, episode < posterior_episodes);
      count(rollouts);
      returns += rollouts.returns.mean().item<double>();
    }
    if (more > 0) metrics.Add("return_1", returns / static_cast<double>(more));
    for (size_t m = 0; m < spec_.metrics.size(); ++m) {
      metrics.Add(spec_.metrics[m],
                  rollouts.metric_means.select(1, static_cast<int64_t>(m)).mean().item<double>());
    }
  }

  // Drawn from the contexts of these tasks, [T, N, C]; an update draws them from some of the
  // episodes only if it is asked to.
  torch::Tensor DrawContext(const TaskInference& inference, std::span<const int64_t> tasks,
                            bool of_update, const Rng& rng) const {
    const ContextOptions& options = inference_->context;
    if (!of_update || options.episodes == 0) {
      return inference.Contexts(
          InUnits(replay_->Sample(tasks, options.transitions, rng, &*context_), spec_));
    }
    Rng drawing = rng.Fork("episodes");
    std::vector<int64_t> episodes;
    for (size_t i = 0; i < tasks.size(); ++i) {
      episodes.push_back(
          1 + static_cast<int64_t>(drawing.Below(static_cast<uint64_t>(options.episodes))));
    }
    return inference.Contexts(InUnits(
        replay_->SampleFromSome(tasks, episodes, options.transitions, rng, *context_), spec_));
  }

  // One update; gives the values of SoftActorCritic::metric_names and the KL.
  torch::Tensor Update(Learner& learner, const Rng& rng) const {
    std::vector<int64_t> batch;
    Rng choosing = rng.Fork("tasks");
    for (int64_t i = 0; i < options_.meta_batch_size; ++i) {
      batch.push_back(static_cast<int64_t>(choosing.Below(tasks_.size())));
    }
    const Transitions transitions =
        To(InUnits(replay_->Sample(batch, options_.batch_size, rng.Fork("transitions")), spec_),
           device_);
    if (!learner.inference) {
      // all tasks are one batch, which any parts of it make up
      const Transitions parts = InParts(transitions);
      const Shards shards(parts.num_tasks(), options_.shards, pool_);
      return learner.actor_critic.Update(parts, {}, rng.Fork("noise"), {.shards = &shards}).metrics;
    }

    const Shards shards(options_.meta_batch_size, options_.shards, pool_);
    TaskInference& inference = *learner.inference;
    const TaskInference::Draw z = inference.DrawLatents(
        DrawContext(inference, batch, /*of_update=*/true, rng.Fork("context")), rng.Fork("latents"),
        shards);
    const SoftActorCritic::Result result = learner.actor_critic.Update(
        transitions, z.latents, rng.Fork("noise"),
        {.shards = &shards,
         .actor_latents = z.actor_latents,
         .actor_latent_gradient = inference.options().learns_from_actor()});
    const torch::Tensor kl =
        inference.Learn(z, result.latent_gradient, result.actor_latent_gradient, shards);
    return torch::cat({result.metrics, kl.view({1})});
  }

  Transitions InParts(const Transitions& all) const {
    const int64_t total = all.num_tasks() * all.batch_size();
    if (total % options_.shards != 0) return all;
    const auto part = [&](const torch::Tensor& x) {
      return x.dim() == 3 ? x.reshape({options_.shards, -1, x.size(2)})
                          : x.reshape({options_.shards, -1});
    };
    return {part(all.observations),  part(all.actions),           part(all.rewards),
            part(all.dense_rewards), part(all.next_observations), part(all.terminated)};
  }

  LatentAgentOptions options_;
  std::optional<InferenceOptions> inference_;
  FamilySpec spec_;
  WorkerPool& pool_;
  torch::Device device_;
  Learner learner_;
  LatentPolicy policy_;
  std::vector<Task> tasks_;
  std::optional<Replay> replay_;
  std::optional<ReplayEpisodes> context_;
  Counters counters_;
};

}  // namespace

std::unique_ptr<MetaAgent> MakeLatentAgent(const LatentAgentOptions& options,
                                           const InferenceOptions* inference,
                                           const AgentContext& context) {
  const FamilySpec& spec = context.family.spec();
  if (spec.action_kind != ActionKind::kContinuous ||
      !std::isfinite(spec.action_high - spec.action_low)) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("a soft actor-critic acts by numbers in a finite range, and the actions "
                    "of {} are none",
                    spec.name),
        {.key = "agent.name", .remedy = "Choose another family, or another agent"});
  }
  return std::make_unique<LatentAgent>(options, inference, context);
}

}  // namespace fewstep
