// What the tests of agents and meta-learners share.
#pragma once

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agents/device.h"
#include "agents/policies/mlp_policy.h"
#include "agents/sampler.h"
#include "core/worker_pool.h"
#include "envs/family_catalog.h"

namespace fewstep {

// `threads` threads, the caller's included, each with LibTorch on one thread.
inline std::unique_ptr<WorkerPool> MakePool(int threads) {
  UseOneTorchThread();
  return std::make_unique<WorkerPool>(threads, UseOneTorchThread);
}

inline std::unique_ptr<TaskFamily> MakeFamily(const std::string& name, int64_t horizon = 0) {
  FamilyOptions options;
  options.horizon = horizon;
  return BuiltinFamilies().Make(name, options);
}

// The shape of a policy's inputs and outputs, without a simulation.
inline FamilySpec SpecOf(int observation_size, int action_size, ActionKind kind) {
  FamilySpec spec;
  spec.observation_size = observation_size;
  spec.action_size = action_size;
  spec.action_kind = kind;
  return spec;
}

// Standard normal numbers in double, the same ones for the same seed.
inline torch::Tensor Normals(std::vector<int64_t> shape, uint64_t seed) {
  torch::Tensor out = torch::zeros(shape, torch::kFloat64);
  Rng rng(seed);
  double* values = out.mutable_data_ptr<double>();
  for (int64_t i = 0; i < out.numel(); ++i) values[i] = rng.Normal();
  return out;
}

// Central differences of a scalar function, in double.
inline torch::Tensor NumericGradient(const std::function<double(const torch::Tensor&)>& function,
                                     const torch::Tensor& point, double step = 1e-5) {
  torch::Tensor gradient = torch::zeros_like(point);
  for (int64_t i = 0; i < point.numel(); ++i) {
    const auto at = [&](double offset) {
      torch::Tensor moved = point.detach().clone();
      moved.mutable_data_ptr<double>()[i] += offset;
      return function(moved);
    };
    gradient.mutable_data_ptr<double>()[i] = (at(step) - at(-step)) / (2 * step);
  }
  return gradient;
}

// The gradient that autograd gives of the same kind of function.
inline torch::Tensor AutogradGradient(
    const std::function<torch::Tensor(const torch::Tensor&)>& function,
    const torch::Tensor& point) {
  const torch::Tensor leaf = point.detach().clone().requires_grad_(true);
  return torch::autograd::grad({function(leaf)}, {leaf})[0];
}

// Largest difference of an element.
inline double Distance(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.sizes() != b.sizes()) return INFINITY;
  return a.numel() == 0
             ? 0
             : (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

// The same, as a part of the largest element of `expected`.
inline double RelativeDistance(const torch::Tensor& a, const torch::Tensor& expected) {
  return Distance(a, expected) / expected.abs().max().item<double>();
}

// The same shape and the same bits, signs of zeros included.
inline bool SameBits(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type()) return false;
  const torch::Tensor x = a.contiguous(), y = b.contiguous();
  return std::memcmp(x.const_data_ptr(), y.const_data_ptr(), x.nbytes()) == 0;
}

inline bool SameRollouts(const Rollouts& a, const Rollouts& b) {
  return SameBits(a.observations, b.observations) && SameBits(a.actions, b.actions) &&
         SameBits(a.log_probs, b.log_probs) && SameBits(a.rewards, b.rewards) &&
         SameBits(a.mask, b.mask) && SameBits(a.final_observations, b.final_observations) &&
         SameBits(a.terminated, b.terminated) && SameBits(a.returns, b.returns) &&
         SameBits(a.metric_means, b.metric_means) && a.steps == b.steps && a.diverged == b.diverged;
}

// Rollouts of zeros whose episodes have the given lengths, one list a task.
inline Rollouts BlankRollouts(const std::vector<std::vector<int>>& lengths, int64_t horizon,
                              int64_t observation_size, int64_t action_size) {
  const auto tasks = static_cast<int64_t>(lengths.size());
  const auto episodes = static_cast<int64_t>(lengths[0].size());
  Rollouts r;
  r.observations = torch::zeros({tasks, episodes, horizon, observation_size});
  r.actions = torch::zeros({tasks, episodes, horizon, action_size});
  r.log_probs = torch::zeros({tasks, episodes, horizon});
  r.rewards = torch::zeros({tasks, episodes, horizon});
  r.mask = torch::zeros({tasks, episodes, horizon});
  r.final_observations = torch::zeros({tasks, episodes, observation_size});
  r.terminated = torch::zeros({tasks, episodes});
  r.returns = torch::zeros({tasks, episodes}, torch::kFloat64);
  r.metric_means = torch::zeros({tasks, 0}, torch::kFloat64);
  for (int64_t t = 0; t < tasks; ++t) {
    for (int64_t e = 0; e < episodes; ++e) {
      const int length = lengths[static_cast<size_t>(t)][static_cast<size_t>(e)];
      r.mask[t][e].narrow(0, 0, length).fill_(1);
      r.steps += length;
    }
  }
  return r;
}

// The seed of tests that learn, which scripts/learning_tests changes.
inline uint64_t TestSeed() {
  const char* text = std::getenv("FEWSTEP_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

}  // namespace fewstep
