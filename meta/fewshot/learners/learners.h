// The few-shot learners, each in a file that reads like its paper.
#pragma once

#include "meta/fewshot/finetune_learner.h"
#include "meta/fewshot/gradient_learner.h"
#include "meta/fewshot/metric_learner.h"

namespace fewstep {

LearnerEntry FewShotAnil();
LearnerEntry FewShotAutoencoder();
LearnerEntry FewShotMetaSgd();
LearnerEntry FewShotReptile();
LearnerEntry FewShotScratch();
LearnerEntry FewShotTransfer();
LearnerEntry FirstOrderMaml();
LearnerEntry Maml();
LearnerEntry MatchingNetworks();
LearnerEntry NearestNeighbourLearner();
LearnerEntry PrototypicalNetworks();
LearnerEntry RelationNetworks();

// The entry of a metric learner with options of its own type, and what makes its rule of them.
template <typename Own>
LearnerEntry MetricEntry(std::string summary,
                         std::function<std::unique_ptr<Comparison>(
                             const Own&, ParameterLayout&, const std::string&, const FeatureMaps&)>
                             make) {
  return {
      .summary = std::move(summary),
      .make_options = []() -> std::unique_ptr<Options> { return std::make_unique<Own>(); },
      .make =
          [make = std::move(make)](const Options& options, const LearnerContext& context) {
            const auto& own = dynamic_cast<const Own&>(options);
            return MakeMetricLearner(
                own,
                [&](ParameterLayout& layout, const std::string& prefix,
                    const FeatureMaps& features) { return make(own, layout, prefix, features); },
                context);
          }};
}

}  // namespace fewstep
