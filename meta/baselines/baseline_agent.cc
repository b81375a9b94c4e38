#include "meta/baselines/baseline_agent.h"

#include <utility>
#include <vector>

#include "agents/policies/mlp_policy.h"
#include "core/error.h"
#include "meta/baselines/table_policy.h"

namespace fewstep {
namespace {

// What every baseline answers.
class BaselineAgent : public MetaAgent {
 public:
  int meta_batch_size() const override { return 1; }
  int64_t steps_per_iteration() const override { return 0; }
  double iteration_bytes() const override { return 0; }
  std::vector<std::string> columns() const override { return {}; }
  int last_reported_unit() const override { return 0; }
  std::string unit() const override { return "episode"; }
  int episodes_per_unit() const override { return 1; }
  Support support() const override { return Support::kAsJudged; }
  Metrics TrainIteration(std::span<const Task>, Sampler&, const Rng&) override {
    FEWSTEP_CHECK(false, "a baseline is not trained");
    return {};
  }
  void Save(CheckpointWriter) const override {}
  void Load(CheckpointReader) override {}
};

// Learners at work on T tasks.
class LearnersAtWork final : public AdaptiveAgent {
 public:
  LearnersAtWork(const Policy& policy, WorkerPool& pool,
                 std::vector<std::unique_ptr<TabularLearner>> learners, const Rng& rng)
      : policy_(policy), pool_(pool), learners_(std::move(learners)), rng_(rng) {
    parameters_ = {torch::empty({static_cast<int64_t>(learners_.size()), policy.layout()->size()}),
                   policy.layout()};
    Choose([](TabularLearner&, int64_t) {});
  }

  const Policy& policy() const override { return policy_; }
  const Parameters& parameters() const override { return parameters_; }

  void Adapt(const Rollouts& support) override {
    const int64_t episodes = support.episodes(), horizon = support.horizon();
    const int64_t size = support.observations.size(3);
    const float* observations = support.observations.const_data_ptr<float>();
    const float* finals = support.final_observations.const_data_ptr<float>();
    const float* actions = support.actions.const_data_ptr<float>();
    const float* rewards = support.rewards.const_data_ptr<float>();
    const float* mask = support.mask.const_data_ptr<float>();
    const auto state_of = [&](const float* one_hot) {
      return static_cast<int>(std::max_element(one_hot, one_hot + size) - one_hot);
    };
    ++unit_;
    Choose([&](TabularLearner& learner, int64_t task) {
      for (int64_t episode = task * episodes; episode < (task + 1) * episodes; ++episode) {
        for (int64_t step = 0; step < horizon && mask[episode * horizon + step] > 0; ++step) {
          const int64_t at = episode * horizon + step;
          const bool last = step + 1 == horizon || mask[at + 1] == 0;
          const float* next = last ? finals + episode * size : observations + (at + 1) * size;
          learner.Observe(state_of(observations + at * size), static_cast<int>(actions[at]),
                          rewards[at], state_of(next));
        }
      }
    });
  }

 private:
  // Lets every learner observe and choose, on all threads.
  template <typename ObserveFunction>
  void Choose(const ObserveFunction& observe) {
    // a new tensor: a caller may still hold the one of the previous unit
    parameters_.flat = torch::empty_like(parameters_.flat);
    float* rows = parameters_.flat.mutable_data_ptr<float>();
    const auto size = static_cast<size_t>(parameters_.flat.size(1));
    const Rng unit_rng = rng_.Fork("choose", unit_);
    pool_.Run(static_cast<int>(learners_.size()), [&](int item, int) {
      const auto task = static_cast<size_t>(item);
      observe(*learners_[task], item);
      Rng rng = unit_rng.Fork("task", task);
      learners_[task]->Choose(rng, std::span(rows + task * size, size));
    });
  }

  const Policy& policy_;
  WorkerPool& pool_;
  Parameters parameters_;
  std::vector<std::unique_ptr<TabularLearner>> learners_;
  Rng rng_;
  uint64_t unit_ = 0;
};

class TabularBaseline : public BaselineAgent {
 public:
  explicit TabularBaseline(const AgentContext& context)
      : pool_(context.pool), policy_(MakeTablePolicy(context.family.spec())) {}

