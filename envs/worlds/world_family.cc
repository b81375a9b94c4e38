#include "envs/worlds/world_family.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/definition_check.h"
#include "envs/lockstep_env.h"
#include "envs/observed_task.h"

namespace fewstep {
namespace {

std::shared_ptr<const PreparedTask> PrepareValues(const FamilySpec& spec, const Task& task) {
  CheckTask(spec, task);
  return std::make_shared<const PreparedTask>(task);
}

// A choice out of range is a bug of whoever chose it.
void CheckChoice(const FamilySpec& spec, double action) {
  FEWSTEP_CHECK(action >= 0 && action < spec.action_size && action == std::floor(action),
                "choice {} of {}", action, spec.action_size);
}

// One checked step, after which step `next_step` follows. `observation` and `metrics` are written
// in full unless the step diverged; `state` is scratch.
StepOutcome StepWorld(const FamilySpec& spec, World& world, ChangingTask& task, int next_step,
                      const double* action, Rng& rng, std::span<double> observation,
                      std::span<double> metrics, std::span<double> state) {
  if (spec.action_kind == ActionKind::kDiscrete) CheckChoice(spec, *action);
  world.GetState(state.data());
  const WorldStep step = world.Step(action, rng, observation.data(), metrics.data());
  if (std::isfinite(step.reward) && std::isfinite(step.dense_reward) && AllFinite(observation)) {
    // what is observed next is of the next task
    if (!step.terminated && task.MoveTo(next_step)) {
      world.Begin(task.values());
      world.GetState(state.data());
      world.SetState(state.data(), observation.data());
    }
    return {
        .reward = step.reward, .terminated = step.terminated, .dense_reward = step.dense_reward};
  }

  // back to where it was: a diverged step is not taken
  world.SetState(state.data(), observation.data());
  std::fill(metrics.begin(), metrics.end(), 0.0);
  return {.diverged = true};
}

// A world whose observations end with the task.
class TaskObservedWorld final : public World {
 public:
  TaskObservedWorld(std::unique_ptr<World> world, const FamilySpec& spec)
      : world_(std::move(world)), spec_(spec), task_(spec.parameters.size()) {}

  void Begin(std::span<const double> task) override {
    std::ranges::copy(task, task_.begin());
    world_->Begin(task);
  }
  void Reset(Rng& rng, double* observation) noexcept override {
    world_->Reset(rng, observation);
    AppendTask(spec_, task_.data(), observation);
  }
  WorldStep Step(const double* action, Rng& rng, double* observation,
                 double* metrics) noexcept override {
    const WorldStep step = world_->Step(action, rng, observation, metrics);
    AppendTask(spec_, task_.data(), observation);
    return step;
  }
  void GetState(double* state) const noexcept override { world_->GetState(state); }
  void SetState(const double* state, double* observation) noexcept override {
    world_->SetState(state, observation);
    AppendTask(spec_, task_.data(), observation);
  }

 private:
  std::unique_ptr<World> world_;
  FamilySpec spec_;
  std::vector<double> task_;
};

class WorldRunner final : public EpisodeRunner {
 public:
  explicit WorldRunner(std::shared_ptr<const WorldDefinition> definition)
      : definition_(std::move(definition)),
        world_(definition_->make_world()),
        observation_(static_cast<size_t>(definition_->spec.observation_size)),
        action_(static_cast<size_t>(definition_->spec.action_width())),
        metrics_(definition_->spec.metrics.size()),
        task_(definition_->spec, definition_->law),
        state_(definition_->spec.state.size()),
        observation32_(observation_.size()),
        action32_(action_.size()) {}

  EpisodeResult Run(const PreparedTask& task, const EpisodeOrigin& origin, ActFunction act,
                    void* context, const EpisodeBuffers& out) override {
    const FamilySpec& spec = definition_->spec;
    FEWSTEP_CHECK(task.task().family == spec.name, "a task of '{}' in '{}'", task.task().family,
                  spec.name);
    FEWSTEP_CHECK(act && out.observations && out.actions && out.rewards, "a buffer is missing");
    if (out.metric_sums) std::fill_n(out.metric_sums, metrics_.size(), 0.0);

    Rng rng = origin.stream;
    task_.Begin(task.task().values, origin);
    world_->Begin(task_.values());
    world_->Reset(rng, observation_.data());
    Round();

    EpisodeResult result;
    result.diverged = !AllFinite(observation_);  // there is no episode to begin
    while (!result.diverged && result.length < spec.horizon && !result.terminated) {
      // choose
      const size_t step = static_cast<size_t>(result.length);
      act(context, observation32_.data(), result.length, action32_.data());
      std::copy(action32_.begin(), action32_.end(), action_.begin());
      if (!AllFinite(action_)) {
        result.diverged = true;
        break;
      }

      // advance; a diverged step is not recorded
      const StepOutcome outcome = StepWorld(spec, *world_, task_, result.length + 1, action_.data(),
                                            rng, observation_, metrics_, state_);
      if (outcome.diverged) {
        result.diverged = true;
        break;
      }

      // record what was seen before the action, then what came of it
      std::copy(observation32_.begin(), observation32_.end(),
                out.observations + step * observation32_.size());
      std::copy(action32_.begin(), action32_.end(), out.actions + step * action32_.size());
      out.rewards[step] = static_cast<float>(outcome.reward);
      if (out.dense_rewards) out.dense_rewards[step] = static_cast<float>(outcome.dense_reward);
      if (out.metric_sums) {
        for (size_t m = 0; m < metrics_.size(); ++m) out.metric_sums[m] += metrics_[m];
      }
      Round();
      result.terminated = outcome.terminated;
      ++result.length;
    }
    if (out.final_observation) {
      std::copy(observation32_.begin(), observation32_.end(), out.final_observation);
    }
    return result;
  }

