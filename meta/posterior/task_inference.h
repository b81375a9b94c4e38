// What infers a task from what was experienced in it: the encoder, and how it learns.
// Rakelly et al. 2019 (PEARL), section 4 and algorithm 1, lines 16 to 22:
//
//   z ~ q(z | c);   L_KL = beta KL(q(z | c) || N(0, I));   phi <- phi - alpha d(L_critic +
//   L_KL)/dphi
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "agents/networks/mlp_pass.h"
#include "agents/optimizers/adam.h"
#include "agents/replay.h"
#include "agents/shards.h"
#include "core/config.h"
#include "meta/posterior/latent_posterior.h"

namespace fewstep {

// [agent.encoder]
struct EncoderOptions : Options {
  enum class KlOver { kSum, kMean };
  enum class LearnsFrom { kCritics, kActor, kBoth };

  int64_t latent_size = 5;
  std::vector<int64_t> hidden = {200, 200, 200};
  double learning_rate = 3e-4;
  bool next_observation = false;
  bool prior_factor = false;
  double kl_coefficient = 0.1;
  KlOver kl_over_tasks = KlOver::kSum;
  LearnsFrom learns_from = LearnsFrom::kCritics;
  int64_t draws = 1;
  void Visit(FieldVisitor& visitor) override;

  bool learns_from_critics() const { return learns_from != LearnsFrom::kActor; }
  bool learns_from_actor() const { return learns_from != LearnsFrom::kCritics; }
};

// A value type: a copy learns on by itself.
class TaskInference {
 public:
  TaskInference(const FamilySpec& spec, const EncoderOptions& options, const Rng& init,
                torch::Device device);

  int64_t latent_size() const { return options_.latent_size; }
  const EncoderOptions& options() const { return options_; }
  const Parameters& row() const { return row_; }  // [1, P]

  // What a context says of each transition, [T, N, C]: observation, action, the reward that is
  // judged, and the next observation if asked. Actions within [-1, 1].
  torch::Tensor Contexts(const Transitions& transitions) const;

  LatentPosterior Nothing(int64_t tasks) const;  // before any context
  // Of contexts [T, N, C], those with a mask [T, N] of 0 left out.
  LatentPosterior Infer(const torch::Tensor& contexts, const torch::Tensor& mask = {}) const;

  // z of T tasks, and what Learn needs to know of how it came about. Not to outlive the row that it
  // was drawn with.
  struct DrawPart {
    std::optional<MlpPass> pass;
    LatentPosterior posterior;
  };
  struct Draw {
    torch::Tensor noise, actor_noise;                // [T, L]
    torch::Tensor latents = {}, actor_latents = {};  // [T, L]; of the actor undefined with one draw
    std::vector<DrawPart> parts = {};                // one a shard
  };
  Draw DrawLatents(const torch::Tensor& contexts, const Rng& rng, const Shards& shards) const;

  // One step, from what critics and actor would have the latent variables changed by [T, L] (those
  // that are learned from), by the chain rule through eq. 1. Gives the mean of the KL over tasks, a
  // scalar. Throws Error(kRuntime) when the step is not finite; all is then as before.
  torch::Tensor Learn(const Draw& draw, const torch::Tensor& by_critics,
                      const torch::Tensor& by_actor, const Shards& shards);

  void Save(CheckpointWriter checkpoint) const;
  void Load(CheckpointReader checkpoint);  // throws Error(kData); then as before

 private:
  EncoderOptions options_;
  torch::Device device_;
  std::shared_ptr<const ContextEncoder> encoder_;
  Parameters row_;
  Adam adam_;
};

}  // namespace fewstep
