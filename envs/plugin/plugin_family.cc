#include "envs/plugin/plugin_family.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/mujoco/mujoco_family.h"
#include "envs/worlds/world_family.h"

namespace fewstep::plugin {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// What a plug-in said last of why it fails.
std::mutex report_mutex;
std::string last_report;  // guarded by report_mutex

void NoteReport(const char* text) {
  const std::lock_guard lock(report_mutex);
  last_report.assign(text, strnlen(text, 500));
}

fewstep_stream* StreamOf(Rng& rng) { return reinterpret_cast<fewstep_stream*>(&rng); }
Rng& RngOf(fewstep_stream* stream) { return *reinterpret_cast<Rng*>(stream); }

constexpr fewstep_host kHost = {.size = sizeof(fewstep_host),
                                .uniform = [](fewstep_stream* s, double low,
                                              double high) { return RngOf(s).Uniform(low, high); },
                                .normal = [](fewstep_stream* s) { return RngOf(s).Normal(); },
                                .below = [](fewstep_stream* s, uint64_t n) -> uint64_t {
                                  return n > 0 ? RngOf(s).Below(n) : 0;
                                },
                                .report = [](const char* text) { NoteReport(text ? text : ""); }};

// The family's own keys beside those that all have.
class PluginOptions final : public FamilyOptions {
 public:
  PluginOptions(std::shared_ptr<const Library> library, const fewstep_family* family)
      : library_(std::move(library)), family_(family) {
    for (size_t i = 0; i < family->num_options; ++i) {
      const double value = family->options[i].value;
      numbers_.push_back(value);
      integers_.push_back(static_cast<int64_t>(value));
      booleans_.push_back(value != 0);
    }
  }

  void Visit(FieldVisitor& visitor) override {
    FamilyOptions::Visit(visitor);
    for (size_t i = 0; i < numbers_.size(); ++i) {
      const fewstep_option& option = family_->options[i];
      const FieldInfo info{
          .help = option.help, .unit = option.unit, .min = option.low, .max = option.high};
      switch (option.type) {
        case FEWSTEP_INTEGER:
          visitor.Field(option.name, integers_[i], info);
          numbers_[i] = static_cast<double>(integers_[i]);
          break;
        case FEWSTEP_BOOLEAN: {
          bool value = booleans_[i];
          visitor.Field(option.name, value, {.help = option.help});
          booleans_[i] = value;
          numbers_[i] = value ? 1 : 0;
          break;
        }
        default:
          visitor.Field(option.name, numbers_[i], info);
      }
    }
  }

  const std::vector<double>& numbers() const { return numbers_; }

 private:
  std::shared_ptr<const Library> library_;  // of the texts
  const fewstep_family* family_;
  std::vector<double> numbers_;
  std::vector<int64_t> integers_;
  std::vector<bool> booleans_;
};

// A family that its author's create has made.
class Instance {
 public:
  Instance(std::shared_ptr<const Library> library, const fewstep_family* family,
           const std::vector<double>& options)
      : library_(std::move(library)), family_(family) {
    char message[1024] = "";
    const int failed = family_->create(&kHost, options.data(), &object_, message, sizeof(message));
    message[sizeof(message) - 1] = 0;
    if (failed == 0) return;
    throw Error(ErrorKind::kUsage,
                fmt::format("the family '{}' refuses its options: {}", family_->name,
                            *message ? message : "no reason is given"),
                {.file = library_->path});
  }
  ~Instance() { family_->destroy(object_); }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const fewstep_family& family() const { return *family_; }
  void* object() const { return object_; }

  [[noreturn]] void Reject(std::string_view what) const {
    throw Error(ErrorKind::kPlugin, fmt::format("the family '{}' {}", family_->name, what),
                {.file = library_->path});
  }

