#include "envs/task_observing_family.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"

namespace fewstep {
namespace {

// How the task is written behind an observation.
class TaskWriter {
 public:
  // `spec` is that of the plain family.
  explicit TaskWriter(const FamilySpec& spec)
      : plain_(static_cast<size_t>(spec.observation_size)), parameters_(spec.parameters) {}

  size_t plain() const { return plain_; }  // numbers of the plain observation
  size_t task() const { return parameters_.size(); }
  size_t full() const { return plain() + task(); }

  void Scale(std::span<const double> values, std::span<double> scaled) const {
    for (size_t i = 0; i < scaled.size(); ++i) {
      const auto [low, high] = std::pair(parameters_[i].low, parameters_[i].high);
      const bool bounded = std::isfinite(low) && std::isfinite(high) && low < high;
      scaled[i] = bounded ? (2 * values[i] - low - high) / (high - low) : values[i];
    }
  }

  // One row each: `from` [plain], `scaled` [task], `to` [full].
  template <typename Number>
  void Join(const Number* from, std::span<const double> scaled, Number* to) const {
    std::copy_n(from, plain(), to);
    std::transform(scaled.begin(), scaled.end(), to + plain(),
                   [](double value) { return static_cast<Number>(value); });
  }

 private:
  size_t plain_;
  std::vector<ParameterSpec> parameters_;
};

class TaskObservingRunner final : public EpisodeRunner {
 public:
  TaskObservingRunner(std::unique_ptr<EpisodeRunner> runner, const TaskWriter& writer, int horizon)
      : runner_(std::move(runner)),
        writer_(writer),
        scaled_(writer.task()),
        present_(writer.full()),
        final_(writer.plain()),
        observations_(static_cast<size_t>(horizon) * writer.plain()) {}

  EpisodeResult Run(const PreparedTask& task, const Rng& stream, ActFunction act, void* context,
                    const EpisodeBuffers& out) override {
    FEWSTEP_CHECK(act && out.observations, "a buffer is missing");
    writer_.Scale(task.task().values, scaled_);
    Caller caller{*this, act, context};
    EpisodeBuffers plain = out;
    plain.observations = observations_.data();
    plain.final_observation = final_.data();
    const EpisodeResult result = runner_->Run(task, stream, &ActOnFull, &caller, plain);

    // what was recorded, row by row
    for (size_t step = 0; step < static_cast<size_t>(result.length); ++step) {
      writer_.Join(&observations_[step * writer_.plain()], scaled_,
                   out.observations + step * writer_.full());
    }
    if (out.final_observation) writer_.Join(final_.data(), scaled_, out.final_observation);
    return result;
  }

 private:
  struct Caller {
    TaskObservingRunner& runner;
    ActFunction act;
    void* context;
  };

  static void ActOnFull(void* context, const float* observation, int step, float* action) noexcept {
    const Caller& caller = *static_cast<Caller*>(context);
    TaskObservingRunner& runner = caller.runner;
    runner.writer_.Join(observation, runner.scaled_, runner.present_.data());
    caller.act(caller.context, runner.present_.data(), step, action);
  }

  std::unique_ptr<EpisodeRunner> runner_;
  TaskWriter writer_;
  std::vector<double> scaled_;       // [task]
  std::vector<float> present_;       // [full] what the policy sees now
  std::vector<float> final_;         // [plain]
  std::vector<float> observations_;  // [H, plain]
};

class TaskObservingEnv final : public VectorEnv {
 public:
  TaskObservingEnv(std::unique_ptr<VectorEnv> env, const TaskWriter& writer, const FamilySpec& spec)
      : env_(std::move(env)),
        writer_(writer),
        spec_(spec),
        scaled_(Envs() * writer.task()),
        plain_(Envs() * writer.plain()),
        plain64_(plain_.size()) {}

  int num_envs() const override { return env_->num_envs(); }
  const FamilySpec& spec() const override { return spec_; }

  void SetTasks(std::span<const Task> tasks) override {
    env_->SetTasks(tasks);  // checks them
    for (size_t i = 0; i < tasks.size(); ++i) {
      writer_.Scale(tasks[i].values,
                    std::span(scaled_).subspan(i * writer_.task(), writer_.task()));
    }
  }

