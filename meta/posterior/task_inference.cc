#include "meta/posterior/task_inference.h"

#include <cmath>

#include "agents/noise.h"
#include "core/error.h"

namespace fewstep {

void EncoderOptions::Visit(FieldVisitor& v) {
  v.Field("latent_size", latent_size,
          {.help = "Numbers of the latent variable.", .unit = "numbers", .min = 1, .max = 65536});
  v.Field("hidden", hidden,
          {.help = "Width of each hidden layer of the encoder.",
           .unit = "units",
           .min = 1,
           .max = 65536});
  v.Field("learning_rate", learning_rate,
          {.help = "Learning rate of Adam on the encoder.", .min = 0, .max = 10});
  v.Field("next_observation", next_observation,
          {.help = "Whether contexts hold the next observation: for families whose tasks differ in "
                   "their dynamics."});
  v.Field(
      "prior_factor", prior_factor,
      {.help = "Whether the prior is a factor of the posterior, as in Bayes' rule; the published "
               "code leaves it out."});
  v.Field("kl_coefficient", kl_coefficient,
          {.help = "Weight of the KL divergence from the prior: the information bottleneck.",
           .min = 0,
           .max = 1e9});
  v.Choice("kl_over_tasks", kl_over_tasks, {{"sum", KlOver::kSum}, {"mean", KlOver::kMean}},
           {.help = "Over the tasks of an update the KL is summed, as in the published code (its "
                    "weight then grows with meta_batch_size), or averaged."});
  v.Choice("learns_from", learns_from,
           {{"critics", LearnsFrom::kCritics},
            {"actor", LearnsFrom::kActor},
            {"both", LearnsFrom::kBoth}},
           {.help = "Whose loss the encoder is learned from, beside the KL."});
  v.Field(
      "draws", draws,
      {.help = "Latent variables drawn for a task and update: one for all, or two, of which the "
               "second is the actor's and the value network's.",
       .min = 1,
       .max = 2});
}

namespace {

int64_t ContextWidth(const FamilySpec& spec, const EncoderOptions& options) {
  return spec.observation_size * (options.next_observation ? 2 : 1) + spec.action_width() + 1;
}

}  // namespace

TaskInference::TaskInference(const FamilySpec& spec, const EncoderOptions& options, const Rng& init,
                             torch::Device device)
    : options_(options),
      device_(device),
      encoder_(std::make_shared<ContextEncoder>(ContextWidth(spec, options), options.hidden,
                                                options.latent_size)) {
  row_ = Initialized(encoder_->layout(), init);
  row_.flat = row_.flat.to(device);
  adam_ = Adam(row_.flat, options.learning_rate);
}

torch::Tensor TaskInference::Contexts(const Transitions& transitions) const {
  std::vector<torch::Tensor> parts = {transitions.observations, transitions.actions,
                                      transitions.rewards.unsqueeze(2)};
  if (options_.next_observation) parts.push_back(transitions.next_observations);
  return torch::cat(parts, 2).to(device_);
}

LatentPosterior TaskInference::Nothing(int64_t tasks) const {
  return LatentPosterior::OfNothing(tasks, options_.latent_size, options_.prior_factor);
}

LatentPosterior TaskInference::Infer(const torch::Tensor& contexts,
                                     const torch::Tensor& mask) const {
  const torch::NoGradGuard no_grad;
  LatentPosterior posterior = encoder_->Encode(row_, contexts, options_.prior_factor,
                                               mask.defined() ? mask.to(device_) : mask);
  posterior.precision = posterior.precision.to(torch::kCPU);
  posterior.precision_mean = posterior.precision_mean.to(torch::kCPU);
  return posterior;
}

TaskInference::Draw TaskInference::DrawLatents(const torch::Tensor& contexts, const Rng& rng,
                                               const Shards& shards) const {
  const torch::NoGradGuard no_grad;
  const int64_t tasks = contexts.size(0), transitions = contexts.size(1);
  const auto noise_of = [&](const char* name) {
    return StandardNormal({tasks, latent_size()}, rng.Fork(name)).to(device_);
  };
  Draw draw{.noise = noise_of("z"),
            .actor_noise = options_.draws == 2 ? noise_of("actor z") : torch::Tensor()};
  draw.parts.resize(shards.size());
  shards.ForEach([&](const Shard& shard) {
    const torch::NoGradGuard in_thread;
    const torch::Tensor part = contexts.narrow(0, shard.begin, shard.size());
    DrawPart& out = draw.parts[shard.index];
    out.pass.emplace(encoder_->network(), row_,
                     part.reshape({1, shard.size() * transitions, contexts.size(2)}));
    out.posterior = encoder_->Posterior(out.pass->outputs(), shard.size(), options_.prior_factor);
  });
  const auto sample = [&](const torch::Tensor& noise) {
    std::vector<torch::Tensor> drawn;
    for (size_t i = 0; i < shards.size(); ++i) {
      drawn.push_back(
          draw.parts[i].posterior.Sample(noise.narrow(0, shards[i].begin, shards[i].size())));
    }
    return torch::cat(drawn);
  };
  draw.latents = sample(draw.noise);
  if (options_.draws == 2) draw.actor_latents = sample(draw.actor_noise);
  return draw;
}

torch::Tensor TaskInference::Learn(const Draw& draw, const torch::Tensor& by_critics,
                                   const torch::Tensor& by_actor, const Shards& shards) {
  const torch::NoGradGuard no_grad;
  const double tasks = static_cast<double>(shards.num_tasks());
  const double weight = options_.kl_over_tasks == EncoderOptions::KlOver::kSum
                            ? options_.kl_coefficient
                            : options_.kl_coefficient / tasks;
  std::vector<torch::Tensor> gradients(shards.size()), divergences(shards.size());
  shards.ForEach([&](const Shard& shard) {
    const torch::NoGradGuard in_thread;
    const DrawPart& part = draw.parts[shard.index];
    const LatentPosterior& q = part.posterior;
    const auto own = [&](const torch::Tensor& x) { return x.narrow(0, shard.begin, shard.size()); };

    // by mean and variance: z = mean + sqrt(variance) noise, and the KL
    const torch::Tensor mean = q.mean(), variance = q.variance();
    torch::Tensor by_mean = mean * weight;
    torch::Tensor by_variance = (1 - variance.reciprocal()) * (weight / 2);
    const auto add = [&](const torch::Tensor& by_latents, const torch::Tensor& noise) {
      by_mean = by_mean + own(by_latents);
      by_variance = by_variance + own(by_latents) * own(noise) * (0.5 * variance.rsqrt());
    };
    if (options_.learns_from_critics()) add(by_critics, draw.noise);
    if (options_.learns_from_actor()) {
      add(by_actor, options_.draws == 2 ? draw.actor_noise : draw.noise);
    }

    // by the sums of precisions and of precisions times means, then by each factor
    const torch::Tensor by_weighted = (by_mean * variance).unsqueeze(1);  // [T, 1, L]
    const torch::Tensor by_precision =
        ((by_mean * mean + by_variance * variance) * -variance).unsqueeze(1);
    gradients[shard.index] = torch::empty_like(row_.flat);
    part.pass->Backward(encoder_->FactorGradient(part.pass->outputs(), by_precision, by_weighted),
                        &gradients[shard.index], false);
    divergences[shard.index] = q.KlToPrior().sum();
  });
  Adam adam = adam_;
  const torch::Tensor row = adam.Step(row_.flat, SumInOrder(gradients));
  if (!std::isfinite(row.sum().item<double>())) {
    throw Error(ErrorKind::kRuntime, "an update of the encoder is not finite",
                {.remedy = "Lower agent.encoder.learning_rate or agent.encoder.kl_coefficient"});
  }
  row_.flat = row;
  adam_ = adam;
  return SumInOrder(divergences) / tasks;
}

void TaskInference::Save(CheckpointWriter checkpoint) const {
  checkpoint.Store("row", row_.flat);
  adam_.Save(checkpoint.Scope("adam"));
}

void TaskInference::Load(CheckpointReader checkpoint) {
  const torch::Tensor row = checkpoint.Load("row", row_.flat);
  adam_ = adam_.Loaded(checkpoint.Scope("adam"));
  row_.flat = row;
}

}  // namespace fewstep
