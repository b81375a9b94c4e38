// Task families: distributions p(T) over tasks, and the simulations that run them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"
#include "core/rng.h"

typedef struct mjModel_ mjModel;
typedef struct mjData_ mjData;

namespace fewstep {

// One draw from p(T): values in the order of FamilySpec::parameters.
struct Task {
  std::string family;
  std::vector<double> values;
  bool operator==(const Task&) const = default;
};

// Where tasks come from. Train and test tasks are drawn from separate random streams; a family with
// finitely many tasks has the same ones in both and says so (FamilySpec::finite).
enum class Split { kTrain, kTest, kOod };
inline constexpr ChoiceName<Split> kSplitNames[] = {
    {"train", Split::kTrain}, {"test", Split::kTest}, {"ood", Split::kOod}};

enum class ActionKind { kContinuous, kDiscrete };

// Both ends included.
struct Range {
  double low = 0, high = 0;
  bool Contains(double value) const { return value >= low && value <= high; }  // false for NaN
  bool operator==(const Range&) const = default;
};

struct ParameterSpec {
  std::string name;                 // "velocity"
  std::string unit;                 // "m/s"
  double low = 0, high = 0;         // what train and test tasks are drawn from
  std::vector<double> choices;      // finitely many values, or empty
  std::string law;                  // the published distribution: "U(0, 3)"
  std::optional<Range> valid = {};  // what a task may hold, where that is more

  Range valid_range() const { return valid.value_or(Range{low, high}); }
};

// How the task of a trial changes while the trial goes on. The trial's clock counts control steps,
// an episode as long as the horizon, or episodes; at every `every` of them the named parameters are
// drawn anew from the law of training tasks, or drift: a step of a random walk with the standard
// deviation `drift`, reflected at the ends of what a task may hold. The task that an episode runner
// is given is that of the trial's beginning.
struct TaskChange {
  enum class Kind { kRedraw, kDrift } kind = Kind::kRedraw;
  enum class Clock { kSteps, kEpisodes } clock = Clock::kSteps;
  int every = 1;
  std::vector<size_t> parameters;  // which, by their index
  std::vector<double> drift;       // a change, of each of them; empty when redrawn
  bool operator==(const TaskChange&) const = default;
};

// What a picture of a simulation shows of its task. Empty: there is no such thing.
struct DrawingHints {
  // Without physics: names of the two numbers of the state that are a point in the plane, and of
  // the two parameters that are its goal. With it: the two or three parameters that are a place in
  // the world (m).
  std::vector<std::string> position, goal;
  double goal_radius = 0, goal_height = 0;  // with physics: of a ball, and its z where goal has two

  // A metric and the parameter that asks for its value: drawn together over time and, where `axis`
  // is not zero, as arrows in the world.
  struct Target {
    std::string parameter, metric;
    std::array<double, 3> axis = {};  // where a positive value points
    bool sign = false;                // only the sign is asked for: a direction
  };
  std::vector<Target> targets;

  // Parameter i says what choice i pays: a bandit.
  bool arms = false;

  // The state is the number of one of `count`; the parameters hold mean rewards [count, actions]
  // from index `rewards` on and weights of next states [count, actions, count] from `transitions`.
  struct States {
    int count = 0, actions = 0;
    size_t rewards = 0, transitions = 0;
  };
  std::optional<States> states = {};
};

// The published definition of a family. Everything here but `summary`, `terminates`,
// `drawing` and `task_observed` enters the hash.
struct FamilySpec {
  std::string name;     // "half-cheetah-vel@promp": what, and whose definition
  std::string summary;  // one sentence
  std::string source;   // publication and code that define it
  std::string model;    // physics: model, time step, frame skip, integrator
  std::string reset;    // initial-state law
  std::string reward;   // the formula
  // The formula of a second reward of every step, which a critic may learn from in training; none
  // where empty. What is judged is the first.
  std::string dense_reward = {};
  std::string termination;               // when an episode ends before the horizon
  std::string action;                    // how the policy's output becomes the control
  std::vector<std::string> observation;  // layout, one line a block
  std::string splits;                    // what train, test and ood hold
  int observation_size = 0;
  int action_size = 0;  // numbers a step (continuous) or number of choices (discrete)
  ActionKind action_kind = ActionKind::kContinuous;
  double action_low = -1, action_high = 1;  // range in which the policy's output is not clipped
  int horizon = 0;                          // control steps after which an episode is truncated
  bool terminates = false;                  // whether episodes may end before, in a terminal state
  int trial_episodes = 1;                   // episodes an agent spends on one task; 1: no trial
  double control_dt = 0;                    // seconds a control step; 0 without physics
  bool finite = false;  // finitely many tasks: trained on and evaluated on the same ones
  std::optional<TaskChange> change = {};  // none: the task stays as it is
  std::vector<ParameterSpec> parameters;
  std::vector<std::string> metrics;  // names of the extra values of a step
  std::vector<std::string> state;    // names of the numbers of a settable state
  DrawingHints drawing;
  bool task_observed = false;  // observations end with the task: envs/observed_task.h

