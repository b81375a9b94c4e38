// Gittins indices of Bernoulli arms with the prior Beta(1, 1).
//
// The index of an arm is the largest charge for each pull at which pulling it, and stopping when
// one likes, does not lose: the root of V_lambda = 0 in the stopping problem
//
//   W_lambda(s, f, r) = p - lambda
//       + gamma [ p V_lambda(s+1, f, r-1) + (1-p) V_lambda(s, f+1, r-1) ]
//   V_lambda = max(0, W_lambda),   V_lambda(., ., 0) = 0,   p = (1 + s) / (2 + s + f)
//
// after s successes and f failures with r pulls left (Gittins, "Bandit processes and dynamic
// allocation indices", JRSS B 1979; for a finite horizon Kaufmann, "On Bayesian index policies for
// sequential resource allocation", Annals of Statistics 2018, section 3). W is solved for on a grid
// of charges, and the root interpolated between the two on either side of it; W is convex in
// lambda, so the index is right to the square of the grid's step (below 3e-5).
#pragma once

#include <cstdint>
#include <vector>

#include "core/worker_pool.h"

namespace fewstep {

// Immutable once made; safe to share between threads.
class GittinsTable {
 public:
  // Indices with r <= pulls - s - f pulls left, undiscounted. Takes O(pulls^3) time and memory:
  // about 80 MB for 500 pulls. Throws Error(kUsage) when there is not enough memory.
  static GittinsTable FiniteHorizon(int pulls, WorkerPool& pool);

  // Indices for s + f < pulls of pulling for ever with the discount factor in (0, 1).
  static GittinsTable Discounted(int pulls, double discount, WorkerPool& pool);

  // `remaining` counts the pull in question: 1 at the last one. It is ignored when discounted.
  double Index(int successes, int failures, int remaining) const;

 private:
  GittinsTable(int pulls, bool finite);
  // Where the indices after `pulled` pulls with `remaining` left begin; one for each s.
  size_t Row(int pulled, int remaining) const;

  int pulls_;
  bool finite_;
  std::vector<size_t> starts_;  // by remaining, when finite
  std::vector<float> indices_;
};

}  // namespace fewstep
