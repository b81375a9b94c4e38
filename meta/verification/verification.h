// Every meta-gradient estimator held against the truth on one decision process, and what of that
// contradicts what is claimed of them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "meta/verification/estimator_check.h"

namespace fewstep {

struct VerificationOptions {
  std::vector<double> offsets = {1, 5};  // added to every reward, which moves no optimum
  int64_t support = 1;                   // episodes of the adaptation on few
  MonteCarloOptions sampling;
};

// What one estimator was found to be.
struct Finding {
  Estimator estimator;
  std::vector<double> truth, expected;
  std::vector<std::vector<double>> offset_truth, offset_expected;  // one a reward offset
  MonteCarlo sampled;
  bool exact = false;  // claimed to be
};

// Ways to draw the episodes of an adaptation that are enumerated at most.
inline constexpr double kMaxWays = 2000;

struct Verification {
  // Adapting on many episodes, in the limit.
  FiniteDifferences truth;
  std::vector<Finding> limit;
  // Adapting once on few episodes; empty where there are more than kMaxWays to draw them.
  double ways = 0;
  FiniteDifferences sampled_truth;
  std::vector<Finding> sampled_step;
};

// `progress` is told what is under way.
Verification Verify(const EnumerableMdp& mdp, const VerificationOptions& options, WorkerPool& pool,
                    const Rng& rng, const std::function<void(const std::string&)>& progress);

// What contradicts the claims, in sentences: an estimator claimed to be exact whose relative error
// is not below kExactTolerance, or one whose samples lie kMaxErrors from its expectation.
std::vector<std::string> Contradictions(const std::vector<Finding>& findings);

}  // namespace fewstep