  // Numbers of the observation without the task.
  int plain_observation_size() const {
    return observation_size - (task_observed ? static_cast<int>(parameters.size()) : 0);
  }
  // Numbers of an action: action_size, or one (the index of the choice) for discrete actions.
  int action_width() const { return action_kind == ActionKind::kDiscrete ? 1 : action_size; }
};

// 16 hexadecimal digits over the definition and `model_text` (the compiled-in MJCF, or ""): results
// with different hashes are not comparable. What a family does not use, a trial of its own, does
// not enter, nor does what a task may hold beyond what it is drawn from, unless tasks drift there.
std::string DefinitionHash(const FamilySpec& spec, std::string_view model_text);

// Parameters `first` .. `first + count - 1`, which differ by nothing but their names.
struct ParameterGroup {
  size_t first = 0, count = 1;
};
// The parameters in order, in as few groups as possible; a group has one member or at least four.
std::vector<ParameterGroup> GroupParameters(const FamilySpec& spec);
// "velocity", or "arm_0 ... arm_4 (5)".
std::string ToString(const FamilySpec& spec, const ParameterGroup& group);

// "velocity=1.25" with 17 significant digits where needed.
std::string ToString(const FamilySpec& spec, const Task& task);
// From "velocity=1.25" items. Throws Error(kUsage) on an unknown, missing or repeated parameter or
// a value outside its range.
Task ParseTask(const FamilySpec& spec, std::span<const std::string> assignments);

// A task made ready to simulate: validated, and for MuJoCo families the task's own mjModel.
// Immutable; shared by any number of threads.
class PreparedTask {
 public:
  explicit PreparedTask(Task task) : task_(std::move(task)) {}
  virtual ~PreparedTask() = default;
  const Task& task() const { return task_; }

 private:
  Task task_;
};

// What the randomness of an episode comes from, and where in its trial it lies. A stream alone is
// an episode that is a trial by itself.
struct EpisodeOrigin {
  EpisodeOrigin(const Rng& alone) : stream(alone), trial(alone) {}  // NOLINT: implicit
  EpisodeOrigin(const Rng& of_episode, const Rng& of_trial, int64_t index)
      : stream(of_episode), trial(of_trial), episode(index) {}

  Rng stream;           // of the reset and the dynamics
  Rng trial;            // of how the task changes: the same in all episodes of a trial
  int64_t episode = 0;  // of the trial
};

// Chooses actions inside EpisodeRunner::Run. `step` counts from 0 in the episode; the actions and
// rewards of the steps before it are in the buffers. `action` has action_width numbers.
using ActFunction = void (*)(void* context, const float* observation, int step,
                             float* action) noexcept;

// Where an episode is written, step by step: who chooses action t finds reward t - 1 there. Rows
// past the episode's length are left as they are.
struct EpisodeBuffers {
  float* observations = nullptr;       // [H, O] before each action
  float* actions = nullptr;            // [H, A], A = FamilySpec::action_width
  float* rewards = nullptr;            // [H]
  float* dense_rewards = nullptr;      // [H] of families that have one; may be null
  float* final_observation = nullptr;  // [O] after the last action; may be null
  double* metric_sums = nullptr;       // [M] sums over the episode; may be null
};

struct EpisodeResult {
  int length = 0;           // control steps taken, at most the horizon
  bool terminated = false;  // ended in a terminal state; false at the horizon
  bool diverged = false;    // the simulation became non-finite; the bad step is not recorded
};

// Runs whole episodes of any prepared task of its family. Owned by one thread at a time.
class EpisodeRunner {
 public:
  virtual ~EpisodeRunner() = default;
  // All randomness of the episode comes from `origin`. Never throws after the arguments are
  // checked: a diverged simulation ends its episode.
  virtual EpisodeResult Run(const PreparedTask& task, const EpisodeOrigin& origin, ActFunction act,
                            void* context, const EpisodeBuffers& out) = 0;
};

// What one lockstep Step gives, for B simulations. Sized by VectorEnv::MakeStepBatch; Step then
// allocates nothing.
struct StepBatch {
  std::vector<float> observations;     // [B, O] after the step
  std::vector<double> observations64;  // [B, O] the same, before rounding
  std::vector<double> rewards;         // [B]
  std::vector<double> dense_rewards;   // [B], or empty: FamilySpec::dense_reward
  std::vector<uint8_t> terminated;     // [B] reached a terminal state
  std::vector<uint8_t> truncated;      // [B] reached the horizon
  std::vector<uint8_t> diverged;       // [B] became non-finite: reward 0, observation unchanged
  std::vector<double> metrics;         // [B, M]
};

// A simulation's physics, for viewer and recorder; null without physics. Valid until the next call
// on the environment.
struct PhysicsView {
  const mjModel* model = nullptr;
  const mjData* data = nullptr;
};

// B simulations, each with its own task, stepped in lockstep on a pool of threads. The same calls
// give the same bits at any number of threads. One caller at a time.
class VectorEnv {
 public:
  virtual ~VectorEnv() = default;
  virtual int num_envs() const = 0;
  virtual const FamilySpec& spec() const = 0;

