#include "experiments/studies/device_check.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "agents/device.h"
#include "core/clock.h"
#include "core/error.h"
#include "experiments/running/recipe_book.h"
#include "experiments/running/run_config.h"
#include "meta/gradient/gradient_agent.h"

namespace fewstep {
namespace {

// A learner of the recipe on one device.
class Learner {
 public:
  Learner(const PpoAgentOptions& options, const MemorylessPolicy& policy, WorkerPool& pool,
          torch::Device device, int64_t shards)
      : options_(options),
        shards_(options.meta_batch_size, shards, pool),
        adaptation_(policy, options.adaptation, pool, device),
        meta_(adaptation_.InitialMeta(Rng(1).Fork("init"))) {}

  // The episodes that rows [T, P] of inner step k act.
  using Episodes = std::function<Rollouts(const Parameters& rows, int64_t k)>;

  // The meta-parameters after one update.
  torch::Tensor Update(const Episodes& episodes) const {
    return Improve(Objective(episodes, nullptr)).to(torch::kCPU);
  }

  // What an update computes on its way, on the processor: the moves by the inner and by the outer
  // step, and the gradient of the first epoch.
  struct Parts {
    torch::Tensor inner_step, gradient, update;
    torch::Device computed_on;
  };
  Parts UpdateInParts(const Episodes& episodes) const {
    const auto read = [](const torch::Tensor& values) {
      return values.to(torch::kCPU, torch::kFloat64);
    };
    torch::Tensor adapted;
    const MetaObjective objective = Objective(episodes, &adapted);
    const auto form = MakePpo(options_.outer, meta_, options_.adaptation.inner_steps)->form();
    const torch::Tensor gradient = objective.Gradient(meta_, form);
    return {read(adapted - adaptation_.Theta(meta_).flat), read(gradient),
            read(Improve(objective) - meta_), gradient.device()};
  }

 private:
  MetaObjective Objective(const Episodes& episodes, torch::Tensor* adapted) const {
    const auto collect = [&](const Parameters& rows, int64_t k) {
      if (adapted != nullptr) *adapted = rows.flat;  // those of the last step stay
      return adaptation_.Prepare(episodes(rows, k), rows, shards_);
    };
    return MetaObjective(adaptation_, options_.objective, shards_,
                         DataAlongInnerLoop(adaptation_, meta_, shards_, collect));
  }

  torch::Tensor Improve(const MetaObjective& objective) const {
    Metrics unused;
    return MakePpo(options_.outer, meta_, options_.adaptation.inner_steps)
        ->Improve(meta_, objective, unused);
  }

  PpoAgentOptions options_;
  Shards shards_;
  GradientAdaptation adaptation_;
  torch::Tensor meta_;
};

double Distance(const torch::Tensor& ours, const torch::Tensor& reference) {
  return ((ours - reference).norm() / reference.norm()).item<double>();
}

}  // namespace

bool DeviceCheck::agrees() const {
  return std::ranges::all_of(quantities, &DeviceQuantity::agrees);
}

DeviceCheck CheckDevice(const Catalog& catalog, const DeviceCheckOptions& options) {
  const RunConfig config = ReadRunConfig(OpenRecipe("quickstart").config, catalog);
  const auto* recipe = dynamic_cast<const PpoAgentOptions*>(config.agent.get());
  FEWSTEP_CHECK(recipe != nullptr, "{} improves by no PPO", config.agent_name);
  const auto family = catalog.families.Make(config.family_name, *config.family);
  const auto policy = MakeMlpPolicy(family->spec(), recipe->policy);
  UseOneTorchThread();
  WorkerPool pool(options.threads, UseOneTorchThread);
  Sampler sampler(*family, pool, config.run.sampling_plan);
  const Learner processor(*recipe, *policy, pool, torch::kCPU, recipe->shards);
  const Learner device(*recipe, *policy, pool, options.device,
                       options.shards > 0 ? options.shards : recipe->shards);

  // the processor's episodes are what both learn from
  const std::vector<Task> tasks = family->Sample(
      Split::kTrain, static_cast<int>(recipe->meta_batch_size), Rng(1).Fork("tasks"));
  std::vector<Rollouts> episodes;
  const Learner::Parts expected = processor.UpdateInParts([&](const Parameters& rows, int64_t k) {
    episodes.push_back(sampler.Collect(*policy, rows, tasks,
                                       {.episodes = static_cast<int>(recipe->adaptation.episodes)},
                                       Rng(1).Fork("rollouts", static_cast<uint64_t>(k))));
    return episodes.back();
  });
  const auto replay = [&](const Parameters&, int64_t k) {
    return episodes[static_cast<size_t>(k)];
  };
  const Learner::Parts found = device.UpdateInParts(replay);

  // a comparison of the processor with itself would say that all is well
  FEWSTEP_CHECK(found.computed_on == options.device, "{} instead of {}", found.computed_on.str(),
                options.device.str());
  DeviceCheck check{.computed_on = found.computed_on.str()};
  check.quantities = {{"inner step", Distance(found.inner_step, expected.inner_step), 1e-4},
                      {"meta-gradient", Distance(found.gradient, expected.gradient), 1e-3},
                      {"update of PPO", Distance(found.update, expected.update), 1e-2}};
  const auto rate = [&](const Learner& learner) {
    learner.Update(replay);
    const double start = SteadySeconds();
    for (int i = 0; i < options.updates; ++i) learner.Update(replay);
    return options.updates / (SteadySeconds() - start);
  };
  check.processor_updates = rate(processor);
  check.device_updates = rate(device);
  return check;
}

}  // namespace fewstep
