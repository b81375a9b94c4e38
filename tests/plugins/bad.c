/* Plug-ins that are wrong, each in one way: BAD names which. BAD_NOTHING is a sound one. */
#include <fewstep/plugin.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mujoco/mujoco.h>

#define IS(name) (BAD == name)
enum {
  NOTHING,
  ABI,
  MUJOCO,
  MAGIC,
  FAMILY_BYTES,
  NULL_INFO,
  INFO_SIZE,
  NO_FAMILY,
  FAMILY_SIZE,
  NO_NAME,
  BAD_NAME,
  SAME_NAME,
  NULL_SPEC,
  SPEC_SIZE,
  NULL_STEP,
  BOTH_KINDS,
  NO_TEXT,
  NO_PARAMETER,
  CREATE_FAILS,
  CREATE_CRASHES,
  CREATE_HANGS,
  CREATE_EXITS,
  HORIZON,
  OBSERVATION_SIZE,
  NAN_OBSERVATION,
  NAN_REWARD,
  WRITES_PAST,
  STEP_FAILS,
  STEP_CRASHES,
  STEP_ABORTS,
  STEP_HANGS,
  STATIC_STATE,
  HIDDEN_STATE,
  UNDECLARED_END,
  TASKS_ALIKE,
  DRAWS_OUTSIDE,
  DRAWS_UNSEEDED,
  DRAWING_SIZE,
  DRAWS_NO_METRIC,
  PHYSICS_BAD_MJCF,
  PHYSICS_RESET_FAILS,
  PHYSICS_STATE_SIZE,
  OPTION_RANGE,
  OPTION_NAME,
  STATE_WRITES_PAST,
  RESET_FAILS,
  CRASHES_LATER
};

static const fewstep_host* host;

typedef struct {
  double goal, position, hidden;
  int steps;
} world;

static void* CreateWorld(void* family) {
  (void)family;
  return calloc(1, sizeof(world));
}
static void DestroyWorld(void* w) { free(w); }
static int Begin(void* w, const double* task) {
  ((world*)w)->goal = IS(TASKS_ALIKE) ? 1 : task[0];
  return 0;
}
static int Reset(void* w, fewstep_stream* stream, double* observation) {
  world* self = w;
  self->position = host->uniform(stream, -0.1, 0.1);
  self->hidden = 0;
  self->steps = 0;
  observation[0] = self->position;
  if (IS(RESET_FAILS)) {
    host->report("there is no place to begin");
    return 1;
  }
  return 0;
}
static int total_steps = 0;
static int Step(void* w, const double* action, fewstep_stream* stream, double* observation,
                double* metrics, double* reward, int32_t* terminated) {
  world* self = w;
  volatile int* nowhere = NULL;
  (void)stream;
  self->position += 0.1 * action[0];
  self->hidden += 1;
  ++self->steps;
  ++total_steps;
  if (IS(STATIC_STATE)) self->position += 1e-3 * total_steps;
  if (IS(HIDDEN_STATE)) self->position += 1e-3 * self->hidden;
  if (IS(STEP_FAILS) && self->steps > 5) return 1;
  if (IS(STEP_CRASHES)) *nowhere = 1;
  if (IS(CRASHES_LATER) && total_steps > 3000) *nowhere = 1;
  if (IS(STEP_ABORTS)) abort();
  while (IS(STEP_HANGS)) sleep(1);
  if (IS(UNDECLARED_END)) *terminated = self->steps > 3;
  observation[0] = IS(NAN_OBSERVATION) && self->steps > 5 ? NAN : self->position;
  if (IS(WRITES_PAST)) observation[1] = observation[2] = 1;
  metrics[0] = fabs(self->position - self->goal);
  *reward = IS(NAN_REWARD) && self->steps > 5 ? NAN : -metrics[0];
  return 0;
}
static void GetState(const void* w, double* state) {
  state[0] = ((const world*)w)->position;
  if (IS(STATE_WRITES_PAST)) state[1] = state[2] = 1;
}
static int SetState(void* w, const double* state, double* observation) {
  observation[0] = ((world*)w)->position = state[0];
  return 0;
}

static const fewstep_world kWorld = {
    sizeof(fewstep_world),       CreateWorld, DestroyWorld, Begin, Reset,
    IS(NULL_STEP) ? NULL : Step, GetState,    SetState};

static int PhysicsReset(const fewstep_simulation* s, fewstep_stream* stream) {
  (void)s, (void)stream;
  return IS(PHYSICS_RESET_FAILS);
}
static int PhysicsControl(const fewstep_simulation* s, const double* action) {
  s->data->ctrl[0] = action[0];
  return 0;
}
static int PhysicsReward(const fewstep_simulation* s, double* metrics, double* reward) {
  metrics[0] = *reward = -fabs(s->data->qpos[0] - s->task[0]);
  return 0;
}
static int PhysicsObserve(const fewstep_simulation* s, double* observation) {
  observation[0] = s->data->qpos[0];
  return 0;
}
static const fewstep_physics kPhysics = {
    .size = sizeof(fewstep_physics),
    .mjcf = IS(PHYSICS_BAD_MJCF) ? "<mujoco><worldbdy/></mujoco>"
                                 : "<mujoco><worldbody><body><joint name='j' type='slide'/>"
                                   "<geom size='0.1'/></body></worldbody>"
                                   "<actuator><motor joint='j'/></actuator></mujoco>",
    .frame_skip = 1,
    .reset = PhysicsReset,
    .control = PhysicsControl,
    .reward = PhysicsReward,
    .observe = PhysicsObserve};

