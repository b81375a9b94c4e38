/* Task families in a shared library: the interface between fewstep and a plug-in, in plain C.
 *
 * A library exports two things: the constant `fewstep_plugin_abi`, which is looked at first, and
 * the function `fewstep_plugin`, which is called only when that fits. A macro below defines both.
 *
 *   static const fewstep_family families[] = {{...}};
 *   FEWSTEP_PLUGIN(families)              or, where a family has physics,
 *   FEWSTEP_PHYSICS_PLUGIN(families)      with mujoco/mujoco.h included as well
 *
 * Rules, which `fewstep check LIBRARY` tests:
 *   - Every struct begins with its size, by which a later program tells those of an older plug-in.
 *   - Texts are UTF-8, end with 0 and stay valid until the family is destroyed.
 *   - Functions return 0, or another number when something is wrong. An episode in which that
 *     happens ends there, is counted as diverged and shown. No exception may leave a function;
 *     fewstep/plugin.hpp turns C++ exceptions into such numbers.
 *   - All randomness comes from the stream that a function is given, so that a run repeats: no
 *     rand(), no clock, no state that outlives an episode.
 *   - Functions of one simulation are called by one thread at a time, those of several at once; a
 *     family is read by all of them and must not change after it was created.
 */
#ifndef FEWSTEP_PLUGIN_H
#define FEWSTEP_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FEWSTEP_ABI_VERSION 2

struct mjModel_;
struct mjData_;

/* A stream of random numbers, and how to draw from it. */
typedef struct fewstep_stream fewstep_stream;
typedef struct {
  size_t size;
  double (*uniform)(fewstep_stream* stream, double low, double high); /* [low, high) */
  double (*normal)(fewstep_stream* stream);                           /* N(0, 1) */
  uint64_t (*below)(fewstep_stream* stream, uint64_t n);              /* 0 ... n - 1, n > 0 */
  /* Says why a function is about to fail, for `fewstep check` to show; from any thread. */
  void (*report)(const char* text);
} fewstep_host;

/* A number of a task. */
typedef struct {
  size_t size;
  const char* name;             /* "velocity" */
  const char* unit;             /* "m/s"; "" for none */
  const char* law;              /* for readers: "U(0, 3)" */
  double low, high;             /* what train and test tasks are drawn from */
  double valid_low, valid_high; /* what a task may hold; both 0: low and high */
  const double* choices;        /* finitely many values, or null */
  size_t num_choices;
} fewstep_parameter;

/* A key of [family] in a recipe, of this family alone. A number whatever its type. */
enum { FEWSTEP_NUMBER = 0, FEWSTEP_INTEGER = 1, FEWSTEP_BOOLEAN = 2 };
typedef struct {
  size_t size;
  const char* name; /* "arms": letters, digits, - and _ */
  const char* help; /* one sentence */
  const char* unit;
  int32_t type; /* FEWSTEP_NUMBER, ... */
  double value; /* by default; of a boolean 0 or 1 */
  double low, high;
} fewstep_option;

/* What a picture of a simulation shows of its task: fields that are null, or 0, show nothing. */
typedef struct {
  size_t size;
  /* Without physics: two names of `state`, a point in the plane, and two parameters, its goal. With
   * it: two or three parameters that are a place in the world (m). */
  const char* const* position;
  size_t num_position;
  const char* const* goal;
  size_t num_goal;
  double goal_radius, goal_height; /* the goal's ball, and its z where it has two numbers */
  /* A parameter that asks a metric for its value: drawn together over time, and with an axis as
   * arrows that point there where positive. */
  const char* target;
  const char* measured;
  double axis[3];
  int32_t direction; /* 1: only the sign of the target is asked for */
  int32_t arms;      /* 1: parameter i says what choice i pays: a bandit */
} fewstep_drawing;

/* The definition, as `fewstep describe` shows it. What it says enters the definition's hash.
 * What is marked * may be null. */
typedef struct {
  size_t size;
  const char* source; /* publication or code that defines the family */
  const char* model;  /* dynamics */
  const char* reset;  /* law of the initial state */
  const char* reward; /* the formula */
  const char* termination;
  const char* action;             /* how the policy's output becomes the control */
  const char* splits;             /* what train, test and ood hold */
  const char* const* observation; /* its layout, a line a block */
  size_t num_observation;
  int32_t observation_size;
  int32_t action_size; /* numbers a step, or number of choices */
  int32_t discrete;    /* 1: an action is one of action_size choices */
  double action_low, action_high;
  int32_t horizon;
  int32_t terminates;     /* 1: episodes may end before, in a terminal state */
  int32_t trial_episodes; /* episodes that an agent spends on one task; 1: no trial */
  int32_t finite;         /* 1: finitely many tasks, all combinations of the choices */
  double control_dt;      /* seconds a control step; 0 without physics */
  const fewstep_parameter* parameters;
  size_t num_parameters;
  const char* const* metrics; /* names of extra values of a step */
  size_t num_metrics;
  const char* const* state; /* names of the numbers of a state; of physics null: qpos, qvel, act */
  size_t num_state;
  const fewstep_drawing* drawing; /* * for the window and films; enters no hash */
} fewstep_spec;

