/* cart-speed@example: a cart with a pole holds a speed that it is not told, and the pole with it.
 * Its weight and the friction of its rail differ from task to task, too. A family on MuJoCo's
 * physics in plain C. */
#include <fewstep/plugin.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <mujoco/mujoco.h>

static const char kModel[] =
    "<mujoco model='cart'>"
    "  <option timestep='0.01'/>"
    "  <worldbody>"
    "    <light pos='0 0 3' dir='0 0 -1'/>"
    "    <geom name='ground' type='plane' size='20 20 1' pos='0 0 -0.6' contype='0' conaffinity='0'"
    "          rgba='0.4 0.45 0.5 1'/>"
    "    <body name='cart'>"
    "      <joint name='rail' type='slide' axis='1 0 0' damping='1'/>"
    "      <geom name='cart' type='box' size='0.15 0.1 0.06' mass='1' contype='0' conaffinity='0'"
    "            rgba='0.85 0.62 0.38 1'/>"
    "      <body name='pole'>"
    "        <joint name='hinge' axis='0 1 0' damping='0.1'/>"
    "        <geom name='pole' type='capsule' fromto='0 0 0 0 0 -0.5' size='0.03' mass='0.2'"
    "              contype='0' conaffinity='0' rgba='0.78 0.42 0.36 1'/>"
    "      </body>"
    "    </body>"
    "  </worldbody>"
    "  <actuator><motor name='push' joint='rail' gear='10' ctrllimited='true' ctrlrange='-1 1'/>"
    "  </actuator>"
    "</mujoco>";

enum { kSpeed, kWeight, kFriction, kNumParameters };
enum { kCart = 1 };

static const fewstep_parameter kParameters[] = {
    {sizeof(fewstep_parameter), "speed", "m/s", "U(-2, 2)", -2, 2, -3, 3, NULL, 0},
    {sizeof(fewstep_parameter), "weight", "", "U(0.5, 2)", 0.5, 2, 0.2, 4, NULL, 0},
    {sizeof(fewstep_parameter), "friction", "", "U(0.5, 4)", 0.5, 4, 0, 8, NULL, 0}};
static const char* const kObservation[] = {"angle of the pole", "speed of the cart",
                                           "rate of the pole"};
static const char* const kMetrics[] = {"speed_error", "control_cost", "cart_speed"};
static const fewstep_drawing kDrawing = {.size = sizeof(fewstep_drawing),
                                         .target = "speed",
                                         .measured = "cart_speed",
                                         .axis = {1, 0, 0}};

static const fewstep_option kOptions[] = {{sizeof(fewstep_option), "pole_cost",
                                           "What each radian of the pole costs a step.", "",
                                           FEWSTEP_NUMBER, 0.1, 0, 10}};

/* What an instance keeps: the value of its option, and how to draw. */
typedef struct {
  double pole_cost;
  const fewstep_host* host;
} cart;
static int Create(const fewstep_host* host, const double* options, void** family, char* error,
                  size_t error_size) {
  cart* made = malloc(sizeof(cart));
  if (made == NULL) {
    snprintf(error, error_size, "no memory");
    return 1;
  }
  made->pole_cost = options[0];
  made->host = host;
  *family = made;
  return 0;
}
static void Destroy(void* family) { free(family); }

static const fewstep_spec* Spec(void* family) {
  static const fewstep_spec spec = {
      .size = sizeof(fewstep_spec),
      .source = "fewstep, examples/plugins/cart_c",
      .model =
          "a cart of 1 kg times weight on a rail with a hanging pole of 0.2 kg; damping of the "
          "rail times friction; Euler, time step 0.01 s, frame skip 2",
      .reset = "angle ~ U(-0.1, 0.1), all else 0",
      .reward = "-|speed of the cart - speed| - pole_cost |angle| - 0.01 u^2",
      .termination = "never",
      .action = "u = clip(a, -1, 1)",
      .splits = "train, test: separate draws of the law; ood: none",
      .observation = kObservation,
      .num_observation = 3,
      .observation_size = 3,
      .action_size = 1,
      .action_low = -1,
      .action_high = 1,
      .horizon = 100,
      .trial_episodes = 2,
      .control_dt = 0.02,
      .parameters = kParameters,
      .num_parameters = kNumParameters,
      .metrics = kMetrics,
      .num_metrics = 3,
      .drawing = &kDrawing};
  (void)family;
  return &spec;
}

/* From the nominal model, so that tasks never add up. */
static int ApplyTask(void* family, const mjModel* nominal, mjModel* model, const double* task) {
  int i;
  (void)family;
  model->body_mass[kCart] = task[kWeight] * nominal->body_mass[kCart];
  for (i = 0; i < 3; ++i) {
    model->body_inertia[3 * kCart + i] = task[kWeight] * nominal->body_inertia[3 * kCart + i];
  }
  model->dof_damping[0] = task[kFriction] * nominal->dof_damping[0];
  return 0;
}

static int Reset(const fewstep_simulation* s, fewstep_stream* stream) {
  s->data->qpos[1] = ((const cart*)s->family)->host->uniform(stream, -0.1, 0.1);
  return 0;
}

static int Control(const fewstep_simulation* s, const double* action) {
  s->data->ctrl[0] = action[0] < -1 ? -1 : action[0] > 1 ? 1 : action[0];
  return 0;
}

static int Reward(const fewstep_simulation* s, double* metrics, double* reward) {
  const double u = s->data->ctrl[0];
  metrics[0] = fabs(s->data->qvel[0] - s->task[kSpeed]);
  metrics[1] = 0.01 * u * u;
  metrics[2] = s->data->qvel[0];
  *reward = -metrics[0] - ((const cart*)s->family)->pole_cost * fabs(s->data->qpos[1]) - metrics[1];
  return 0;
}

static int Observe(const fewstep_simulation* s, double* observation) {
  observation[0] = s->data->qpos[1];
  observation[1] = s->data->qvel[0];
  observation[2] = s->data->qvel[1];
  return 0;
}

static const fewstep_physics kPhysics = {.size = sizeof(fewstep_physics),
                                         .mjcf = kModel,
                                         .frame_skip = 2,
                                         .apply_task = ApplyTask,
                                         .reset = Reset,
                                         .control = Control,
                                         .reward = Reward,
                                         .observe = Observe};

static const fewstep_family kFamilies[] = {
    {.size = sizeof(fewstep_family),
     .name = "cart-speed@example",
     .summary = "A cart with a hanging pole holds a speed that it is not told.",
     .options = kOptions,
     .num_options = 1,
     .create = Create,
     .destroy = Destroy,
     .spec = Spec,
     .physics = &kPhysics}};

FEWSTEP_PHYSICS_PLUGIN(kFamilies)
