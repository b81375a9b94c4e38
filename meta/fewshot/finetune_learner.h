// The baselines that learn no adaptation: a network is trained on all base classes (or functions)
// together, or not at all, and then fine-tuned on every support set (Chen et al., "A Closer Look at
// Few-shot Classification", ICLR 2019, section 3.2; for functions the "pretrained" baseline of Finn
// et al. 2017, section 5.1).
#pragma once

#include <memory>
#include <vector>

#include "meta/fewshot/backbone.h"
#include "meta/fewshot/learner.h"
#include "meta/inner_loop.h"

namespace fewstep {

struct FineTuneOptions : Options {
  // What the network is trained to tell of an example.
  enum class Pretext {
    kLabels,          // its class among all base classes, or the value of its function
    kReconstruction,  // itself, from its features: an autoencoder
    kNone,            // it is not trained
  } pretext = Pretext::kLabels;
  int64_t batch_size = 64;  // base classes of an iteration, two examples each; of functions: tasks
  double learning_rate = 1e-3, norm_momentum = 0.1;
  std::vector<int64_t> decoder = {256};
  InnerLoopOptions tuning;
  bool head_only = false;
  BackboneOptions network;
  FineTuneOptions() {
    tuning.steps = 20;
    tuning.learning_rate = 0.01;
    tuning.order = GradientOrder::kFirst;
    tuning.optimizer = InnerOptimizer::kAdam;
  }
  void Visit(FieldVisitor& visitor) override;
};

std::unique_ptr<FewShotLearner> MakeFineTuneLearner(const FineTuneOptions& options,
                                                    const LearnerContext& context);

// A registry entry; `define` sets what makes the baseline.
LearnerEntry FineTuneEntry(std::string summary, std::function<void(FineTuneOptions&)> define);

}  // namespace fewstep
