// Task families in a shared library, written in C++20: a layer over fewstep/plugin.h that is compiled
// into the plug-in. Exceptions end the episode in which they are thrown, or refuse the family with
// their text; none leaves the library.
//
//   class Walk final : public fewstep::api::WorldFamily {
//    public:
//     static constexpr const char* kName = "walk@me";
//     static constexpr const char* kSummary = "A walker finds the side that pays.";
//     static std::vector<fewstep::api::Option> Options() { return {}; }
//     explicit Walk(std::span<const double> options);
//     fewstep::api::Spec Define() const override;
//     std::unique_ptr<fewstep::api::World> MakeWorld() const override;
//   };
//   FEWSTEP_CPP_PLUGIN(Walk)
//
// A family on MuJoCo's physics derives from PhysicsFamily and is exported by
// FEWSTEP_CPP_PHYSICS_PLUGIN.
#pragma once

#include <array>
#include <cstring>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "fewstep/plugin.h"

namespace fewstep::api {

enum class Split { kTrain = 0, kTest = 1, kOod = 2 };

// All randomness of a family.
class Stream {
 public:
  Stream(const fewstep_host* host, fewstep_stream* stream) : host_(host), stream_(stream) {}
  double Uniform(double low = 0, double high = 1) { return host_->uniform(stream_, low, high); }
  double Normal() { return host_->normal(stream_); }
  uint64_t Below(uint64_t n) { return host_->below(stream_, n); }

 private:
  const fewstep_host* host_;
  fewstep_stream* stream_;
};

// The structs of fewstep/plugin.h with owners; what they mean is said there.
struct Parameter {
  std::string name, unit, law;
  double low = 0, high = 1;
  double valid_low = 0, valid_high = 0;
  std::vector<double> choices = {};
};

struct Option {
  const char *name, *help, *unit;
  int type = FEWSTEP_NUMBER;
  double value = 0, low = 0, high = 1;
};

// What a picture shows: see fewstep_drawing.
struct Drawing {
  std::vector<std::string> position = {}, goal = {};
  double goal_radius = 0, goal_height = 0;
  std::string target = {}, measured = {};
  double axis[3] = {};
  bool direction = false, arms = false;
};

struct Spec {
  std::string source, model, reset, reward, termination = "never", action, splits;
  std::vector<std::string> observation;
  int observation_size = 0, action_size = 0;
  bool discrete = false;
  double action_low = -1, action_high = 1;
  int horizon = 0;
  bool terminates = false;
  int trial_episodes = 1;
  bool finite = false;
  double control_dt = 0;
  std::vector<Parameter> parameters = {};
  std::vector<std::string> metrics = {}, state = {};
  Drawing drawing = {};
};

// What both kinds of families have. A class of its own has besides: kName, kSummary, Options() and a
// constructor from the options' values.
class Family {
 public:
  virtual ~Family() = default;
  virtual Spec Define() const = 0;
  // Writes one task of a split; false when there is no such split. Without it each number is drawn
  // by itself.
  virtual bool DrawTask(Split, Stream, std::span<double>) const { return false; }
};

struct Step {
  double reward = 0;
  bool terminated = false;
};

// One simulation with a state of its own.
class World {
 public:
  virtual ~World() = default;
  virtual void Begin(std::span<const double> task) = 0;
  virtual void Reset(Stream stream, double* observation) = 0;
  virtual Step Advance(const double* action, Stream stream, double* observation,
                       double* metrics) = 0;
  virtual void GetState(double* state) const = 0;
  virtual void SetState(const double* state, double* observation) = 0;
};

class WorldFamily : public Family {
 public:
  virtual std::unique_ptr<World> MakeWorld() const = 0;
};

// A family on MuJoCo's physics; functions run on any thread, so they change nothing of the family.
class PhysicsFamily : public Family {
 public:
  static constexpr int kFrameSkip = 1;             // a class of its own may say otherwise
  static constexpr bool kRefreshAfterStep = false;
  virtual const char* Mjcf() const = 0;
  virtual void ConfigureModel(mjModel_*, mjData_*) const {}
  virtual void ApplyTask(const mjModel_* /*nominal*/, mjModel_*, const double* /*task*/) const {}
  virtual void Reset(const fewstep_simulation& simulation, Stream stream) const = 0;
  virtual void Control(const fewstep_simulation& simulation, const double* action) const = 0;
  virtual void BeforeStep(const fewstep_simulation&) const {}
  virtual double Reward(const fewstep_simulation& simulation, double* metrics) const = 0;
  virtual bool Terminated(const fewstep_simulation&) const { return false; }
  virtual void Observe(const fewstep_simulation& simulation, double* observation) const = 0;
};

namespace internal {

// Runs `body`; when it throws, says what and returns 1.
template <typename Body>
int Guard(const fewstep_host* host, const Body& body) noexcept {
  try {
    body();
    return 0;
  } catch (const std::exception& problem) {
    host->report(problem.what());
  } catch (...) {
    host->report("an exception without a text");
  }
  return 1;
}

// A family with its definition in both forms.
template <typename Own>
struct Held {
  Held(const fewstep_host* host_of, std::span<const double> options)
      : host(host_of), family(options), spec(family.Define()) {
    const auto list = [](const std::vector<std::string>& texts) {
      std::vector<const char*> pointers;
      for (const std::string& text : texts) pointers.push_back(text.c_str());
      return pointers;
    };
    observation = list(spec.observation);
    metrics = list(spec.metrics);
    state = list(spec.state);
    for (const Parameter& p : spec.parameters) {
      parameters.push_back({sizeof(fewstep_parameter), p.name.c_str(), p.unit.c_str(),
                            p.law.c_str(), p.low, p.high, p.valid_low, p.valid_high,
                            p.choices.empty() ? nullptr : p.choices.data(), p.choices.size()});
    }
    position = list(spec.drawing.position);
    goal = list(spec.drawing.goal);
    const auto text = [](const std::string& of) { return of.empty() ? nullptr : of.c_str(); };
    const Drawing& shown = spec.drawing;
    drawing = {sizeof(fewstep_drawing), position.data(), position.size(), goal.data(), goal.size(),
               shown.goal_radius, shown.goal_height, text(shown.target), text(shown.measured),
               {shown.axis[0], shown.axis[1], shown.axis[2]}, shown.direction ? 1 : 0,
               shown.arms ? 1 : 0};
    c = {sizeof(fewstep_spec), spec.source.c_str(), spec.model.c_str(), spec.reset.c_str(),
         spec.reward.c_str(), spec.termination.c_str(), spec.action.c_str(), spec.splits.c_str(),
         observation.data(), observation.size(), spec.observation_size, spec.action_size,
         spec.discrete ? 1 : 0, spec.action_low, spec.action_high, spec.horizon,
         spec.terminates ? 1 : 0, spec.trial_episodes, spec.finite ? 1 : 0, spec.control_dt,
         parameters.data(), parameters.size(), metrics.data(), metrics.size(), state.data(),
         state.size(), &drawing};
  }

