// Model: P. Wawrzynski, "A cat-like robot real-time learning to run", ICANNGA 2009, with the
// figures of OpenAI Gym's half_cheetah.xml (NOTICE).
#include "envs/families/half_cheetah/half_cheetah.h"

#include <cmath>

#include "embedded/half_cheetah.xml.h"
#include "envs/families/families.h"
#include "envs/families/legacy_numpy.h"

namespace fewstep {
namespace half_cheetah {
namespace {

constexpr double kTimestep = 0.01;  // s
constexpr int kTorso = 1;           // body of the root

// The published model has 14 kg in all.
void ScaleMasses(mjModel* model, mjData* data, const void*) noexcept {
  ScaleTotalMass(model, data, 14);
}

// OpenAI Gym's reset.
constexpr const char* kGymReset = "qpos = qpos0 + U(-0.1, 0.1), qvel = 0.1 N(0, 1), each by itself";
void ResetGym(const Simulation& s, Rng& rng) noexcept {
  for (int i = 0; i < s.model->nq; ++i) s.data->qpos[i] += rng.Uniform(-0.1, 0.1);
  for (int i = 0; i < s.model->nv; ++i) s.data->qvel[i] = 0.1 * rng.Normal();
}

// That of rllab's mujoco_env.py.
constexpr const char* kRllabReset =
    "qpos = qpos0 + 0.01 N(0, 1), qvel = 0.1 N(0, 1), each by itself";
void ResetRllab(const Simulation& s, Rng& rng) noexcept {
  for (int i = 0; i < s.model->nq; ++i) s.data->qpos[i] += 0.01 * rng.Normal();
  for (int i = 0; i < s.model->nv; ++i) s.data->qvel[i] = 0.1 * rng.Normal();
}

const double* CentreOfMass(const mjData* data) noexcept { return data->subtree_com + 3 * kTorso; }
// What mj_step leaves in xpos is of the state before the last substep.
constexpr const char* kTorsoText = "position of the torso, one substep old after a step (3)";
const double* Torso(const mjData* data) noexcept { return data->xpos + 3 * kTorso; }

constexpr Published kPublished[] = {
    // Rothfuss et al., "ProMP: Proximal Meta-Policy Search", ICLR 2019, under normalized_env.py
    {.name = "half-cheetah-dir@promp",
     .summary = "A planar cheetah runs forwards or backwards.",
     .source = "Rothfuss et al., ICLR 2019; jonasrothfuss/ProMP, half_cheetah_rand_direc.py",
     .goal = Published::Goal::kDirection,
     .scale = 10,
     .reset = kGymReset,
     .reset_function = ResetGym,
     .reward = "direction * (x' - x) / 0.05 - 0.05 |u|^2"},
    {.name = "half-cheetah-vel@promp",
     .summary = "A planar cheetah runs at a given speed of up to 3 m/s.",
     .source = "Rothfuss et al., ICLR 2019; jonasrothfuss/ProMP, half_cheetah_rand_vel.py",
     .highest = 3,
     .scale = 10,
     .reset = kGymReset,
     .reset_function = ResetGym,
     .reward = "-|(x' - x) / 0.05 - velocity| - 0.05 |u|^2"},
    // Finn et al., "Model-Agnostic Meta-Learning", ICML 2017, with mujoco_env.py and the goals of
    // cluster_maml_trpo_cheetah.py
    {.name = "half-cheetah-vel@rllab",
     .summary =
         "A planar cheetah runs at a given speed of up to 2 m/s; the task of the MAML paper.",
     .source = "Finn et al., ICML 2017; cbfinn/maml_rl, rllab/envs/mujoco/half_cheetah_env_rand.py",
     .highest = 2,
     .frame_skip = 1,
     .horizon = 200,
     .reset = kRllabReset,
     .reset_function = ResetRllab,
     .velocity = Published::Velocity::kOfCentreOfMass,
     .reward = "-|velocity of the centre of mass - velocity| - 0.05 |u|^2",
     .position = "centre of mass (3)",
     .position_function = CentreOfMass},
    // Rakelly et al., "Efficient Off-Policy Meta-Reinforcement Learning via Probabilistic Context
    // Variables", ICML 2019, under NormalizedBoxEnv
    {.name = "half-cheetah-dir@pearl",
     .summary = "A planar cheetah runs forwards or backwards; it sees where its torso is.",
     .source = "Rakelly et al., ICML 2019; katerakelly/oyster, rlkit/envs/half_cheetah_dir.py",
     .goal = Published::Goal::kDirection,
     .horizon = 200,
     .reset = kGymReset,
     .reset_function = ResetGym,
     .reward = "direction * (x' - x) / 0.05 - 0.05 |u|^2",
     .position = kTorsoText,
     .position_function = Torso},
    {.name = "half-cheetah-vel@pearl",
     .summary = "A planar cheetah runs at one of 130 given speeds of up to 3 m/s.",
     .source = "Rakelly et al., ICML 2019; katerakelly/oyster, rlkit/envs/half_cheetah_vel.py",
     .highest = 3,
     .train_tasks = 100,
     .test_tasks = 30,
     .horizon = 200,
     .reset = kGymReset,
     .reset_function = ResetGym,
     .reward = "-|(x' - x) / 0.05 - velocity| - 0.05 |u|^2",
     .position = kTorsoText,
     .position_function = Torso},
    // the port of half-cheetah-vel@rllab to OpenAI Gym, with the port's action normalisation
    {.name = "half-cheetah-vel@tristan",
     .summary =
         "A planar cheetah runs at a given speed of up to 2 m/s; the port of MAML's task to Gym.",
     .source = "Finn et al., ICML 2017; tristandeleu/pytorch-maml-rl, "
               "maml_rl/envs/mujoco/half_cheetah.py",
     .highest = 2,
     .reset = kGymReset,
     .reset_function = ResetGym,
     .reward = "-|(x' - x) / 0.05 - velocity| - 0.05 |u|^2",
     .position = kTorsoText,
     .position_function = Torso},
    // the benchmark of algorithms for one task: no meta-learning, but curves to compare with
    {.name = "half-cheetah@gym",
     .summary =
         "A planar cheetah runs forwards as fast as it can: HalfCheetah-v3 and -v4, one task.",
     .source = "Gymnasium, gymnasium/envs/mujoco/half_cheetah_v4.py",
     .goal = Published::Goal::kForward,
     .horizon = 1000,
     .reset = kGymReset,
     .reset_function = ResetGym,
     .reward = "(x' - x) / 0.05 - 0.1 |u|^2",
     .control_weight = 0.1},
};

const Published& RowOf(const Simulation& s) noexcept {
  return *static_cast<const Published*>(s.context);
}

void Control(const Simulation& s, const double* action) noexcept {
  const int scale = RowOf(s).scale;
  for (int i = 0; i < s.model->nu; ++i) s.data->ctrl[i] = mju_clip(action[i] / scale, -1, 1);
}

// memory[0]: x of the root before the step.
void RememberPosition(const Simulation& s) noexcept { s.memory[0] = s.data->qpos[0]; }

double Velocity(const Simulation& s) noexcept {
  if (RowOf(s).velocity == Published::Velocity::kOfRoot) {
    return (s.data->qpos[0] - s.memory[0]) / s.control_dt;
  }
  mj_subtreeVel(s.model, s.data);
  return s.data->subtree_linvel[3 * kTorso];
}

double Reward(const Simulation& s, double* metrics) noexcept {
  const double velocity = Velocity(s);
  double squares = 0;
  for (int i = 0; i < s.model->nu; ++i) squares += s.data->ctrl[i] * s.data->ctrl[i];
  const double control_cost = RowOf(s).control_weight * squares;
  metrics[0] = velocity;
  metrics[1] = control_cost;
  metrics[2] = s.data->qpos[0];
  const bool to_velocity = RowOf(s).goal == Published::Goal::kVelocity;
  return (to_velocity ? -std::abs(velocity - s.task[0]) : s.task[0] * velocity) - control_cost;
}

void Observe(const Simulation& s, double* observation) noexcept {
  const int angles = static_cast<int>(s.model->nq) - 1, rates = static_cast<int>(s.model->nv);
  mju_copy(observation, s.data->qpos + 1, angles);
  mju_copy(observation + angles, s.data->qvel, rates);
  const Published& row = RowOf(s);
  if (row.position_function) {
    mju_copy3(observation + angles + rates, row.position_function(s.data));
  }
}

}  // namespace

std::span<const Published> PublishedDefinitions() { return kPublished; }

MujocoDefinition Define(const Published& row) {
  MujocoDefinition definition;
  definition.mjcf = embedded::half_cheetah_xml;
  definition.frame_skip = row.frame_skip;
  definition.context = std::shared_ptr<const void>(&row, [](const void*) {});  // of the table
  definition.configure_model = ScaleMasses;
  definition.reset = row.reset_function;
  definition.control = Control;
  definition.reward = Reward;
  definition.observe = Observe;
  if (row.velocity == Published::Velocity::kOfRoot) {
    definition.before_step = RememberPosition;
  } else {
    definition.refresh_after_step = true;
  }

  FamilySpec& spec = definition.spec;
  spec.name = row.name;
  spec.summary = row.summary;
  spec.source = row.source;
  spec.model = fmt::format(
      "half-cheetah of OpenAI Gym (14 kg, 9 degrees of freedom, 6 motors), Euler, time step "
      "{} s, frame skip {}",
      kTimestep, row.frame_skip);
  spec.reset = row.reset;
  spec.reward = row.reward;
  spec.termination = "never";
  spec.action =
      row.scale == 1 ? "u = clip(a, -1, 1)" : fmt::format("u = clip(a / {}, -1, 1)", row.scale);
  spec.action_size = 6;
  spec.action_low = -row.scale;
  spec.action_high = row.scale;
  spec.observation = {"qpos without the root's x (8)", "qvel (9)"};
  spec.observation_size = 17;
  if (row.position) {
    spec.observation.emplace_back(row.position);
    spec.observation_size += 3;
  }
  spec.horizon = row.horizon;
  spec.control_dt = kTimestep * row.frame_skip;
  if (row.goal == Published::Goal::kDirection) {
    spec.finite = true;
    spec.parameters = {{.name = "direction",
                        .unit = "",
                        .low = -1,
                        .high = 1,
                        .choices = {-1, 1},
                        .law = "-1 or 1, each with probability 1/2"}};
    spec.splits = "train, test: the same two tasks; ood: none published";
  } else if (row.goal == Published::Goal::kForward) {
    spec.finite = true;
    spec.parameters = {
        {.name = "direction", .unit = "", .low = -1, .high = 1, .choices = {1}, .law = "always 1"}};
    spec.splits = "train, test: the one task; ood: none";
  } else {
    spec.parameters = {{.name = "velocity",
                        .unit = "m/s",
                        .low = 0,
                        .high = row.highest,
                        .choices = {},
                        .law = fmt::format("U(0, {})", row.highest),
                        .valid = Range{-row.highest, 2 * row.highest}}};
    spec.splits = "train, test: separate draws of the law; ood: none published";
    if (row.train_tasks > 0) {
      constexpr uint32_t kSeed = 1337;
      LegacyNumpy numpy(kSeed);
      for (int i = 0; i < row.train_tasks + row.test_tasks; ++i) {
        const Split split = i < row.train_tasks ? Split::kTrain : Split::kTest;
        definition.law.lists[split].push_back({numpy.Uniform(0, row.highest)});
      }
      spec.splits = fmt::format(
          "train: the first {} of {} velocities; test: the other {}; ood: none published. They are "
          "those of numpy's generator with seed {}",
          row.train_tasks, row.train_tasks + row.test_tasks, row.test_tasks, kSeed);
    }
  }
  spec.drawing.targets = {{.parameter = spec.parameters[0].name,
                           .metric = "forward_velocity",
                           .axis = {1, 0, 0},
                           .sign = spec.finite}};
  spec.metrics = {"forward_velocity", "control_cost", "x_position"};
  for (const char* quantity : {"qpos", "qvel"}) {
    for (const char* joint :
         {"rootx", "rootz", "rooty", "bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot"}) {
      spec.state.push_back(fmt::format("{}.{}", quantity, joint));
    }
  }
  return definition;
}

}  // namespace half_cheetah

void AddHalfCheetah(FamilyCatalog& catalog) {
  for (const half_cheetah::Published& row : half_cheetah::PublishedDefinitions()) {
    catalog.Add(row.name, EntryOf<FamilyOptions>([&row](const FamilyOptions& options) {
                  return MakeMujocoFamily(half_cheetah::Define(row), options);
                }));
  }
}

}  // namespace fewstep
