// What is believed of a latent variable z: a diagonal Gaussian q(z | c), the product of one factor
// for each transition of the context c, which does not depend on their order.
// Rakelly et al., "Efficient Off-Policy Meta-Reinforcement Learning via Probabilistic Context
// Variables", ICML 2019, section 4.1 (eq. 1 and what follows it).
#pragma once

#include <memory>
#include <vector>

#include "agents/networks/mlp.h"

namespace fewstep {

// T tasks, in natural parameters: those of products are sums. Without factors and without a prior
// it is no distribution, and stands for the prior.
struct LatentPosterior {
  torch::Tensor precision;       // [T, L] sum of 1 / sigma_n^2
  torch::Tensor precision_mean;  // [T, L] sum of mu_n / sigma_n^2
  bool with_prior = false;       // whether N(0, I) is one of the factors

  // Of no context: N(0, I).
  static LatentPosterior OfNothing(int64_t tasks, int64_t latent_size, bool with_prior);
  // The product of factors with these means and variances [T, N, L], and of the prior if wanted.
  // Those where `mask` [T, N] is 0 do not count; undefined: all do.
  static LatentPosterior Product(const torch::Tensor& means, const torch::Tensor& variances,
                                 bool with_prior, const torch::Tensor& mask = {});

  // With the factors of `more`, of the same tasks, as well.
  LatentPosterior With(const LatentPosterior& more) const;

  torch::Tensor mean() const;      // [T, L]
  torch::Tensor variance() const;  // [T, L]
  // z for standard normal noise [T, L], differentiable in the factors.
  torch::Tensor Sample(const torch::Tensor& noise) const;
  // KL(q || N(0, I)) of each task, [T]: 1/2 sum (sigma^2 + mu^2 - 1 - log sigma^2).
  torch::Tensor KlToPrior() const;
};

// The network behind the factors: a transition's numbers in, mean and variance (softplus) out.
class ContextEncoder {
 public:
  // `input_size` numbers of a transition in, hidden layers of these widths (relu).
  ContextEncoder(int64_t input_size, const std::vector<int64_t>& hidden, int64_t latent_size);

  int64_t latent_size() const { return latent_size_; }
  const Mlp& network() const { return *network_; }
  std::shared_ptr<const ParameterLayout> layout() const { return layout_; }

  // The posterior of contexts [T, N, inputs] under one row [1, P]; `mask` as in Product.
  LatentPosterior Encode(const Parameters& row, const torch::Tensor& contexts, bool with_prior,
                         const torch::Tensor& mask = {}) const;

  // The posterior from what the network gives, [1, T * N, 2 L].
  LatentPosterior Posterior(const torch::Tensor& outputs, int64_t tasks, bool with_prior,
                            const torch::Tensor& mask = {}) const;
  // What a loss would have these outputs changed by, [1, T * N, 2 L], from what it would have
  // LatentPosterior's precision and precision_mean changed by, each [T, 1, L]: a factor with mean m
  // and precision p = 1 / softplus(r) adds p and p m to them.
  torch::Tensor FactorGradient(const torch::Tensor& outputs, const torch::Tensor& by_precision,
                               const torch::Tensor& by_precision_mean) const;

 private:
  std::shared_ptr<ParameterLayout> layout_ = std::make_shared<ParameterLayout>();
  int64_t latent_size_;
  std::unique_ptr<Mlp> network_;
};

}  // namespace fewstep