  void Start(std::span<const int> ids, std::span<const Rng> streams,
             std::span<float> observations) override {
    FEWSTEP_CHECK(ids.size() <= Envs() && observations.size() == ids.size() * writer_.full(),
                  "{} numbers for {} observations of {}", observations.size(), ids.size(),
                  writer_.full());
    env_->Start(ids, streams, std::span(plain_).first(ids.size() * writer_.plain()));
    for (size_t i = 0; i < ids.size(); ++i) {
      writer_.Join(&plain_[i * writer_.plain()], TaskOf(static_cast<size_t>(ids[i])),
                   &observations[i * writer_.full()]);
    }
  }

  void Step(std::span<const double> actions, StepBatch& out) override {
    FEWSTEP_CHECK(out.observations.size() == Envs() * writer_.full() &&
                      out.observations64.size() == out.observations.size(),
                  "the batch was not made by MakeStepBatch");
    // the plain family writes the batch, but for observations, which are of another size
    const auto exchange_observations = [&] {
      out.observations.swap(plain_);
      out.observations64.swap(plain64_);
    };
    exchange_observations();
    env_->Step(actions, out);
    exchange_observations();
    for (size_t i = 0; i < Envs(); ++i) {
      const size_t from = i * writer_.plain(), to = i * writer_.full();
      writer_.Join(&plain_[from], TaskOf(i), &out.observations[to]);
      writer_.Join(&plain64_[from], TaskOf(i), &out.observations64[to]);
    }
  }

  void GetState(int env, std::span<double> state) override { env_->GetState(env, state); }
  void SetState(int env, std::span<const double> state) override { env_->SetState(env, state); }

  void Observe(int env, std::span<double> observation) override {
    FEWSTEP_CHECK(observation.size() == writer_.full(), "{} numbers for an observation of {}",
                  observation.size(), writer_.full());
    env_->Observe(env, observation.first(writer_.plain()));
    std::ranges::copy(TaskOf(static_cast<size_t>(env)),
                      observation.subspan(writer_.plain()).begin());
  }

  PhysicsView physics(int env) override { return env_->physics(env); }

 private:
  size_t Envs() const { return static_cast<size_t>(env_->num_envs()); }
  std::span<const double> TaskOf(size_t env) const {
    return std::span(scaled_).subspan(env * writer_.task(), writer_.task());
  }

  std::unique_ptr<VectorEnv> env_;
  TaskWriter writer_;
  FamilySpec spec_;
  std::vector<double> scaled_;   // [B, task]
  std::vector<float> plain_;     // [B, plain]
  std::vector<double> plain64_;  // [B, plain]
};

// The definition with the longer observation.
FamilySpec WithTaskObserved(FamilySpec spec) {
  std::vector<std::string> names;
  for (const ParameterSpec& parameter : spec.parameters) names.push_back(parameter.name);
  constexpr size_t kNamed = 4;
  if (names.size() > kNamed) names = {names.front(), "...", names.back()};
  spec.summary += " The agent is told the task.";
  spec.observation.push_back(fmt::format("the task, scaled from its bounds to [-1, 1]: {} ({})",
                                         fmt::join(names, ", "), spec.parameters.size()));
  spec.observation_size += static_cast<int>(spec.parameters.size());
  return spec;
}

class TaskObservingFamily final : public TaskFamily {
 public:
  explicit TaskObservingFamily(std::unique_ptr<TaskFamily> family)
      : family_(std::move(family)),
        writer_(family_->spec()),
        spec_(WithTaskObserved(family_->spec())),
        hash_(DefinitionHash(spec_, family_->hash())) {}  // which covers the model

  const FamilySpec& spec() const override { return spec_; }
  const std::string& hash() const override { return hash_; }
  std::vector<Task> Sample(Split split, int n, const Rng& rng) const override {
    return family_->Sample(split, n, rng);
  }
  std::shared_ptr<const PreparedTask> Prepare(const Task& task) const override {
    return family_->Prepare(task);
  }
  std::unique_ptr<EpisodeRunner> MakeEpisodeRunner() const override {
    return std::make_unique<TaskObservingRunner>(family_->MakeEpisodeRunner(), writer_,
                                                 spec_.horizon);
  }
  std::unique_ptr<VectorEnv> MakeVectorEnv(int num_envs, int num_threads) const override {
    return std::make_unique<TaskObservingEnv>(family_->MakeVectorEnv(num_envs, num_threads),
                                              writer_, spec_);
  }

 private:
  std::unique_ptr<TaskFamily> family_;
  TaskWriter writer_;
  FamilySpec spec_;
  std::string hash_;
};

}  // namespace

std::unique_ptr<TaskFamily> ObserveTask(std::unique_ptr<TaskFamily> family) {
  return std::make_unique<TaskObservingFamily>(std::move(family));
}

}  // namespace fewstep