/* Families with a state of their own: one world is one simulation. */
typedef struct {
  size_t size;
  void* (*create)(void* family); /* null: no memory */
  void (*destroy)(void* world);
  /* Takes the task's numbers. The state stays as it is. */
  int (*begin)(void* world, const double* task);
  /* Draws an initial state and writes the observation. */
  int (*reset)(void* world, fewstep_stream* stream, double* observation);
  /* One control step. `action` is action_size finite numbers, or the index of the choice. Writes
   * all of the observation, the metrics and the reward; `terminated` is 0 when it is called. */
  int (*step)(void* world, const double* action, fewstep_stream* stream, double* observation,
              double* metrics, double* reward, int32_t* terminated);
  /* The numbers of the state; set_state writes the observation there. */
  void (*get_state)(const void* world, double* state);
  int (*set_state)(void* world, const double* state, double* observation);
} fewstep_world;

/* What functions of a family on MuJoCo's physics see. */
typedef struct {
  size_t size;
  void* family;
  const struct mjModel_* model;
  struct mjData_* data;
  double control_dt;
  const double* task;
  double* memory; /* [32] carried from before_step to reward and terminated of the same step */
} fewstep_simulation;

typedef struct {
  size_t size;
  const char* name; /* as the MJCF names it */
  const void* bytes;
  size_t num_bytes;
} fewstep_file;

/* Families on MuJoCo's physics. Functions marked * may be null. They must hold no object with a
 * destructor across a call into MuJoCo, whose errors leave them by longjmp. */
typedef struct {
  size_t size;
  const char* mjcf;                     /* the model's text; null when mjcf_of gives it */
  const char* (*mjcf_of)(void* family); /* * */
  const fewstep_file* files;            /* what the MJCF names */
  size_t num_files;
  int32_t frame_skip;
  /* 1: quantities derived from positions and velocities are brought up to date after a step */
  int32_t refresh_after_step;
  /* * once, on the compiled model */
  int (*configure_model)(void* family, struct mjModel_* model, struct mjData_* data);
  /* * writes, from the nominal model, every field that tasks change into one that holds what an
   * earlier task left; mj_setConst follows */
  int (*apply_task)(void* family, const struct mjModel_* nominal, struct mjModel_* model,
                    const double* task);
  /* changes qpos and qvel from the model's defaults; mj_forward follows */
  int (*reset)(const fewstep_simulation* simulation, fewstep_stream* stream);
  int (*control)(const fewstep_simulation* simulation, const double* action); /* writes ctrl */
  int (*before_step)(const fewstep_simulation* simulation);                   /* * */
  int (*reward)(const fewstep_simulation* simulation, double* metrics, double* reward);
  int (*terminated)(const fewstep_simulation* simulation, int32_t* terminated); /* * */
  int (*observe)(const fewstep_simulation* simulation, double* observation);
} fewstep_physics;

/* One family. Exactly one of `world` and `physics` is not null. */
typedef struct {
  size_t size;
  const char* name;    /* "cart@me": what it is, and whose definition */
  const char* summary; /* one sentence */
  const fewstep_option* options;
  size_t num_options;
  /* Makes the family with these values of its options, and says what it is. On failure writes a
   * message of at most error_size bytes with its end. `host` outlives the family. */
  int (*create)(const fewstep_host* host, const double* options, void** family, char* error,
                size_t error_size);
  void (*destroy)(void* family);
  const fewstep_spec* (*spec)(void* family);
  /* * one task of a split (0 train, 1 test, 2 ood); null: each number by itself, uniform, and no
   * tasks out of distribution. Returns 1 when there is no such split. */
  int (*draw_task)(void* family, int32_t split, fewstep_stream* stream, double* task);
  const fewstep_world* world;
  const fewstep_physics* physics;
} fewstep_family;

typedef struct {
  size_t size;
  const fewstep_family* families;
  size_t num_families;
} fewstep_plugin_info;

/* Looked at before anything else of the library. */
typedef struct {
  char magic[8];           /* "fewstep" */
  uint32_t abi_version;    /* FEWSTEP_ABI_VERSION */
  uint32_t mujoco_version; /* mjVERSION_HEADER, or 0: the library does not use MuJoCo */
  uint32_t pointer_bytes;
  uint32_t family_bytes; /* sizeof(fewstep_family) */
} fewstep_plugin_header;

#if defined(__GNUC__)
#define FEWSTEP_EXPORT __attribute__((visibility("default")))
#else
#define FEWSTEP_EXPORT
#endif

extern FEWSTEP_EXPORT const fewstep_plugin_header fewstep_plugin_abi;
FEWSTEP_EXPORT const fewstep_plugin_info* fewstep_plugin(void);

#ifdef __cplusplus
}
#endif

/* Defines what the library exports. `list` is an array of fewstep_family. */
#define FEWSTEP_PLUGIN(list) FEWSTEP_DEFINE_PLUGIN(list, 0)
#define FEWSTEP_PHYSICS_PLUGIN(list) FEWSTEP_DEFINE_PLUGIN(list, mjVERSION_HEADER)
#define FEWSTEP_DEFINE_PLUGIN(list, mujoco)                                     \
  const fewstep_plugin_header fewstep_plugin_abi = FEWSTEP_HEADER(mujoco);      \
  const fewstep_plugin_info* fewstep_plugin(void) {                             \
    static const fewstep_plugin_info info = {sizeof(fewstep_plugin_info), list, \
                                             sizeof(list) / sizeof((list)[0])}; \
    return &info;                                                               \
  }
#define FEWSTEP_HEADER(mujoco)                                                       \
  {                                                                                  \
    {'f', 'e', 'w', 's', 't', 'e', 'p', 0}, FEWSTEP_ABI_VERSION, (uint32_t)(mujoco), \
        (uint32_t)sizeof(void*), (uint32_t)sizeof(fewstep_family)                    \
  }

#endif /* FEWSTEP_PLUGIN_H */