  // the rows that act and the next ones
  double deployment_bytes(int num_tasks, int /*episodes*/) const override {
    return 2.0 * sizeof(float) * num_tasks * static_cast<double>(policy_->layout()->size());
  }

  std::unique_ptr<AdaptiveAgent> Deploy(const Deployment& deployment) const override {
    return std::make_unique<LearnersAtWork>(*policy_, pool_, MakeLearners(deployment),
                                            deployment.rng);
  }

 private:
  virtual std::vector<std::unique_ptr<TabularLearner>> MakeLearners(
      const Deployment& deployment) const = 0;

  WorkerPool& pool_;
  std::unique_ptr<Policy> policy_;
};

class LearningBaseline final : public TabularBaseline {
 public:
  LearningBaseline(const AgentContext& context, LearnerFactory factory)
      : TabularBaseline(context), factory_(std::move(factory)) {}

 private:
  std::vector<std::unique_ptr<TabularLearner>> MakeLearners(
      const Deployment& deployment) const override {
    std::vector<std::unique_ptr<TabularLearner>> learners;
    for (int task = 0; task < deployment.num_tasks; ++task) learners.push_back(factory_());
    return learners;
  }

  LearnerFactory factory_;
};

class ToldBaseline final : public TabularBaseline {
 public:
  ToldBaseline(const AgentContext& context, OracleFactory factory)
      : TabularBaseline(context), factory_(std::move(factory)) {}

  bool oracle() const override { return true; }

 private:
  std::vector<std::unique_ptr<TabularLearner>> MakeLearners(
      const Deployment& deployment) const override {
    FEWSTEP_CHECK(deployment.told.size() == static_cast<size_t>(deployment.num_tasks),
                  "an oracle was told {} of {} tasks", deployment.told.size(),
                  deployment.num_tasks);
    std::vector<std::unique_ptr<TabularLearner>> learners;
    for (const Task& task : deployment.told) learners.push_back(factory_(task));
    return learners;
  }

  OracleFactory factory_;
};

// The same row for ever.
class RandomAtWork final : public AdaptiveAgent {
 public:
  explicit RandomAtWork(const Policy& policy)
      : policy_(policy), parameters_{torch::zeros({1, policy.layout()->size()}), policy.layout()} {}

  const Policy& policy() const override { return policy_; }
  const Parameters& parameters() const override { return parameters_; }
  void Adapt(const Rollouts&) override {}

 private:
  const Policy& policy_;
  Parameters parameters_;
};

class RandomBaseline final : public BaselineAgent {
 public:
  explicit RandomBaseline(const AgentContext& context)
      : policy_(MakeMlpPolicy(context.family.spec(), LinearPolicy())) {}

  double deployment_bytes(int, int) const override {
    return sizeof(float) * static_cast<double>(policy_->layout()->size());
  }

  // Weights of zero: equal logits, or a mean of 0 with the initial standard deviation of 1.
  std::unique_ptr<AdaptiveAgent> Deploy(const Deployment&) const override {
    return std::make_unique<RandomAtWork>(*policy_);
  }

 private:
  static MlpOptions LinearPolicy() {
    MlpOptions options;
    options.hidden = {};
    return options;
  }

  std::unique_ptr<Policy> policy_;
};

}  // namespace

std::unique_ptr<MetaAgent> MakeTabularBaseline(const AgentContext& context,
                                               LearnerFactory factory) {
  return std::make_unique<LearningBaseline>(context, std::move(factory));
}

std::unique_ptr<MetaAgent> MakeTabularOracle(const AgentContext& context, OracleFactory factory) {
  return std::make_unique<ToldBaseline>(context, std::move(factory));
}

std::unique_ptr<MetaAgent> MakeRandomBaseline(const AgentContext& context) {
  return std::make_unique<RandomBaseline>(context);
}

}  // namespace fewstep
