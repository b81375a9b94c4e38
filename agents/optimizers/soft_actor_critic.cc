#include "agents/optimizers/soft_actor_critic.h"

#include <cmath>
#include <utility>

#include "core/error.h"

namespace fewstep {
namespace {

// [T, B, ...] as one batch [1, T * B, ...].
torch::Tensor OneBatch(const torch::Tensor& x) {
  return x.dim() == 2 ? x.reshape({1, -1}) : x.reshape({1, -1, x.size(2)});
}

// Inputs of a network: each transition's part, and its task's latent variable.
torch::Tensor Inputs(std::vector<torch::Tensor> parts, const torch::Tensor& latents) {
  const int64_t tasks = parts[0].size(0), batch = parts[0].size(1);
  if (latents.defined()) parts.push_back(latents.unsqueeze(1).expand({tasks, batch, -1}));
  return OneBatch(parts.size() == 1 ? parts[0] : torch::cat(parts, 2));
}

MlpShape ShapeOf(int64_t inputs, const std::vector<int64_t>& hidden, int64_t outputs) {
  MlpShape shape;
  shape.widths.push_back(inputs);
  shape.widths.insert(shape.widths.end(), hidden.begin(), hidden.end());
  shape.widths.push_back(outputs);
  shape.activation = Activation::kRelu;
  return shape;
}

// Standard normal numbers like `shape`, from one stream.
torch::Tensor Noise(std::vector<int64_t> shape, Rng rng, const torch::Tensor& like) {
  torch::Tensor noise = torch::empty(shape, torch::kFloat32);
  rng.FillNormal({noise.mutable_data_ptr<float>(), static_cast<size_t>(noise.numel())});
  return noise.to(like.options());
}

}  // namespace

void SoftActorCriticOptions::Visit(FieldVisitor& v) {
  v.Field("hidden", hidden,
          {.help = "Width of each hidden layer of actor and critics.",
           .unit = "units",
           .min = 1,
           .max = 65536});
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
                                 const SoftActorCriticOptions& options, const Rng& init)
    : observation_size_(observation_size),
      action_size_(action_size),
      latent_size_(latent_size),
      options_(options) {
  const int64_t state = observation_size + latent_size;
  const auto make = [&](const char* name, auto&& build) {
    auto layout = std::make_shared<ParameterLayout>();
    build(*layout);
    return Initialized(layout, init.Fork(name));
  };
  actor_ = make("actor", [&](ParameterLayout& layout) {
    actor_network_ =
        std::make_unique<Mlp>(layout, "", ShapeOf(state, options.hidden, 2 * action_size));
  });
  critics_ = make("critics", [&](ParameterLayout& layout) {
    for (int i = 0; i < 2; ++i) {
      critic_networks_[i] = std::make_unique<Mlp>(layout, fmt::format("q{}.", i),
                                                  ShapeOf(state + action_size, options.hidden, 1));
    }
  });
  if (options.target == SoftActorCriticOptions::Target::kValue) {
    value_ = make("value", [&](ParameterLayout& layout) {
      value_network_ = std::make_unique<Mlp>(layout, "", ShapeOf(state, options.hidden, 1));
    });
    value_adam_ = Adam(value_.flat, options.learning_rate);
  }
  const Parameters& followed = value_network_ ? value_ : critics_;
  targets_ = followed.WithFlat(followed.flat.clone());
  log_temperature_ =
      torch::full({1}, options.temperature > 0 ? std::log(options.temperature) : 0.0);
  if (options_.target_entropy == 0) options_.target_entropy = -static_cast<double>(action_size);
  actor_adam_ = Adam(actor_.flat, options.learning_rate);
  critic_adam_ = Adam(critics_.flat, options.learning_rate);
  temperature_adam_ = Adam(log_temperature_, options.learning_rate);
}

double SoftActorCritic::temperature() const { return log_temperature_.exp().item<double>(); }

double SoftActorCritic::UpdateBytes(int64_t transitions) const {
  // activations of seven passes and their gradients, and what Adam makes
  double units = 0;
  for (const int64_t width : options_.hidden) units += static_cast<double>(width);
  const double rows = static_cast<double>(actor_.flat.numel() + 3 * critics_.flat.numel());
  return sizeof(float) * (static_cast<double>(transitions) * 14 * units + 6 * rows);
}

SquashedGaussian SoftActorCritic::Act(const torch::Tensor& observations,
                                      const torch::Tensor& latents) const {
  const torch::Tensor outputs = actor_network_->Forward(actor_, Inputs({observations}, latents));
  return SquashedGaussian::Of(
      outputs.view({observations.size(0), observations.size(1), 2 * action_size_}));
}

torch::Tensor SoftActorCritic::Critic(const Parameters& row, int which,
                                      const torch::Tensor& observations,
                                      const torch::Tensor& actions,
                                      const torch::Tensor& latents) const {
  return critic_networks_[which]
      ->Forward(row, Inputs({observations, actions}, latents))
      .view({observations.size(0), observations.size(1)});
}

torch::Tensor SoftActorCritic::LeastCritic(const Parameters& row, const torch::Tensor& observations,
                                           const torch::Tensor& actions,
                                           const torch::Tensor& latents) const {
  return torch::min(Critic(row, 0, observations, actions, latents),
                    Critic(row, 1, observations, actions, latents));
}

torch::Tensor SoftActorCritic::Value(const Parameters& row, const torch::Tensor& observations,
                                     const torch::Tensor& latents) const {
  return value_network_->Forward(row, Inputs({observations}, latents))
      .view({observations.size(0), observations.size(1)});
}

SoftActorCritic::Result SoftActorCritic::Update(const Transitions& transitions,
                                                const torch::Tensor& latents, const Rng& rng) {
  FEWSTEP_CHECK(latents.defined() == (latent_size_ > 0), "latent variables of another size");
  const torch::Tensor& s = transitions.observations;
  const torch::Tensor& next = transitions.next_observations;
  const std::vector<int64_t> action_shape = {s.size(0), s.size(1), action_size_};
  const torch::Tensor z = latents.defined() ? latents.detach() : torch::Tensor();
  const auto leaf = [](const Parameters& p) {
    return p.WithFlat(p.flat.detach().clone().requires_grad_());
  };
  const double alpha = temperature();

  // towards what the critics learn
  torch::Tensor target;
  {
    const torch::NoGradGuard no_grad;
    torch::Tensor value;
    if (value_network_) {
      value = Value(targets_, next, z);
    } else {
      const auto drawn = Act(next, z).Sample(Noise(action_shape, rng.Fork("next"), s));
      value = LeastCritic(targets_, next, drawn.actions, z) - alpha * drawn.log_probs;
    }
    target = transitions.dense_rewards * options_.reward_scale +
             (1 - transitions.terminated) * options_.discount * value;
  }

  // critics; their loss also reaches the latent variables
  Result result;
  Parameters critics = leaf(critics_);
  torch::Tensor free_z = z.defined() ? z.clone().requires_grad_() : torch::Tensor();
  const torch::Tensor q0 = Critic(critics, 0, s, transitions.actions, free_z);
  const torch::Tensor q1 = Critic(critics, 1, s, transitions.actions, free_z);
  const torch::Tensor critic_loss = (q0 - target).square().mean() + (q1 - target).square().mean();
  std::vector<torch::Tensor> wanted = {critics.flat};
  if (free_z.defined()) wanted.push_back(free_z);
  const std::vector<torch::Tensor> critic_gradients = torch::autograd::grad({critic_loss}, wanted);
  if (free_z.defined()) result.latent_gradient = critic_gradients[1];
  Adam critic_adam = critic_adam_;
  critics = critics_.WithFlat(critic_adam.Step(critics_.flat, critic_gradients[0]));

  // a new action in every state
  Parameters actor = leaf(actor_);
  const SquashedGaussian policy =
      SquashedGaussian::Of(actor_network_->Forward(actor, Inputs({s}, z))
                               .view({s.size(0), s.size(1), 2 * action_size_}));
  const auto drawn = policy.Sample(Noise(action_shape, rng.Fork("action"), s));
  const torch::Tensor least = LeastCritic(critics, s, drawn.actions, z);

  // value network
  Adam value_adam = value_adam_;
  Parameters value = value_, targets = targets_;
  if (value_network_) {
    const Parameters free_value = leaf(value_);
    const torch::Tensor towards = (least - alpha * drawn.log_probs).detach();
    const torch::Tensor loss = (Value(free_value, s, z) - towards).square().mean();
    value = value_.WithFlat(
        value_adam.Step(value_.flat, torch::autograd::grad({loss}, {free_value.flat})[0]));
  }

  // actor
  torch::Tensor actor_loss = (alpha * drawn.log_probs - least).mean();
  if (options_.mean_penalty > 0) {
    actor_loss = actor_loss + options_.mean_penalty * policy.mean.square().mean();
  }
  if (options_.log_std_penalty > 0) {
    actor_loss = actor_loss + options_.log_std_penalty * policy.log_std.square().mean();
  }
  Adam actor_adam = actor_adam_;
  const Parameters new_actor = actor_.WithFlat(
      actor_adam.Step(actor_.flat, torch::autograd::grad({actor_loss}, {actor.flat})[0]));

  // temperature
  Adam temperature_adam = temperature_adam_;
  torch::Tensor log_temperature = log_temperature_;
  const double entropy = -drawn.log_probs.detach().mean().item<double>();
  if (options_.temperature <= 0) {
    const torch::Tensor gradient = torch::full({1}, entropy - options_.target_entropy);
    log_temperature = temperature_adam.Step(log_temperature_, gradient);
  }

  // targets follow
  const Parameters& followed = value_network_ ? value : critics;
  targets = targets_.WithFlat(targets_.flat * (1 - options_.target_rate) +
                              followed.flat * options_.target_rate);

  result.metrics.Add("critic_loss", critic_loss.item<double>());
  result.metrics.Add("actor_loss", actor_loss.item<double>());
  result.metrics.Add("entropy", entropy);
  result.metrics.Add("temperature", alpha);
  result.metrics.Add("mean_q", q0.mean().item<double>());
  for (const torch::Tensor& row : {new_actor.flat, critics.flat, targets.flat, log_temperature}) {
    if (torch::isfinite(row).all().item<bool>()) continue;
    throw Error(ErrorKind::kRuntime, "an update of the soft actor-critic is not finite",
                {.remedy = "Lower learning_rate or reward_scale"});
  }

  // all or nothing
  actor_ = new_actor;
  critics_ = critics;
  value_ = value;
  targets_ = targets;
  log_temperature_ = log_temperature;
  actor_adam_ = std::move(actor_adam);
  critic_adam_ = std::move(critic_adam);
  value_adam_ = std::move(value_adam);
  temperature_adam_ = std::move(temperature_adam);
  return result;
}

void SoftActorCritic::Save(CheckpointWriter checkpoint) const {
  checkpoint.Store("actor", actor_.flat);
  checkpoint.Store("critics", critics_.flat);
  checkpoint.Store("targets", targets_.flat);
  checkpoint.Store("log_temperature", log_temperature_);
  actor_adam_.Save(checkpoint.Scope("actor_adam"));
  critic_adam_.Save(checkpoint.Scope("critic_adam"));
  temperature_adam_.Save(checkpoint.Scope("temperature_adam"));
  if (!value_network_) return;
  checkpoint.Store("value", value_.flat);
  value_adam_.Save(checkpoint.Scope("value_adam"));
}

void SoftActorCritic::Load(CheckpointReader checkpoint) {
  const torch::Tensor actor = checkpoint.Load("actor", actor_.flat),
                      critics = checkpoint.Load("critics", critics_.flat),
                      targets = checkpoint.Load("targets", targets_.flat),
                      log_temperature = checkpoint.Load("log_temperature", log_temperature_);
  Adam actor_adam = actor_adam_.Loaded(checkpoint.Scope("actor_adam")),
       critic_adam = critic_adam_.Loaded(checkpoint.Scope("critic_adam")),
       temperature_adam = temperature_adam_.Loaded(checkpoint.Scope("temperature_adam"));
  if (value_network_) {
    const torch::Tensor value = checkpoint.Load("value", value_.flat);
    value_adam_ = value_adam_.Loaded(checkpoint.Scope("value_adam"));
    value_ = value_.WithFlat(value);
  }
  actor_ = actor_.WithFlat(actor);
  critics_ = critics_.WithFlat(critics);
  targets_ = targets_.WithFlat(targets);
  log_temperature_ = log_temperature;
  actor_adam_ = std::move(actor_adam);
  critic_adam_ = std::move(critic_adam);
  temperature_adam_ = std::move(temperature_adam);
}

}  // namespace fewstep