static const char* const kNames[] = {"position", "velocity", "nothing"};
static const fewstep_parameter kParameters[] = {
    {sizeof(fewstep_parameter), "goal", "m", "U(-1, 1)", -1, 1, 0, 0, NULL, 0}};

static int IsPhysics(void) {
  return IS(PHYSICS_BAD_MJCF) || IS(PHYSICS_RESET_FAILS) || IS(PHYSICS_STATE_SIZE);
}

static int Create(const fewstep_host* of, const double* options, void** family, char* error,
                  size_t size) {
  volatile int* nowhere = NULL;
  (void)options;
  host = of;
  *family = NULL;
  if (IS(CREATE_FAILS)) {
    snprintf(error, size, "the moon is in the wrong phase");
    return 1;
  }
  if (IS(CREATE_CRASHES)) *nowhere = 1;
  if (IS(CREATE_EXITS)) exit(0);
  while (IS(CREATE_HANGS)) sleep(1);
  return 0;
}
static void Destroy(void* family) { (void)family; }

static const fewstep_spec* Spec(void* family) {
  static fewstep_spec spec = {.size = IS(SPEC_SIZE) ? 8 : sizeof(fewstep_spec),
                              .source = "tests",
                              .model = "a point",
                              .reset = "near 0",
                              .termination = "never",
                              .action = "a step",
                              .splits = "separate draws",
                              .observation = kNames,
                              .num_observation = 1,
                              .observation_size = IS(OBSERVATION_SIZE) ? -3 : 1,
                              .action_size = 1,
                              .action_low = -1,
                              .action_high = 1,
                              .horizon = IS(HORIZON) ? 0 : 20,
                              .trial_episodes = 1,
                              .parameters = kParameters,
                              .num_parameters = IS(NO_PARAMETER) ? 0 : 1,
                              .metrics = kNames,
                              .num_metrics = 1};
  (void)family;
  static const fewstep_drawing drawing = {.size = IS(DRAWING_SIZE) ? 5 : sizeof(fewstep_drawing),
                                          .target = "goal",
                                          .measured = IS(DRAWS_NO_METRIC) ? "moon" : "position"};
  spec.drawing = &drawing;
  spec.reward = IS(NO_TEXT) ? NULL : "-|position - goal|";
  spec.state = kNames;
  spec.num_state = IS(PHYSICS_STATE_SIZE) ? 3 : IsPhysics() ? 2 : 1;
  return IS(NULL_SPEC) ? NULL : &spec;
}

static int Draw(void* family, int32_t split, fewstep_stream* stream, double* task) {
  static double last = -1;
  (void)family;
  if (split == 2) return 1;
  if (IS(DRAWS_OUTSIDE)) {
    task[0] = 7;
  } else if (IS(DRAWS_UNSEEDED)) {
    task[0] = last = fmod(last + 1.1, 1);
  } else {
    task[0] = host->uniform(stream, -1, 1);
  }
  return 0;
}

static const fewstep_option kOptions[] = {{sizeof(fewstep_option),
                                           IS(OPTION_NAME) ? "horizon" : "size", "How large.", "m",
                                           FEWSTEP_NUMBER, IS(OPTION_RANGE) ? 5 : 1, 0, 2}};

#define FAMILY(name_of)                                                                           \
  {                                                                                               \
    .size = IS(FAMILY_SIZE) ? 1 : sizeof(fewstep_family),                                         \
    .name = IS(NO_NAME)    ? NULL                                                                 \
            : IS(BAD_NAME) ? "two words"                                                          \
                           : name_of,                                                             \
    .summary = "A point walks.", .options = kOptions, .num_options = 1, .create = Create,         \
    .destroy = Destroy, .spec = Spec, .draw_task = Draw,                                          \
    .world = IS(PHYSICS_BAD_MJCF) || IS(PHYSICS_RESET_FAILS) || IS(PHYSICS_STATE_SIZE) ? NULL     \
                                                                                       : &kWorld, \
    .physics = IS(PHYSICS_BAD_MJCF) || IS(PHYSICS_RESET_FAILS) || IS(PHYSICS_STATE_SIZE) ||       \
                       IS(BOTH_KINDS)                                                             \
                   ? &kPhysics                                                                    \
                   : NULL                                                                         \
  }

static const fewstep_family kFamilies[] = {
    FAMILY("bad@test"),
#if BAD_IS_SAME_NAME
    FAMILY("bad@test"),
#endif
};

const fewstep_plugin_header fewstep_plugin_abi = {
    {'f', 'e', 'w', 's', 't', 'e', IS(MAGIC) ? 'x' : 'p', 0},
    IS(ABI) ? 99 : FEWSTEP_ABI_VERSION,
    IS(MUJOCO) ? 337 : mjVERSION_HEADER,
    sizeof(void*),
    IS(FAMILY_BYTES) ? 8 : sizeof(fewstep_family)};
const fewstep_plugin_info* fewstep_plugin(void) {
  static const fewstep_plugin_info info = {
      IS(INFO_SIZE) ? 3 : sizeof(fewstep_plugin_info), kFamilies,
      IS(NO_FAMILY) ? 0 : sizeof(kFamilies) / sizeof(kFamilies[0])};
  return IS(NULL_INFO) ? NULL : &info;
}