  const fewstep_host* host;
  Own family;
  Spec spec;
  std::vector<const char*> observation, metrics, state, position, goal;
  std::vector<fewstep_parameter> parameters;
  fewstep_drawing drawing{};
  fewstep_spec c{};
};

template <typename Own>
const Held<Own>& HeldOf(void* family) {
  return *static_cast<Held<Own>*>(family);
}

template <typename Own>
int Create(const fewstep_host* host, const double* options, void** family, char* error,
           size_t error_size) {
  std::string message;
  try {
    *family = new Held<Own>(host, {options, Own::Options().size()});
    return 0;
  } catch (const std::exception& problem) {
    message = problem.what();
  } catch (...) {
    message = "an exception without a text";
  }
  if (error_size > 0) {
    std::strncpy(error, message.c_str(), error_size - 1);
    error[error_size - 1] = 0;
  }
  return 1;
}

template <typename Own>
int DrawTask(void* family, int32_t split, fewstep_stream* stream, double* task) {
  bool drawn = false;
  const Held<Own>& held = HeldOf<Own>(family);
  const int failed = Guard(held.host, [&] {
    const Stream from(held.host, stream);
    const std::span<double> values(task, held.spec.parameters.size());
    if constexpr (!std::is_same_v<decltype(&Own::DrawTask), decltype(&Family::DrawTask)>) {
      drawn = held.family.DrawTask(static_cast<Split>(split), from, values);
      return;
    }
    if (static_cast<Split>(split) == Split::kOod) return;
    Stream each = from;
    for (size_t i = 0; i < values.size(); ++i) {
      const Parameter& p = held.spec.parameters[i];
      values[i] = p.choices.empty() ? each.Uniform(p.low, p.high)
                                    : p.choices[each.Below(p.choices.size())];
    }
    drawn = true;
  });
  return failed == 0 && drawn ? 0 : 1;
}

// A world with the host it draws from.
struct HeldWorld {
  const fewstep_host* host;
  size_t num_parameters;
  std::unique_ptr<World> world;
};
inline HeldWorld& WorldOf(void* world) { return *static_cast<HeldWorld*>(world); }

template <typename Own>
inline constexpr fewstep_world kWorld = {
    sizeof(fewstep_world),
    [](void* family) -> void* {
      const Held<Own>& held = HeldOf<Own>(family);
      HeldWorld* made = nullptr;
      Guard(held.host, [&] {
        made = new HeldWorld{held.host, held.spec.parameters.size(), held.family.MakeWorld()};
      });
      return made;
    },
    [](void* world) { delete static_cast<HeldWorld*>(world); },
    [](void* world, const double* task) {
      HeldWorld& w = WorldOf(world);
      return Guard(w.host, [&] { w.world->Begin({task, w.num_parameters}); });
    },
    [](void* world, fewstep_stream* stream, double* observation) {
      HeldWorld& w = WorldOf(world);
      return Guard(w.host, [&] { w.world->Reset(Stream(w.host, stream), observation); });
    },
    [](void* world, const double* action, fewstep_stream* stream, double* observation,
       double* metrics, double* reward, int32_t* terminated) {
      HeldWorld& w = WorldOf(world);
      return Guard(w.host, [&] {
        const Step step = w.world->Advance(action, Stream(w.host, stream), observation, metrics);
        *reward = step.reward;
        *terminated = step.terminated ? 1 : 0;
      });
    },
    [](const void* world, double* state) {
      const HeldWorld& w = *static_cast<const HeldWorld*>(world);
      Guard(w.host, [&] { w.world->GetState(state); });
    },
    [](void* world, const double* state, double* observation) {
      HeldWorld& w = WorldOf(world);
      return Guard(w.host, [&] { w.world->SetState(state, observation); });
    }};

template <typename Own>
const Held<Own>& Of(const fewstep_simulation* s) {
  return HeldOf<Own>(s->family);
}

template <typename Own>
inline constexpr fewstep_physics kPhysics = {
    sizeof(fewstep_physics),
    nullptr,
    [](void* family) { return HeldOf<Own>(family).family.Mjcf(); },
    nullptr,
    0,
    Own::kFrameSkip,
    Own::kRefreshAfterStep ? 1 : 0,
    [](void* family, mjModel_* model, mjData_* data) {
      return Guard(HeldOf<Own>(family).host, [&] { HeldOf<Own>(family).family.ConfigureModel(model, data); });
    },
    // only a family that overrides it has models of their own for its tasks
    std::is_same_v<decltype(&Own::ApplyTask), decltype(&PhysicsFamily::ApplyTask)>
        ? nullptr
        : +[](void* family, const mjModel_* nominal, mjModel_* model, const double* task) {
            return Guard(HeldOf<Own>(family).host, [&] { HeldOf<Own>(family).family.ApplyTask(nominal, model, task); });
          },
    [](const fewstep_simulation* s, fewstep_stream* stream) {
      return Guard(Of<Own>(s).host, [&] { Of<Own>(s).family.Reset(*s, Stream(Of<Own>(s).host, stream)); });
    },
    [](const fewstep_simulation* s, const double* action) {
      return Guard(Of<Own>(s).host, [&] { Of<Own>(s).family.Control(*s, action); });
    },
    [](const fewstep_simulation* s) { return Guard(Of<Own>(s).host, [&] { Of<Own>(s).family.BeforeStep(*s); }); },
    [](const fewstep_simulation* s, double* metrics, double* reward) {
      return Guard(Of<Own>(s).host, [&] { *reward = Of<Own>(s).family.Reward(*s, metrics); });
    },
    std::is_same_v<decltype(&Own::Terminated), decltype(&PhysicsFamily::Terminated)>
        ? nullptr
        : +[](const fewstep_simulation* s, int32_t* terminated) {
            return Guard(Of<Own>(s).host, [&] { *terminated = Of<Own>(s).family.Terminated(*s) ? 1 : 0; });
          },
    [](const fewstep_simulation* s, double* observation) {
      return Guard(Of<Own>(s).host, [&] { Of<Own>(s).family.Observe(*s, observation); });
    }};

template <typename Own>
fewstep_family Describe() {
  static const std::vector<fewstep_option> options = [] {
    std::vector<fewstep_option> list;
    for (const Option& o : Own::Options()) {
      list.push_back({sizeof(fewstep_option), o.name, o.help, o.unit, o.type, o.value, o.low,
                      o.high});
    }
    return list;
  }();
  fewstep_family family{};
  family.size = sizeof(fewstep_family);
  family.name = Own::kName;
  family.summary = Own::kSummary;
  family.options = options.data();
  family.num_options = options.size();
  family.create = Create<Own>;
  family.destroy = [](void* held) { delete static_cast<Held<Own>*>(held); };
  family.spec = [](void* held) -> const fewstep_spec* { return &HeldOf<Own>(held).c; };
  family.draw_task = DrawTask<Own>;
  if constexpr (std::is_base_of_v<WorldFamily, Own>) {
    family.world = &kWorld<Own>;
  } else {
    family.physics = &kPhysics<Own>;
  }
  return family;
}

template <typename... Own>
const fewstep_plugin_info* Info() {
  static const std::array<fewstep_family, sizeof...(Own)> families = {Describe<Own>()...};
  static const fewstep_plugin_info info = {sizeof(fewstep_plugin_info), families.data(),
                                           families.size()};
  return &info;
}

}  // namespace internal
}  // namespace fewstep::api

// Defines what the library exports: the families of these classes. With physics among them
// mujoco/mujoco.h is included as well.
#define FEWSTEP_CPP_PLUGIN(...) FEWSTEP_DEFINE_CPP_PLUGIN(0, __VA_ARGS__)
#define FEWSTEP_CPP_PHYSICS_PLUGIN(...) FEWSTEP_DEFINE_CPP_PLUGIN(mjVERSION_HEADER, __VA_ARGS__)
#define FEWSTEP_DEFINE_CPP_PLUGIN(mujoco, ...)                             \
  const fewstep_plugin_header fewstep_plugin_abi = FEWSTEP_HEADER(mujoco); \
  const fewstep_plugin_info* fewstep_plugin(void) {                        \
    return ::fewstep::api::internal::Info<__VA_ARGS__>();                  \
  }