  // One task a simulation. Throws Error(kUsage) on a task of another family or out of range. Every
  // simulation must be reset afterwards.
  virtual void SetTasks(std::span<const Task> tasks) = 0;

  // Starts a new episode in simulations `ids` (sorted, unique); simulation ids[i] draws all
  // randomness of the episode from origins[i]. Writes ids.size() rows of observations.
  virtual void Start(std::span<const int> ids, std::span<const EpisodeOrigin> origins,
                     std::span<float> observations) = 0;

  // Start with the stream rng.Fork("env", i) for simulation i.
  void Reset(std::span<const int> ids, const Rng& rng, std::span<float> observations);

  // Advances every simulation by one control step; `actions` [B, A], as wide as
  // FamilySpec::action_width says. A simulation whose episode has ended stays where it is, with
  // reward 0 and its flags repeated.
  virtual void Step(std::span<const double> actions, StepBatch& out) = 0;

  // The task of one simulation as it is now: another than SetTasks gave it where tasks change.
  virtual std::span<const double> PresentTask(int env) const = 0;

  // State of one simulation, in the order of FamilySpec::state. SetState starts an episode there
  // (after Start) and refreshes its observation; what follows depends on the state, the actions
  // and, where dynamics are random or tasks change, the origin of the latest Start.
  virtual void GetState(int env, std::span<double> state) = 0;
  virtual void SetState(int env, std::span<const double> state) = 0;
  // The present observation of one simulation, unrounded: [O].
  virtual void Observe(int env, std::span<double> observation) = 0;

  virtual PhysicsView physics(int env) = 0;

  // What someone who watches does to one simulation. `Push` applies a force and a torque (world
  // coordinates, N and N m: wrench [6]) at the centre of mass of a body in every further step,
  // until Start, SetState or the next Push; nothing happens without physics. `ChangeTask` makes the
  // present task another one, as FamilySpec::change would; it throws Error(kUsage) where tasks do
  // not change, and on what no task may hold.
  virtual void Push(int env, int body, std::span<const double> wrench) = 0;
  virtual void ChangeTask(int env, std::span<const double> task) = 0;

  StepBatch MakeStepBatch() const;
};

// p(T). Immutable and safe to share between threads.
class TaskFamily {
 public:
  virtual ~TaskFamily() = default;

  virtual const FamilySpec& spec() const = 0;
  virtual const std::string& hash() const = 0;  // DefinitionHash

  // n tasks, from rng.Fork(name of the split); a finite family draws train tasks with the published
  // probabilities and goes through its test tasks in turn, as every family does where it has a list
  // of a split's tasks. Throws Error(kUsage) when the family has no such split.
  virtual std::vector<Task> Sample(Split split, int n, const Rng& rng) const = 0;

  // All tasks of a split that has finitely many, each once; empty where there is a law of more, or
  // no such split.
  virtual std::vector<Task> AllTasks(Split split) const = 0;

  // Throws Error(kUsage) on a task of another family, a wrong number of values or one out of range.
  virtual std::shared_ptr<const PreparedTask> Prepare(const Task& task) const = 0;

  // The model that a task's simulation is drawn with, textures included, or the nominal one for
  // null; null without physics. Throws Error(kUsage) as Prepare does.
  virtual std::shared_ptr<const mjModel> DisplayModel(const Task* task) const = 0;

  virtual std::unique_ptr<EpisodeRunner> MakeEpisodeRunner() const = 0;
  virtual std::unique_ptr<VectorEnv> MakeVectorEnv(int num_envs, int num_threads) const = 0;
};

// The keys of [family] in a recipe that every family has; a family may add its own.
struct FamilyOptions : Options {
  bool observe_task = false;
  int64_t horizon = 0;
  int64_t trial_episodes = 0;
  std::vector<std::string> task;  // "name=value" of every parameter; empty: all tasks
  void Visit(FieldVisitor& visitor) override;
};

}  // namespace fewstep