 private:
  void Round() {
    std::transform(observation_.begin(), observation_.end(), observation32_.begin(),
                   [](double value) { return static_cast<float>(value); });
  }

  std::shared_ptr<const WorldDefinition> definition_;
  std::unique_ptr<World> world_;
  std::vector<double> observation_, action_, metrics_;
  ChangingTask task_;
  std::vector<double> state_;
  std::vector<float> observation32_, action32_;
};

class WorldVectorEnv final : public LockstepEnv {
 public:
  WorldVectorEnv(std::shared_ptr<const WorldDefinition> definition, int num_envs)
      : LockstepEnv(definition->spec, definition->law, num_envs),
        definition_(std::move(definition)),
        state_(spec().state.size()) {
    for (int env = 0; env < num_envs; ++env) worlds_.push_back(definition_->make_world());
  }

  PhysicsView physics(int) override { return {}; }

 private:
  World& world(int env) { return *worlds_[static_cast<size_t>(env)]; }

  std::shared_ptr<const PreparedTask> Prepare(const Task& task) const override {
    return PrepareValues(spec(), task);
  }
  void TasksChanged() override {
    for (int env = 0; env < num_envs(); ++env) world(env).Begin(task(env).task().values);
  }
  void ResetSimulations(std::span<const int> ids) override {
    for (const int env : ids) {
      if (spec().change) world(env).Begin(PresentTask(env));
      world(env).Reset(rng(env), observation(env).data());
      outcome(env).diverged = !AllFinite(observation(env));
    }
  }
  void StepSimulations(std::span<const int> ids) override {
    for (const int env : ids) {
      outcome(env) =
          StepWorld(spec(), world(env), changing_task(env), step(env) + 1, action(env).data(),
                    rng(env), observation(env), metrics(env), state_);
    }
  }
  void ReadState(int env, std::span<double> state) override { world(env).GetState(state.data()); }
  void WriteState(int env, std::span<const double> state) override {
    if (spec().change) world(env).Begin(PresentTask(env));
    world(env).SetState(state.data(), observation(env).data());
    outcome(env).diverged = !AllFinite(observation(env));
  }

  void TaskChanged(int env) override {
    ReadState(env, state_);
    world(env).Begin(PresentTask(env));
    world(env).SetState(state_.data(), observation(env).data());
  }

  std::shared_ptr<const WorldDefinition> definition_;
  std::vector<std::unique_ptr<World>> worlds_;
  std::vector<double> state_;  // scratch
};

class WorldFamily final : public TaskFamily {
 public:
  WorldFamily(WorldDefinition definition, std::string hash)
      : definition_(std::make_shared<const WorldDefinition>(std::move(definition))),
        hash_(std::move(hash)) {}

  const FamilySpec& spec() const override { return definition_->spec; }
  const std::string& hash() const override { return hash_; }
  std::vector<Task> Sample(Split split, int n, const Rng& rng) const override {
    return SampleTasks(spec(), definition_->law, split, n, rng);
  }
  std::vector<Task> AllTasks(Split split) const override {
    return fewstep::AllTasks(spec(), definition_->law, split);
  }
  std::shared_ptr<const PreparedTask> Prepare(const Task& task) const override {
    return PrepareValues(spec(), task);
  }
  std::shared_ptr<const mjModel> DisplayModel(const Task*) const override { return nullptr; }
  std::unique_ptr<EpisodeRunner> MakeEpisodeRunner() const override {
    return std::make_unique<WorldRunner>(definition_);
  }
  std::unique_ptr<VectorEnv> MakeVectorEnv(int num_envs, int) const override {
    return std::make_unique<WorldVectorEnv>(definition_, num_envs);
  }

 private:
  std::shared_ptr<const WorldDefinition> definition_;
  std::string hash_;
};

}  // namespace

std::unique_ptr<TaskFamily> MakeWorldFamily(WorldDefinition definition,
                                            const FamilyOptions& options) {
  CheckDefinition(definition.spec);
  if (!definition.make_world) RejectDefinition(definition.spec, "it has no make_world function");
  if (!definition.make_world()) RejectDefinition(definition.spec, "make_world gives no world");
  std::string hash = ApplyOptions(options, {definition.settings}, definition.spec);
  if (definition.spec.task_observed) {
    definition.make_world = [make = std::move(definition.make_world), spec = definition.spec] {
      return std::make_unique<TaskObservedWorld>(make(), spec);
    };
  }
  return std::make_unique<WorldFamily>(std::move(definition), std::move(hash));
}

}  // namespace fewstep
