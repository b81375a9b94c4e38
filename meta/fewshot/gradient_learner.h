// What adapts by gradient steps on the support set, on rows of parameters: MAML and its relatives.
// Classes are scored by the cross-entropy, functions by the squared error, both as means over the
// examples. A published inner rate that belongs to a sum over them is multiplied by their number:
// MAML's 0.4 on Omniglot belongs to the sum over five ways divided by shots, which is 2.0 here.
#pragma once

#include <memory>
#include <optional>

#include "meta/fewshot/backbone.h"
#include "meta/fewshot/learner.h"
#include "meta/fewshot/training_episodes.h"
#include "meta/inner_loop.h"

namespace fewstep {

struct GradientLearnerOptions : Options {
  TrainingEpisodes training;
  InnerLoopOptions inner;
  bool learn_inner_rates = false;  // one for every parameter, trained with them (Meta-SGD)
  bool head_only = false;          // the last layer alone adapts (ANIL)
  bool adapt_norm = true;          // whether factors and offsets of normalisations adapt
  int64_t inner_batch_size = 0;    // examples of a step; 0: the whole support set
  // Whether a task begins with the moments of the inner optimiser that tasks before it ended with,
  // their mean over an iteration; in evaluation with the last ones of training.
  bool carry_moments = false;
  // What the outer loop does with adapted rows.
  enum class Outer {
    kGradient,     // Adam on the loss of the queries after the last step
    kInterpolate,  // towards the mean of the adapted rows (Reptile)
  } outer = Outer::kGradient;
  double learning_rate = 1e-3;  // of Adam; of kInterpolate the part of the way
  double final_learning_rate = 0;
  int64_t anneal_iterations = 0;
  double clip = 0;
  double norm_momentum = 0.01;
  int64_t shards = 8;
  BackboneOptions network;
  std::vector<std::string> fixed;  // keys that the algorithm decides and a recipe cannot set
  GradientLearnerOptions() {
    training.meta_batch_size = 32;
    training.fixed_ways = true;
  }
  void Visit(FieldVisitor& visitor) override;

 private:
  void VisitAll(FieldVisitor& visitor);
};

std::unique_ptr<FewShotLearner> MakeGradientLearner(const GradientLearnerOptions& options,
                                                    const LearnerContext& context);

// A registry entry. Its options are the defaults as changed by `define`, which sets what makes the
// algorithm.
LearnerEntry GradientEntry(std::string summary,
                           std::function<void(GradientLearnerOptions&)> define);

}  // namespace fewstep