 private:
  std::shared_ptr<const Library> library_;
  const fewstep_family* family_;
  void* object_ = nullptr;
};

// What the author says of the family, checked as far as its form goes.
FamilySpec ReadSpec(const Instance& instance) {
  const fewstep_spec* from = instance.family().spec(instance.object());
  const auto require = [&](bool condition, std::string_view what) {
    if (!condition) instance.Reject(what);
  };
  require(from != nullptr && from->size == sizeof(fewstep_spec),
          "gives no fewstep_spec of the right size");
  FamilySpec spec;
  spec.name = instance.family().name;
  spec.summary = instance.family().summary;
  const std::tuple<const char*, const char*, std::string*> texts[] = {
      {"source", from->source, &spec.source},
      {"model", from->model, &spec.model},
      {"reset", from->reset, &spec.reset},
      {"reward", from->reward, &spec.reward},
      {"termination", from->termination, &spec.termination},
      {"action", from->action, &spec.action},
      {"splits", from->splits, &spec.splits}};
  for (const auto& [name, text, to] : texts) {
    require(text != nullptr && *text != 0, fmt::format("says nothing of its {}", name));
    *to = text;
  }
  const auto names = [&](const char* what, const char* const* list, size_t count) {
    require(count == 0 || list != nullptr, fmt::format("has no list of its {}", what));
    require(count <= 100000, fmt::format("has {} {}", count, what));
    std::vector<std::string> read;
    for (size_t i = 0; i < count; ++i) {
      require(list[i] != nullptr, fmt::format("has no text for {} {}", what, i));
      read.emplace_back(list[i]);
    }
    return read;
  };
  spec.observation = names("observation", from->observation, from->num_observation);
  spec.metrics = names("metrics", from->metrics, from->num_metrics);
  spec.state = names("state", from->state, from->num_state);
  spec.observation_size = from->observation_size;
  spec.action_size = from->action_size;
  spec.action_kind = from->discrete ? ActionKind::kDiscrete : ActionKind::kContinuous;
  spec.action_low = from->action_low;
  spec.action_high = from->action_high;
  if (from->discrete) spec.action_low = -1, spec.action_high = 1;
  spec.horizon = from->horizon;
  spec.terminates = from->terminates != 0;
  spec.trial_episodes = from->trial_episodes;
  spec.finite = from->finite != 0;
  spec.control_dt = from->control_dt;
  require(from->num_parameters > 0 && from->parameters != nullptr,
          "has no parameter: what makes one task differ from another");
  for (size_t i = 0; i < from->num_parameters; ++i) {
    const fewstep_parameter& p = from->parameters[i];
    require(p.size == sizeof(fewstep_parameter),
            fmt::format("has a parameter {} of the wrong size", i));
    require(p.name && p.unit && p.law, fmt::format("has a parameter {} without a text", i));
    require(p.num_choices == 0 || p.choices != nullptr,
            fmt::format("has no list of the choices of '{}'", p.name));
    ParameterSpec parameter{.name = p.name,
                            .unit = p.unit,
                            .low = p.low,
                            .high = p.high,
                            .choices = {p.choices, p.choices + p.num_choices},
                            .law = p.law};
    if (p.valid_low != 0 || p.valid_high != 0) parameter.valid = {p.valid_low, p.valid_high};
    spec.parameters.push_back(std::move(parameter));
  }
  if (from->drawing == nullptr) return spec;

  const fewstep_drawing& d = *from->drawing;
  require(d.size == sizeof(fewstep_drawing), "gives no fewstep_drawing of the right size");
  spec.drawing.position = names("drawn positions", d.position, d.num_position);
  spec.drawing.goal = names("drawn goal", d.goal, d.num_goal);
  spec.drawing.goal_radius = d.goal_radius;
  spec.drawing.goal_height = d.goal_height;
  spec.drawing.arms = d.arms != 0;
  require((d.target == nullptr) == (d.measured == nullptr),
          "draws a target without what is measured, or the other way round");
  if (d.target != nullptr) {
    spec.drawing.targets = {{.parameter = d.target,
                             .metric = d.measured,
                             .axis = {d.axis[0], d.axis[1], d.axis[2]},
                             .sign = d.direction != 0}};
  }
  return spec;
}

// Room for what a function writes, with a margin in which writing too much is seen.
class Guarded {
 public:
  explicit Guarded(size_t size) : size_(size), values_(size + kMargin, kSentinel) {}
  size_t size() const { return size_; }
  // Where to write; what is not written is no number, and what was written too much is forgotten.
  double* Empty() noexcept {
    std::fill_n(values_.begin(), size_, kNan);
    std::fill(values_.begin() + static_cast<std::ptrdiff_t>(size_), values_.end(), kSentinel);
    return values_.data();
  }
  // Copies what was written; false when there was more of it.
  bool CopyTo(double* out) const noexcept {
    std::copy_n(values_.data(), size_, out);
    for (size_t i = size_; i < size_ + kMargin; ++i) {
      if (values_[i] != kSentinel) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kMargin = 16;
  static constexpr double kSentinel = -6.02214076e23;
  size_t size_;
  std::vector<double> values_;
};

// What draw_task draws; an error of it is a task that no family has, which is refused by name.
TaskLaw ReadLaw(const std::shared_ptr<const Instance>& instance, size_t num_parameters) {
  if (instance->family().draw_task == nullptr) return {};
  const auto of = [&](Split split) -> DrawFunction {
    return [instance, split](Rng& rng, std::span<double> values) {
      Guarded written(values.size());
      const int failed = instance->family().draw_task(
          instance->object(), static_cast<int32_t>(split), StreamOf(rng), written.Empty());
      if (!written.CopyTo(values.data()) || failed != 0) std::ranges::fill(values, kNan);
    };
  };
  TaskLaw law{.draw = of(Split::kTrain), .test = of(Split::kTest)};
  // a split that there is not answers so at once
  Guarded scratch(num_parameters);
  Rng rng(0);
  if (instance->family().draw_task(instance->object(), static_cast<int32_t>(Split::kOod),
                                   StreamOf(rng), scratch.Empty()) == 0) {
    law.ood = of(Split::kOod);
  }
  return law;
}

// Where functions of physics write, one a thread: an error leaves them by longjmp.
Guarded& Scratch(size_t size) {
  thread_local std::vector<Guarded> scratch;
  // the sizes of a program are few
  for (Guarded& one : scratch) {
    if (one.size() == size) return one;
  }
  return scratch.emplace_back(size);
}

class PluginWorld final : public World {
 public:
  PluginWorld(std::shared_ptr<const Instance> instance, const FamilySpec& spec)
      : instance_(std::move(instance)),
        functions_(*instance_->family().world),
        world_(functions_.create(instance_->object())),
        observation_(static_cast<size_t>(spec.plain_observation_size())),
        metrics_(spec.metrics.size()),
        state_(spec.state.size()) {
    if (world_ == nullptr) {
      throw Error(ErrorKind::kRuntime,
                  fmt::format("the family '{}' made no world", instance_->family().name));
    }
  }
  ~PluginWorld() override { functions_.destroy(world_); }
  PluginWorld(const PluginWorld&) = delete;
  PluginWorld& operator=(const PluginWorld&) = delete;

  void Begin(std::span<const double> task) override {
    broken_ = functions_.begin(world_, task.data()) != 0;
  }
  void Reset(Rng& rng, double* observation) noexcept override {
    Observe(functions_.reset(world_, StreamOf(rng), observation_.Empty()), observation);
  }
  WorldStep Step(const double* action, Rng& rng, double* observation,
                 double* metrics) noexcept override {
    double reward = kNan;
    int32_t terminated = 0;
    int failed = functions_.step(world_, action, StreamOf(rng), observation_.Empty(),
                                 metrics_.Empty(), &reward, &terminated);
    if (!metrics_.CopyTo(metrics)) failed = 1;
    Observe(failed, observation);
    return {.reward = failed == 0 && !broken_ ? reward : kNan, .terminated = terminated != 0};
  }
  void GetState(double* state) const noexcept override {
    functions_.get_state(world_, state_.Empty());
    if (!state_.CopyTo(state)) broken_ = true;
  }
  void SetState(const double* state, double* observation) noexcept override {
    Observe(functions_.set_state(world_, state, observation_.Empty()), observation);
  }

 private:
  // What was written, or no numbers when that went wrong.
  void Observe(int failed, double* observation) noexcept {
    const bool sound = observation_.CopyTo(observation) && failed == 0 && !broken_;
    if (!sound) observation[0] = kNan;
  }

  std::shared_ptr<const Instance> instance_;
  const fewstep_world& functions_;
  void* world_;
  Guarded observation_, metrics_;
  mutable Guarded state_;
  mutable bool broken_ = false;  // the task was refused, or more of the state written than there is
};

// Physics: what the functions of a MujocoDefinition get as their context.
struct Physics {
  std::shared_ptr<const Instance> instance;
  size_t num_metrics = 0, observation_size = 0;
  mutable bool configured = true;  // set by one thread, while the family is made
  const fewstep_physics& functions() const { return *instance->family().physics; }
};

const Physics& Of(const void* context) noexcept { return *static_cast<const Physics*>(context); }

fewstep_simulation ToPlugin(const Simulation& s) noexcept {
  return {.size = sizeof(fewstep_simulation),
          .family = Of(s.context).instance->object(),
          .model = s.model,
          .data = s.data,
          .control_dt = s.control_dt,
          .task = s.task,
          .memory = s.memory};
}

// Ends the simulation's step or edit, as an error of MuJoCo's own does.
void Check(int failed, const char* what) noexcept {
  if (failed != 0) mju_error("the plug-in's %s failed", what);
}

void Configure(mjModel* model, mjData* data, const void* context) noexcept {
  const Physics& physics = Of(context);
  if (physics.functions().configure_model(physics.instance->object(), model, data) != 0) {
    physics.configured = false;
  }
}
void ApplyTask(const mjModel* nominal, mjModel* model, const double* task,
               const void* context) noexcept {
  Check(Of(context).functions().apply_task(Of(context).instance->object(), nominal, model, task),
        "apply_task");
}
void Reset(const Simulation& s, Rng& rng) noexcept {
  const fewstep_simulation simulation = ToPlugin(s);
  Check(Of(s.context).functions().reset(&simulation, StreamOf(rng)), "reset");
}
void Control(const Simulation& s, const double* action) noexcept {
  const fewstep_simulation simulation = ToPlugin(s);
  Check(Of(s.context).functions().control(&simulation, action), "control");
}
void BeforeStep(const Simulation& s) noexcept {
  const fewstep_simulation simulation = ToPlugin(s);
  Check(Of(s.context).functions().before_step(&simulation), "before_step");
}
double Reward(const Simulation& s, double* metrics) noexcept {
  const fewstep_simulation simulation = ToPlugin(s);
  double reward = kNan;
  Guarded& written = Scratch(Of(s.context).num_metrics);
  Check(Of(s.context).functions().reward(&simulation, written.Empty(), &reward), "reward");
  return written.CopyTo(metrics) ? reward : kNan;
}
bool Terminated(const Simulation& s) noexcept {
  const fewstep_simulation simulation = ToPlugin(s);
  int32_t terminated = 0;
  Check(Of(s.context).functions().terminated(&simulation, &terminated), "terminated");
  return terminated != 0;
}
void Observe(const Simulation& s, double* observation) noexcept {
  const fewstep_simulation simulation = ToPlugin(s);
  Guarded& written = Scratch(Of(s.context).observation_size);
  Check(Of(s.context).functions().observe(&simulation, written.Empty()), "observe");
  if (!written.CopyTo(observation)) observation[0] = kNan;
}

MujocoDefinition DefinePhysics(const std::shared_ptr<const Instance>& instance, FamilySpec spec) {
  const fewstep_physics& p = *instance->family().physics;
  MujocoDefinition d;
  const char* mjcf = p.mjcf ? p.mjcf : p.mjcf_of(instance->object());
  if (mjcf == nullptr) instance->Reject("gives no MJCF");
  d.mjcf = mjcf;
  if (p.num_files > 0 && p.files == nullptr) instance->Reject("has no list of its files");
  for (size_t i = 0; i < p.num_files; ++i) {
    const fewstep_file& file = p.files[i];
    if (file.size != sizeof(fewstep_file) || file.name == nullptr || file.bytes == nullptr) {
      instance->Reject(fmt::format("has no fewstep_file {} with a name and bytes", i));
    }
    d.files[file.name] = std::string(static_cast<const char*>(file.bytes), file.num_bytes);
  }
  if (spec.state.empty()) {
    const ModelPtr model = CompileModel(d.mjcf, d.files, spec.name, Textures::kDrop);
    const std::pair<const char*, int64_t> fields[] = {
        {"qpos", model->nq}, {"qvel", model->nv}, {"act", model->na}};
    for (const auto& [field, count] : fields) {
      for (int64_t i = 0; i < count; ++i) spec.state.push_back(fmt::format("{}.{}", field, i));
    }
  }
  d.spec = std::move(spec);
  d.frame_skip = p.frame_skip;
  d.refresh_after_step = p.refresh_after_step != 0;
  d.configure_model = p.configure_model ? Configure : nullptr;
  d.apply_task = p.apply_task ? ApplyTask : nullptr;
  d.reset = Reset;
  d.control = Control;
  d.before_step = p.before_step ? BeforeStep : nullptr;
  d.reward = Reward;
  d.terminated = p.terminated ? Terminated : nullptr;
  d.observe = Observe;
  d.context = std::make_shared<const Physics>(
      Physics{instance, d.spec.metrics.size(), static_cast<size_t>(d.spec.observation_size)});
  return d;
}

}  // namespace

std::string TakeLastReport() {
  const std::lock_guard lock(report_mutex);
  return std::exchange(last_report, {});
}

FamilyEntry EntryOfPlugin(const std::shared_ptr<const Library>& library,
                          const fewstep_family* family) {
  FamilyEntry entry;
  entry.origin = library->path;
  entry.library_hash = library->hash;
  entry.make_options = [library, family]() -> std::unique_ptr<FamilyOptions> {
    return std::make_unique<PluginOptions>(library, family);
  };
  entry.make = [library, family](const FamilyOptions& options) -> std::unique_ptr<TaskFamily> {
    PluginOptions defaults(library, family);
    const auto* own = dynamic_cast<const PluginOptions*>(&options);
    const auto instance = std::make_shared<const Instance>(
        library, family, own ? own->numbers() : defaults.numbers());
    FamilySpec spec = ReadSpec(*instance);
    // an option may change what no text tells
    std::string settings;
    for (size_t i = 0; i < family->num_options; ++i) {
      settings +=
          fmt::format("{}={};", family->options[i].name, (own ? *own : defaults).numbers()[i]);
    }
    TaskLaw law = ReadLaw(instance, spec.parameters.size());
    try {
      if (family->physics) {
        MujocoDefinition definition = DefinePhysics(instance, std::move(spec));
        definition.law = std::move(law);
        definition.settings = std::move(settings);
        const std::shared_ptr<const void> context = definition.context;
        auto made = MakeMujocoFamily(std::move(definition), options);
        if (!Of(context.get()).configured) instance->Reject("fails in configure_model");
        return made;
      }
      WorldDefinition definition;
      definition.spec = spec;
      definition.law = std::move(law);
      definition.settings = std::move(settings);
      definition.make_world = [instance, spec]() -> std::unique_ptr<World> {
        return std::make_unique<PluginWorld>(instance, spec);
      };
      return MakeWorldFamily(std::move(definition), options);
    } catch (const Error& error) {
      // what is checked of any family does not know of the library
      if (error.kind() != ErrorKind::kPlugin && error.kind() != ErrorKind::kData) throw;
      throw Error(ErrorKind::kPlugin, error.what(), {.file = library->path});
    }
  };
  return entry;
}

}  // namespace fewstep::plugin
