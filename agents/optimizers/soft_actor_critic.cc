#include "agents/optimizers/soft_actor_critic.h"

#include <cmath>
#include <utility>

#include "agents/networks/mlp_pass.h"
#include "agents/noise.h"
#include "core/error.h"

namespace fewstep {
namespace {

// [T, B, ...] as one batch [1, T * B, ...].
torch::Tensor OneBatch(const torch::Tensor& x) {
  return x.dim() == 2 ? x.reshape({1, -1}) : x.reshape({1, -1, x.size(2)});
}

// Inputs of a network: each transition's part, and its task's latent variable, in this order.
torch::Tensor Inputs(std::vector<torch::Tensor> parts, const torch::Tensor& latents) {
  const int64_t tasks = parts[0].size(0), batch = parts[0].size(1);
  if (latents.defined()) parts.push_back(latents.unsqueeze(1).expand({tasks, batch, -1}));
  return OneBatch(parts.size() == 1 ? parts[0] : torch::cat(parts, 2));
}

MlpShape ShapeOf(int64_t inputs, const SoftActorCriticOptions& options, int64_t outputs) {
  MlpShape shape;
  shape.widths.push_back(inputs);
  shape.widths.insert(shape.widths.end(), options.hidden.begin(), options.hidden.end());
  shape.initial = options.initial;
  shape.widths.push_back(outputs);
  shape.activation = Activation::kRelu;
  return shape;
}

Transitions TasksOf(const Transitions& all, const Shard& shard) {
  const auto part = [&](const torch::Tensor& x) { return x.narrow(0, shard.begin, shard.size()); };
  return {part(all.observations),  part(all.actions),           part(all.rewards),
          part(all.dense_rewards), part(all.next_observations), part(all.terminated)};
}

// The gradient of each task's latent variable [T, L], which every transition of the task was given,
// from that of the inputs [R, T * B, ...], where it comes last.
torch::Tensor OfLatents(const torch::Tensor& inputs, int64_t tasks, int64_t latent_size) {
  const int64_t first = inputs.size(2) - latent_size;
  return inputs.narrow(2, first, latent_size).sum(0).view({tasks, -1, latent_size}).sum(1);
}

}  // namespace

void SoftActorCriticOptions::Visit(FieldVisitor& v) {
  v.Field("hidden", hidden,
          {.help = "Width of each hidden layer of actor and critics.",
           .unit = "units",
           .min = 1,
           .max = 65536});
  v.Choice("initial", initial, kMlpInitialNames,
           {.help = "How weights start: xavier; fan_in, as PyTorch's layers do; or normal, with a "
                    "deviation of 0.01."});
  v.Field("learning_rate", learning_rate,
          {.help = "Of Adam, for actor, critics and temperature.", .min = 0, .max = 10});
  v.Field("discount", discount, {.help = "gamma.", .min = 0, .max = 1});
  v.Field("target_rate", target_rate,
          {.help = "Part of the way that target networks go to the present ones each update: tau.",
           .min = 0,
           .max = 1});
  v.Field(
      "reward_scale", reward_scale,
      {.help = "Factor on rewards in the critics' targets; the weight of reward against entropy.",
       .min = 0,
       .max = 1e9});
  v.Choice(
      "target", target, {{"twin_critics", Target::kTwinCritics}, {"value", Target::kValue}},
      {.help = "What the critics learn towards: the smaller of two target critics, or a target "
               "value network."});
  v.Field("temperature", temperature,
          {.help = "Weight of the entropy; 0: learned.", .min = 0, .max = 1e9});
  v.Field("target_entropy", target_entropy,
          {.help = "Entropy that a learned temperature keeps; 0: minus the size of an action.",
           .min = -1e6,
           .max = 1e6});
  v.Field(
      "mean_penalty", mean_penalty,
      {.help = "Coefficient of the squared means of the Gaussian in the actor's loss.", .min = 0});
  v.Field("log_std_penalty", log_std_penalty,
          {.help = "The same of the squared log standard deviations.", .min = 0});
}

SoftActorCritic::SoftActorCritic(int64_t observation_size, int64_t action_size, int64_t latent_size,
                                 const SoftActorCriticOptions& options, const Rng& init,
                                 torch::Device device)
    : observation_size_(observation_size),
      action_size_(action_size),
      latent_size_(latent_size),
      options_(options),
      device_(device) {
  const int64_t state = observation_size + latent_size;
  const auto layout = [] { return std::make_shared<ParameterLayout>(); };
  const auto actor = layout(), critic = layout(), value = layout();
  networks_ = std::make_shared<Networks>(
      Networks{actor, critic, value, Mlp(*actor, "", ShapeOf(state, options, 2 * action_size)),
               Mlp(*critic, "", ShapeOf(state + action_size, options, 1)),
               Mlp(*value, "", ShapeOf(state, options, 1))});
  const auto row = [&](const std::shared_ptr<ParameterLayout>& of, const char* name, uint64_t i) {
    return Initialized(of, init.Fork(name, i)).flat;
  };
  state_.actor = {row(actor, "actor", 0).to(device), actor};
  state_.critics = {torch::cat({row(critic, "critics", 0), row(critic, "critics", 1)}).to(device),
                    critic};
  if (has_value()) {
    state_.value = {row(value, "value", 0).to(device), value};
    state_.value_adam = Adam(state_.value.flat, options.learning_rate);
  }
  const Parameters& followed = has_value() ? state_.value : state_.critics;
  state_.targets = followed.WithFlat(followed.flat.clone());
  state_.log_temperature =
      torch::full({1}, options.temperature > 0 ? std::log(options.temperature) : 0.0).to(device);
  if (options_.target_entropy == 0) options_.target_entropy = -static_cast<double>(action_size);
  state_.actor_adam = Adam(state_.actor.flat, options.learning_rate);
  state_.critic_adam = Adam(state_.critics.flat, options.learning_rate);
  state_.temperature_adam = Adam(state_.log_temperature, options.learning_rate);
}

double SoftActorCritic::temperature() const { return state_.log_temperature.exp().item<double>(); }

double SoftActorCritic::UpdateBytes(double transitions) const {
  // what the passes of actor, twin critics and targets keep, and their gradients; rows, moments and
  // what Adam makes of them
  constexpr double kPasses = 9, kRows = 8;
  double units = 0;
  for (const int64_t width : options_.hidden) units += static_cast<double>(width);
  const double rows = static_cast<double>(state_.actor.flat.numel() + state_.critics.flat.numel() +
                                          2 * state_.targets.flat.numel());
  return sizeof(float) * (transitions * kPasses * units + kRows * rows);
}

SquashedGaussian SoftActorCritic::Act(const torch::Tensor& observations,
                                      const torch::Tensor& latents) const {
  const torch::Tensor outputs =
      networks_->actor.Forward(state_.actor, Inputs({observations}, latents));
  return SquashedGaussian::Of(
      outputs.view({observations.size(0), observations.size(1), 2 * action_size_}));
}

const std::vector<std::string>& SoftActorCritic::metric_names() {
  static const std::vector<std::string> names = {"critic_loss", "actor_loss", "entropy",
                                                 "temperature", "mean_q"};
  return names;
}

// V(s') of what the critics learn towards, [1, T * B].
torch::Tensor SoftActorCritic::LeastTarget(const Transitions& part, const torch::Tensor& latents,
                                           const torch::Tensor& noise) const {
  const torch::Tensor& next = part.next_observations;
  if (has_value()) {
    return MlpPass(networks_->value, state_.targets, Inputs({next}, latents)).outputs().squeeze(2);
  }
  const torch::Tensor outputs =
      MlpPass(networks_->actor, state_.actor, Inputs({next}, latents)).outputs();
  const auto drawn = SquashedGaussian::Of(outputs).Sample(OneBatch(noise));
  const torch::Tensor inputs =
      Inputs({next, drawn.actions.view({next.size(0), next.size(1), -1})}, latents);
  const torch::Tensor q = MlpPass(networks_->critic, state_.targets, inputs).outputs();
  return q.amin(0).squeeze(1).unsqueeze(0) - state_.log_temperature.exp() * drawn.log_probs;
}

SoftActorCritic::CriticPart SoftActorCritic::LearnCritics(const Transitions& part,
                                                          const torch::Tensor& latents,
                                                          const torch::Tensor& noise,
                                                          double count) const {
  const torch::Tensor target =
      OneBatch(part.dense_rewards) * options_.reward_scale +
      OneBatch(1 - part.terminated) * options_.discount * LeastTarget(part, latents, noise);

  // sum_i (Q_i - y)^2 / count
  const MlpPass pass(networks_->critic, state_.critics,
                     Inputs({part.observations, part.actions}, latents));
  const torch::Tensor q = pass.outputs().squeeze(2);  // [2, T * B]
  const torch::Tensor error = q - target;
  CriticPart result{.gradient = torch::empty_like(state_.critics.flat),
                    .latents = {},
                    .sums = torch::stack({error.square().sum(), q[0].sum()})};
  const torch::Tensor inputs =
      pass.Backward((error * (2 / count)).unsqueeze(2), &result.gradient, latent_size_ > 0);
  if (latent_size_ > 0) {
    result.latents = OfLatents(inputs, part.num_tasks(), latent_size_);
  }
  return result;
}

SoftActorCritic::ActorPart SoftActorCritic::LearnActor(const Parameters& critics,
                                                       const Transitions& part,
                                                       const torch::Tensor& latents,
                                                       const torch::Tensor& noise, double count,
                                                       bool latent_gradient) const {
  // a new action in every state
  const torch::Tensor& s = part.observations;
  const torch::Tensor alpha = state_.log_temperature.exp();
  const MlpPass pass(networks_->actor, state_.actor, Inputs({s}, latents));
  const SquashedGaussian policy = SquashedGaussian::Of(pass.outputs());  // of [1, T * B, A]
  const torch::Tensor e = OneBatch(noise);
  const auto drawn = policy.Sample(e);

  // what the critics think of it
  const MlpPass critic_pass(networks_->critic, critics,
                            Inputs({s, drawn.actions.view({s.size(0), s.size(1), -1})}, latents));
  const torch::Tensor q = critic_pass.outputs();  // [2, T * B, 1]
  const torch::Tensor first_is_least = (q[0] <= q[1]).to(q.scalar_type());
  const torch::Tensor least = torch::min(q[0], q[1]).view({1, -1});
  const torch::Tensor weights = torch::stack({first_is_least, 1 - first_is_least});
  const torch::Tensor by_action = critic_pass.Backward(weights, nullptr, true)
                                      .narrow(2, observation_size_, action_size_)
                                      .sum(0, /*keepdim=*/true);  // d min Q / d a, [1, T * B, A]

  // d / d u of alpha log pi - min Q, u before the tanh: d log pi / d u = 2 tanh(u) at fixed noise
  const torch::Tensor& a = drawn.actions;
  const double numbers = count * static_cast<double>(action_size_);
  const torch::Tensor by_u = (alpha * 2 * a - by_action * (1 - a.square())) / count;
  torch::Tensor by_mean = by_u;
  torch::Tensor by_log_std = by_u * (drawn.before - policy.mean) - alpha / count;
  torch::Tensor loss = (alpha * drawn.log_probs - least).sum() / count;
  if (options_.mean_penalty > 0) {
    by_mean = by_mean + policy.mean * (2 * options_.mean_penalty / numbers);
    loss = loss + policy.mean.square().sum() * (options_.mean_penalty / numbers);
  }
  if (options_.log_std_penalty > 0) {
    by_log_std = by_log_std + policy.log_std * (2 * options_.log_std_penalty / numbers);
    loss = loss + policy.log_std.square().sum() * (options_.log_std_penalty / numbers);
  }
  // the bounds of the log standard deviation let nothing pass beyond them
  const torch::Tensor inside = policy.log_std == pass.outputs().chunk(2, -1)[1];
  ActorPart result{.actor = torch::empty_like(state_.actor.flat),
                   .value = {},
                   .latents = {},
                   .sums = torch::stack({loss, drawn.log_probs.sum()})};
  const torch::Tensor inputs =
      pass.Backward(torch::cat({by_mean, by_log_std * inside}, 2), &result.actor, latent_gradient);
  if (latent_gradient) result.latents = OfLatents(inputs, part.num_tasks(), latent_size_);

  // (V - (min Q - alpha log pi))^2 / count
  if (has_value()) {
    const MlpPass value(networks_->value, state_.value, Inputs({s}, latents));
    const torch::Tensor towards = (least - alpha * drawn.log_probs).unsqueeze(2);
    result.value = torch::empty_like(state_.value.flat);
    value.Backward((value.outputs() - towards) * (2 / count), &result.value, false);
  }
  return result;
}

SoftActorCritic::Result SoftActorCritic::Update(const Transitions& transitions,
                                                const torch::Tensor& latents, const Rng& rng,
                                                const ActorCriticWork& how) {
  FEWSTEP_CHECK(latents.defined() == (latent_size_ > 0), "latent variables of another size");
  const torch::NoGradGuard no_grad;
  const torch::Tensor& s = transitions.observations;
  const double count = static_cast<double>(s.size(0) * s.size(1));
  const std::vector<int64_t> action_shape = {s.size(0), s.size(1), action_size_};
  const torch::Tensor next_noise =
      has_value() ? torch::Tensor()
                  : StandardNormal(action_shape, rng.Fork("next")).to(s.options());
  const torch::Tensor noise = StandardNormal(action_shape, rng.Fork("action")).to(s.options());
  const torch::Tensor z = latents.defined() ? latents.detach() : latents;
  const torch::Tensor actor_z = how.actor_latents.defined() ? how.actor_latents.detach() : z;

  // parts of the work; sums over them in their order
  WorkerPool caller_only(1);
  const Shards whole(s.size(0), 1, caller_only);
  const Shards& shards = how.shards ? *how.shards : whole;
  const auto of = [](const torch::Tensor& x, const Shard& shard) {
    return x.defined() ? x.narrow(0, shard.begin, shard.size()) : x;
  };
  const auto sum = [](const auto& parts, auto member) {
    std::vector<torch::Tensor> tensors;
    for (const auto& part : parts) tensors.push_back(part.*member);
    return SumInOrder(tensors);
  };
  const auto join = [](const auto& parts, auto member) {
    std::vector<torch::Tensor> tensors;
    for (const auto& part : parts) tensors.push_back(part.*member);
    return tensors.front().defined() ? torch::cat(tensors) : torch::Tensor();
  };

  // critics
  Result result;
  State next = state_;
  std::vector<CriticPart> critic_parts(shards.size());
  shards.ForEach([&](const Shard& shard) {
    const torch::NoGradGuard in_thread;
    critic_parts[shard.index] =
        LearnCritics(TasksOf(transitions, shard), of(z, shard), of(next_noise, shard), count);
  });
  next.critics.flat =
      next.critic_adam.Step(state_.critics.flat, sum(critic_parts, &CriticPart::gradient));
  result.latent_gradient = join(critic_parts, &CriticPart::latents);
  if (how.critics_done) how.critics_done();

  // actor and value network, with the critics as they are now
  std::vector<ActorPart> actor_parts(shards.size());
  shards.ForEach([&](const Shard& shard) {
    const torch::NoGradGuard in_thread;
    actor_parts[shard.index] =
        LearnActor(next.critics, TasksOf(transitions, shard), of(actor_z, shard), of(noise, shard),
                   count, how.actor_latent_gradient);
  });
  next.actor.flat = next.actor_adam.Step(state_.actor.flat, sum(actor_parts, &ActorPart::actor));
  if (has_value()) {
    next.value.flat = next.value_adam.Step(state_.value.flat, sum(actor_parts, &ActorPart::value));
  }
  result.actor_latent_gradient = join(actor_parts, &ActorPart::latents);

  // temperature
  const torch::Tensor critic_sums = sum(critic_parts, &CriticPart::sums);
  const torch::Tensor actor_sums = sum(actor_parts, &ActorPart::sums);
  const torch::Tensor entropy = -actor_sums[1] / count;
  if (options_.temperature <= 0) {
    next.log_temperature = next.temperature_adam.Step(
        state_.log_temperature, (entropy - options_.target_entropy).view({1}));
  }

  // targets follow
  const torch::Tensor& followed = has_value() ? next.value.flat : next.critics.flat;
  next.targets.flat = state_.targets.flat.lerp(followed, options_.target_rate);

  result.metrics = torch::stack({critic_sums[0] / count, actor_sums[0], entropy,
                                 state_.log_temperature.exp()[0], critic_sums[1] / count});
  const torch::Tensor total = next.actor.flat.sum() + next.critics.flat.sum() +
                              next.targets.flat.sum() + next.log_temperature.sum();
  if (!std::isfinite(total.item<double>())) {
    throw Error(ErrorKind::kRuntime, "an update of the soft actor-critic is not finite",
                {.remedy = "Lower agent.learning_rate or agent.reward_scale"});
  }
  state_ = std::move(next);
  return result;
}

void SoftActorCritic::Save(CheckpointWriter checkpoint) const {
  checkpoint.Store("actor", state_.actor.flat);
  checkpoint.Store("critics", state_.critics.flat);
  checkpoint.Store("targets", state_.targets.flat);
  checkpoint.Store("log_temperature", state_.log_temperature);
  state_.actor_adam.Save(checkpoint.Scope("actor_adam"));
  state_.critic_adam.Save(checkpoint.Scope("critic_adam"));
  state_.temperature_adam.Save(checkpoint.Scope("temperature_adam"));
  if (!has_value()) return;
  checkpoint.Store("value", state_.value.flat);
  state_.value_adam.Save(checkpoint.Scope("value_adam"));
}

void SoftActorCritic::Load(CheckpointReader checkpoint) {
  State loaded = state_;
  for (const auto& [name, member] : {std::pair{"actor", &State::actor},
                                     {"critics", &State::critics},
                                     {"targets", &State::targets}}) {
    (loaded.*member).flat = checkpoint.Load(name, (state_.*member).flat);
  }
  loaded.log_temperature = checkpoint.Load("log_temperature", state_.log_temperature);
  loaded.actor_adam = state_.actor_adam.Loaded(checkpoint.Scope("actor_adam"));
  loaded.critic_adam = state_.critic_adam.Loaded(checkpoint.Scope("critic_adam"));
  loaded.temperature_adam = state_.temperature_adam.Loaded(checkpoint.Scope("temperature_adam"));
  if (has_value()) {
    loaded.value.flat = checkpoint.Load("value", state_.value.flat);
    loaded.value_adam = state_.value_adam.Loaded(checkpoint.Scope("value_adam"));
  }
  state_ = std::move(loaded);
}

}  // namespace fewstep
