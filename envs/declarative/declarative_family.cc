#include "envs/declarative/declarative_family.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "envs/declarative/laws.h"
#include "envs/declarative/randomization.h"
#include "envs/declarative/signals.h"
#include "envs/declarative/terms.h"

namespace fewstep::declarative {
namespace {

// Consecutive numbers of a field.
struct Run {
  int first = 0, count = 0;
};

// A part of the observation: runs of a whole field, or a signal.
struct Observed {
  enum class Field { kPosition, kVelocity, kControl, kSignal } field = Field::kSignal;
  std::vector<Run> runs;
  Signal signal;
  bool relative = false;
  Signal relative_to;
  double scale = 1;
  int size = 0;
};

struct Noise {
  NoiseOptions options;
  std::vector<Run> runs;
};

struct Termination {
  Signal of;
  double below, above;
};

struct Metric {
  std::string name;
  Signal of;
};

// What the functions below need of a family.toml; MujocoDefinition::context.
struct Declaration {
  double total_mass = 0;
  int keyframe = -1;
  std::vector<Noise> noise;
  std::vector<int> quaternions;  // where those of free and ball joints begin in qpos
  double action_scale = 1;
  std::vector<double> centre, half;          // of each actuator's range
  std::vector<std::vector<double>> choices;  // of discrete actions
  std::vector<Signal> rates;
  int contact_memory = -1;
  std::vector<Term> terms;
  std::vector<Termination> terminations;
  std::vector<Metric> metrics;
  std::vector<Observed> observations;
  std::vector<Randomization> randomizations;
};

const Declaration& Of(const void* context) noexcept {
  return *static_cast<const Declaration*>(context);
}
const Declaration& Of(const Simulation& s) noexcept { return Of(s.context); }

void Configure(mjModel* model, mjData* data, const void* context) noexcept {
  if (Of(context).total_mass > 0) ScaleTotalMass(model, data, Of(context).total_mass);
}

void ApplyTask(const mjModel* nominal, mjModel* model, const double* task,
               const void* context) noexcept {
  if (!ApplyRandomizations(Of(context).randomizations, nominal, model, task)) {
    mju_error("a randomized quantity makes no sense");
  }
}

void Reset(const Simulation& s, Rng& rng) noexcept {
  const Declaration& d = Of(s);
  if (d.keyframe >= 0) mj_resetDataKeyframe(s.model, s.data, d.keyframe);
  for (const Noise& noise : d.noise) {
    const double scale = noise.options.scale;
    double* field = noise.options.of == NoiseOf::kPosition ? s.data->qpos : s.data->qvel;
    for (const Run& run : noise.runs) {
      for (int i = run.first; i < run.first + run.count; ++i) {
        field[i] += noise.options.law == NoiseLaw::kUniform ? rng.Uniform(-scale, scale)
                                                            : scale * rng.Normal();
      }
    }
  }
  for (const int first : d.quaternions) mju_normalize4(s.data->qpos + first);
}

void Control(const Simulation& s, const double* action) noexcept {
  const Declaration& d = Of(s);
  if (!d.choices.empty()) {
    const std::vector<double>& chosen = d.choices[static_cast<size_t>(*action)];
    std::copy(chosen.begin(), chosen.end(), s.data->ctrl);
    return;
  }
  for (size_t i = 0; i < d.centre.size(); ++i) {
    const double u = mju_clip(action[i] / d.action_scale, -1, 1);
    // where the range is [-1, 1] the number stays as it is, also the sign of 0
    s.data->ctrl[i] = d.centre[i] == 0 && d.half[i] == 1 ? u : d.centre[i] + d.half[i] * u;
  }
}

void BeforeStep(const Simulation& s) noexcept { NoteRates(Of(s).rates, s); }

void AfterPhysics(const Simulation& s) noexcept {
  s.memory[Of(s).contact_memory] = ContactCost(s.model, s.data);
}

double Reward(const Simulation& s, double* metrics) noexcept {
  const Declaration& d = Of(s);
  double reward = 0;
  for (size_t i = 0; i < d.terms.size(); ++i) {
    const double value = Evaluate(d.terms[i], s);
    const double weighted = d.terms[i].options.weight * value;
    reward = i == 0 ? weighted : reward + weighted;
    *metrics++ = d.terms[i].options.kind == TermKind::kSuccess ? value : weighted;
  }
  for (const Metric& metric : d.metrics) ReadSignal(metric.of, s, metrics++);
  return reward;
}

bool Terminated(const Simulation& s) noexcept {
  const Declaration& d = Of(s);
  for (const Termination& bound : d.terminations) {
    double value;
    ReadSignal(bound.of, s, &value);
    if (value < bound.below || value > bound.above) return true;
  }
  for (const Term& term : d.terms) {
    if (term.options.ends_episode && Evaluate(term, s) > 0) return true;
  }
  return false;
}

void Observe(const Simulation& s, double* out) noexcept {
  for (const Observed& block : Of(s).observations) {
    double* first = out;
    if (block.field == Observed::Field::kSignal) {
      ReadPresent(block.signal, s.data, out);
      out += block.size;
    } else {
      const double* field = block.field == Observed::Field::kPosition   ? s.data->qpos
                            : block.field == Observed::Field::kVelocity ? s.data->qvel
                                                                        : s.data->ctrl;
      for (const Run& run : block.runs) {
        out = std::copy_n(field + run.first, run.count, out);
      }
    }
    if (block.relative) {
      double origin[kMaxSignal];
      ReadPresent(block.relative_to, s.data, origin);
      for (int i = 0; i < block.size; ++i) first[i] -= origin[i];
    }
    if (block.scale != 1) {
      for (int i = 0; i < block.size; ++i) first[i] *= block.scale;
    }
  }
}

// Turns the file's words into a Declaration and the family's spec.
class Definer {
 public:
  explicit Definer(const FamilyFolder& folder)
      : folder_(folder),
        file_(folder.file),
        nominal_(CompileModel(folder.mjcf, folder.files, folder.model_path(), Textures::kDrop)),
        model_(nominal_.get()),
        reader_(model_) {}

  MujocoDefinition Define() {
    Head();
    tasks_ = DeclareTasks(file_, folder_.config);
    definition_.spec.parameters = tasks_.parameters;
    definition_.spec.finite = tasks_.finite;
    definition_.spec.splits = tasks_.splits;
    definition_.law = std::move(tasks_.law);
    Simulate();
    Randomize();
    Change();
    ResetPart();
    Act();
    Rewards();
    Terminations();
    Metrics();
    Observations();
    Draw();
    State();

    d_.rates = reader_.rates();
    definition_.refresh_after_step = refresh_;
    definition_.configure_model = Configure;
    definition_.apply_task = d_.randomizations.empty() ? nullptr : ApplyTask;
    definition_.reset = Reset;
    definition_.control = Control;
    definition_.before_step = d_.rates.empty() ? nullptr : BeforeStep;
    definition_.after_physics = d_.contact_memory < 0 ? nullptr : AfterPhysics;
    definition_.reward = Reward;
    definition_.terminated = definition_.spec.terminates ? Terminated : nullptr;
    definition_.observe = Observe;
    definition_.context = std::make_shared<const Declaration>(std::move(d_));
    return std::move(definition_);
  }

 private:
  ErrorContext Where(const std::string& table, std::string_view key) const {
    return folder_.config.Where(table, key);
  }
  static std::string Item(std::string_view list, size_t index) {
    return fmt::format("{}[{}]", list, index);
  }
  [[noreturn]] static void Fail(const std::string& message, ErrorContext where,
                                std::string remedy = "") {
    where.remedy = std::move(remedy);
    throw Error(ErrorKind::kUsage, message, where);
  }
  void Refresh(const Signal& signal) { refresh_ = refresh_ || signal.derived(); }

  void Head() {
    FamilySpec& spec = definition_.spec;
    const HeadOptions& head = file_.family;
    if (head.name.empty() || head.name.find_first_of(" \t\n=,/\"'") != std::string::npos) {
      Fail(head.name.empty() ? "a family needs a name"
                             : fmt::format("'{}' is no name of a family", head.name),
           Where("family", "name"), "A word such as \"arm-reach@me\"");
    }
    if (head.horizon == 0) {
      Fail("a family needs a horizon: the control steps of an episode", Where("family", "horizon"),
           "For example horizon = 200");
    }
    spec.name = head.name;
    spec.summary = head.summary.empty() ? "(no summary)" : head.summary;
    spec.source = head.source.empty() ? "(not stated)" : head.source;
    spec.horizon = static_cast<int>(head.horizon);
    spec.trial_episodes = static_cast<int>(head.trial_episodes);
  }

  void Simulate() {
    const SimulationOptions& simulation = file_.simulation;
    definition_.mjcf = folder_.mjcf;
    definition_.files = folder_.files;
    definition_.frame_skip = static_cast<int>(simulation.frame_skip);
    d_.total_mass = simulation.total_mass;
    if (d_.total_mass > 0) {
      ScaleTotalMass(nominal_.get(), MakeData(model_).get(), d_.total_mass);
    }
    const double step = model_->opt.timestep;
    definition_.spec.control_dt = step * definition_.frame_skip;
    constexpr const char* kIntegrators[] = {"Euler", "RK4", "implicit", "implicitfast"};
    const int integrator = model_->opt.integrator;
    definition_.spec.model = fmt::format(
        "{} ({} degrees of freedom, {} actuators, {:.6g} kg), {}, time step {} s, frame skip {}",
        simulation.model, model_->nv, model_->nu, mj_getTotalmass(model_),
        integrator >= 0 && integrator < 4 ? kIntegrators[integrator] : "integrator of the model",
        step, definition_.frame_skip);
  }

  void Randomize() {
    std::vector<Range> valid;
    for (const ParameterSpec& parameter : tasks_.parameters) {
      valid.push_back(parameter.valid_range());
    }
    for (size_t i = 0; i < file_.randomizations.size(); ++i) {
      const RandomizationOptions& options = file_.randomizations[i];
      const WhereFunction where = [&](std::string_view key) {
        return Where(Item("randomization", i), key);
      };
      Randomization r = MakeRandomization(options, model_, tasks_.places, where);
      CheckRandomization(r, model_, valid, where);
      definition_.spec.model +=
          fmt::format("; {} of {} {} {}", options.quantity,
                      options.objects.empty() ? "the model"
                                              : fmt::format("{}", fmt::join(options.objects, ", ")),
                      r.how == How::kMultiply ? "times"
                      : r.how == How::kSet    ? "="
                                              : "plus",
                      options.parameter);
      if (r.keep_total) definition_.spec.model += ", their sum kept";
      used_.push_back(options.parameter);
      d_.randomizations.push_back(std::move(r));
    }
    CheckTogether(d_.randomizations, model_, valid,
                  [&](std::string_view key) { return Where("randomization[0]", key); });
  }

  void Change() {
    const ChangeOptions& options = file_.change;
    if (options.every == 0) {
      if (!options.parameters.empty() || !options.drift.empty()) {
        Fail("how often the task changes is missing", Where("change", ""), "every = 50");
      }
      return;
    }
    TaskChange change{
        .kind = options.kind, .clock = options.clock, .every = static_cast<int>(options.every)};
    std::vector<std::string> names = options.parameters;
    if (names.empty()) {
      for (const ParameterPlace& place : tasks_.places) names.push_back(place.name);
    }
    std::vector<size_t> group;  // of each number, its parameter's place in `names`
    for (size_t n = 0; n < names.size(); ++n) {
      const ParameterPlace& place = PlaceOf(names[n], Where("change", "parameters"));
      for (int i = 0; i < place.size; ++i) {
        change.parameters.push_back(static_cast<size_t>(place.first + i));
        group.push_back(n);
      }
    }
    const bool drifts = options.kind == TaskChange::Kind::kDrift;
    if (!drifts && !options.drift.empty()) {
      Fail("what is drawn anew does not drift", Where("change", "drift"), "kind = \"drift\"");
    }
    if (drifts) {
      if (options.drift.size() != 1 && options.drift.size() != names.size()) {
        Fail(fmt::format("{} numbers for {} parameters", options.drift.size(), names.size()),
             Where("change", "drift"), "One number for all, or one for each");
      }
      for (size_t i = 0; i < change.parameters.size(); ++i) {
        change.drift.push_back(options.drift[options.drift.size() == 1 ? 0 : group[i]]);
        if (!tasks_.parameters[change.parameters[i]].choices.empty()) {
          Fail(fmt::format("'{}' holds some values only and cannot drift", names[group[i]]),
               Where("change", "parameters"));
        }
      }
    }
    definition_.spec.splits += fmt::format(
        "; {} every {} {}: {}{}", drifts ? "drifts" : "drawn anew", change.every,
        options.clock == TaskChange::Clock::kSteps ? "control steps of a trial"
                                                   : "episodes of a trial",
        fmt::join(names, ", "),
        drifts ? fmt::format(", by N(0, {}^2)", fmt::join(options.drift, "^2), N(0, ")) : "");
    definition_.spec.change = std::move(change);
  }

  const ParameterPlace& PlaceOf(const std::string& name, const ErrorContext& where) const {
    std::vector<std::string> names;
    for (const ParameterPlace& place : tasks_.places) {
      if (place.name == name) return place;
      names.push_back(place.name);
    }
    Fail(fmt::format("there is no parameter '{}'{}", name, DidYouMean(name, names)), where,
         fmt::format("Parameters: {}", fmt::join(names, ", ")));
  }

  // Runs of the joints' numbers in qpos or qvel, neighbours joined.
  std::vector<Run> JointRuns(std::vector<int> joints, bool positions) const {
    std::ranges::sort(joints);
    std::vector<Run> runs;
    const int* addresses = positions ? model_->jnt_qposadr : model_->jnt_dofadr;
    const int total = static_cast<int>(positions ? model_->nq : model_->nv);
    for (const int joint : joints) {
      const int first = addresses[joint];
      const int next = joint + 1 < model_->njnt ? addresses[joint + 1] : total;
      if (!runs.empty() && runs.back().first + runs.back().count == first) {
        runs.back().count += next - first;
      } else {
        runs.push_back({first, next - first});
      }
    }
    return runs;
  }

  std::vector<int> AllJoints() const {
    std::vector<int> all(static_cast<size_t>(model_->njnt));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
    return all;
  }

  void ResetPart() {
    std::vector<std::string> texts;
    const std::string& keyframe = file_.reset.keyframe;
    if (keyframe.empty()) {
      texts.emplace_back("qpos = qpos0, qvel = 0");
    } else {
      d_.keyframe = FindObjects(model_, mjOBJ_KEY, {keyframe}, Where("reset", "keyframe")).front();
      texts.push_back(fmt::format("keyframe {}", keyframe));
    }
    bool moved = false;
    for (size_t i = 0; i < file_.reset.noise.size(); ++i) {
      const NoiseOptions& options = file_.reset.noise[i];
      const bool positions = options.of == NoiseOf::kPosition,
                 all = options.joints == std::vector<std::string>{"*"};
      const std::vector<int> joints = all ? AllJoints()
                                          : FindObjects(model_, mjOBJ_JOINT, options.joints,
                                                        Where(Item("reset.noise", i), "joints"));
      d_.noise.push_back({options, JointRuns(joints, positions)});
      moved = moved || positions;
      texts.push_back(fmt::format(
          "{} of {} + {}", NameOf(kNoiseOfNames, options.of),
          all ? "all joints" : fmt::format("{}", fmt::join(options.joints, ", ")),
          options.law == NoiseLaw::kUniform ? fmt::format("U(-{0}, {0})", options.scale)
                                            : fmt::format("{} N(0, 1)", options.scale)));
    }
    for (int joint = 0; moved && joint < model_->njnt; ++joint) {
      const int type = model_->jnt_type[joint];
      if (type == mjJNT_FREE) d_.quaternions.push_back(model_->jnt_qposadr[joint] + 3);
      if (type == mjJNT_BALL) d_.quaternions.push_back(model_->jnt_qposadr[joint]);
    }
    definition_.spec.reset = fmt::format("{}", fmt::join(texts, "; "));
  }

  void Act() {
    FamilySpec& spec = definition_.spec;
    const ActionOptions& options = file_.action;
    if (model_->nu == 0) {
      Fail("the model has no actuators, so an agent can do nothing", {.file = folder_.model_path()},
           "Add an <actuator> to it");
    }
    if (!options.choices.shape.empty()) {
      const ErrorContext where = Where("action", "choices");
      if (options.choices.shape.size() != 2 || options.choices.shape[0] < 2 ||
          options.choices.shape[1] != model_->nu) {
        Fail(fmt::format("choices are at least two rows of {} controls", model_->nu), where);
      }
      const auto width = static_cast<std::ptrdiff_t>(model_->nu);
      for (std::ptrdiff_t row = 0; row < options.choices.shape[0]; ++row) {
        const auto first = options.choices.values.begin() + row * width;
        d_.choices.emplace_back(first, first + width);
      }
      spec.action_kind = ActionKind::kDiscrete;
      spec.action_size = static_cast<int>(d_.choices.size());
      spec.action = fmt::format("ctrl = the row of the choice, of {} rows", spec.action_size);
      return;
    }
    bool plain = true;
    for (int i = 0; i < model_->nu; ++i) {
      const bool limited = model_->actuator_ctrllimited[i] != 0;
      const double low = limited ? model_->actuator_ctrlrange[2 * i] : -1;
      const double high = limited ? model_->actuator_ctrlrange[2 * i + 1] : 1;
      d_.centre.push_back((low + high) / 2);
      d_.half.push_back((high - low) / 2);
      plain = plain && d_.centre.back() == 0 && d_.half.back() == 1;
    }
    d_.action_scale = options.scale;
    spec.action_size = static_cast<int>(model_->nu);
    spec.action_low = -options.scale;
    spec.action_high = options.scale;
    spec.action = fmt::format("{} clip(a{}, -1, 1){}", plain ? "u =" : "u: of",
                              options.scale == 1 ? "" : fmt::format(" / {}", options.scale),
                              plain ? "" : ", stretched to each actuator's ctrlrange");
  }

  Target ReadTarget(const TermOptions& options, const std::string& item) {
    Target target;
    if (!options.to.empty() && !options.target.empty()) {
      Fail("a target is either to or target", Where(item, "to"));
    }
    if (!options.target.empty()) {
      target.kind = Target::Kind::kNumbers;
      target.numbers = options.target;
      target.size = static_cast<int>(options.target.size());
      target.text = fmt::format("[{}]", fmt::join(options.target, ", "));
    } else if (options.to.find(':') != std::string::npos) {
      target.kind = Target::Kind::kSignal;
      target.signal = reader_.Parse(options.to, Where(item, "to"));
      target.size = target.signal.size();
      target.text = options.to;
      Refresh(target.signal);
    } else if (!options.to.empty()) {
      const ParameterPlace& place = PlaceOf(options.to, Where(item, "to"));
      target.kind = Target::Kind::kTask;
      target.parameter = place.first;
      target.size = place.size;
      target.text = options.to;
      used_.push_back(options.to);
    }
    return target;
  }

  void Rewards() {
    std::vector<std::string> formulas;
    FamilySpec& spec = definition_.spec;
    if (file_.rewards.empty()) {
      Fail("a family needs a reward", Where("reward", ""), "Add [[reward]]");
    }
    for (size_t i = 0; i < file_.rewards.size(); ++i) {
      const std::string item = Item("reward", i);
      Term term{.options = file_.rewards[i]};
      TermOptions& o = term.options;
      if (o.name.empty()) o.name = NameOf(kTermNames, o.kind);

      // the signal and what it is compared with
      const bool has_signal = o.kind != TermKind::kControlCost &&
                              o.kind != TermKind::kContactCost && o.kind != TermKind::kAlive;
      if (!has_signal && (!o.of.empty() || !o.to.empty() || !o.target.empty())) {
        Fail(fmt::format("{} has neither a signal nor a target", NameOf(kTermNames, o.kind)),
             Where(item, o.of.empty() ? "to" : "of"));
      }
      if (has_signal) {
        const bool speed = o.kind == TermKind::kVelocityTowards;
        if (speed && o.of.starts_with("rate:")) {
          Fail("velocity_towards takes the place, not its rate", Where(item, "of"));
        }
        if (speed && o.to.starts_with("rate:")) {
          Fail("a rate is neither a direction nor a place", Where(item, "to"));
        }
        if (o.of.empty()) Fail("a signal is missing", Where(item, "of"), kSignalHelp);
        term.of = reader_.Parse(speed ? "rate:" + o.of : o.of, Where(item, "of"));
        Refresh(term.of);
        term.target = ReadTarget(o, item);
        CheckSizes(term, item);
      }
      if (o.kind == TermKind::kTolerance) CheckTolerance(term, item);
      if (o.kind == TermKind::kSuccess && !(o.radius > 0)) {
        Fail("success needs a radius", Where(item, "radius"));
      }
      if (o.ends_episode && o.kind != TermKind::kSuccess) {
        Fail("only success ends an episode", Where(item, "ends_episode"),
             "For bounds add [[termination]]");
      }
      if (o.kind == TermKind::kContactCost) {
        if (d_.contact_memory < 0) d_.contact_memory = reader_.Reserve(1, Where(item, ""));
        term.contact_memory = d_.contact_memory;
      }
      for (const std::string& other : spec.metrics) {
        if (other != o.name) continue;
        Fail(fmt::format("two terms are called '{}'", o.name), Where(item, "name"),
             "Give one of them another name");
      }
      spec.metrics.push_back(o.name);
      spec.terminates = spec.terminates || o.ends_episode;
      if (o.ends_episode) ends_.push_back(fmt::format("{} reached", o.name));
      formulas.push_back(Formula(term));
      d_.terms.push_back(std::move(term));
    }
    spec.reward = fmt::format("{}", fmt::join(formulas, " + "));
  }

  void CheckSizes(const Term& term, const std::string& item) const {
    const TermOptions& o = term.options;
    const int size = term.of.size();
    const bool none = term.target.kind == Target::Kind::kNone;
    const ErrorContext where = Where(item, none ? "of" : o.to.empty() ? "target" : "to");
    if (o.kind == TermKind::kValue) {
      if (!none) Fail("value has no target", where, "kind = \"distance\" has one");
      if (size != 1) {
        Fail(fmt::format("'{}' has {} numbers, and value takes one", o.of, size), where,
             "Choose a component, as in .x");
      }
      return;
    }
    if (o.kind == TermKind::kVelocityTowards) {
      if (none) Fail("velocity_towards needs a direction, in to or target", where);
      const bool angle = size == 2 && term.target.size == 1;
      if (term.target.size != size && !angle) {
        Fail(fmt::format("a direction of {} numbers for a place of {}", term.target.size, size),
             where);
      }
      return;
    }
    if (none && o.kind == TermKind::kTolerance) {
      if (size == 1) return;
      Fail(fmt::format("'{}' has {} numbers and no target to measure from", o.of, size), where,
           "Add to or target, or choose a component, as in .x");
    }
    if (!none && term.target.size != size) {
      Fail(fmt::format("'{}' has {} numbers and its target {}", o.of, size, term.target.size),
           where, "Choose components, as in .xy");
    }
  }

  void CheckTolerance(Term& term, const std::string& item) const {
    TermOptions& o = term.options;
    if (o.bounds.size() != 2 || !(o.bounds[0] <= o.bounds[1])) {
      Fail("bounds are [low, high]", Where(item, "bounds"));
    }
    const bool reaches_zero = o.falloff == Falloff::kCosine || o.falloff == Falloff::kLinear ||
                              o.falloff == Falloff::kQuadratic;
    if (!(o.value_at_margin < 1) || (o.value_at_margin == 0 && !reaches_zero)) {
      Fail(fmt::format("{} cannot be reached by the falloff {}", o.value_at_margin,
                       NameOf(kFalloffNames, o.falloff)),
           Where(item, "value_at_margin"), "A number above 0 and below 1");
    }
    term.falloff_scale = FalloffScale(o.falloff, o.value_at_margin);
  }

  void Terminations() {
    for (size_t i = 0; i < file_.terminations.size(); ++i) {
      const TerminationOptions& options = file_.terminations[i];
      const std::string item = Item("termination", i);
      Termination bound{reader_.ParseScalar(options.of, Where(item, "of")), options.below,
                        options.above};
      if (std::isinf(bound.below) && std::isinf(bound.above)) {
        Fail("it has no bound", Where(item, ""), "Add below or above");
      }
      if (bound.below > bound.above) {
        Fail("below is more than above: every episode would end at once", Where(item, "below"));
      }
      Refresh(bound.of);
      if (std::isfinite(bound.below))
        ends_.push_back(fmt::format("{} < {}", options.of, bound.below));
      if (std::isfinite(bound.above))
        ends_.push_back(fmt::format("{} > {}", options.of, bound.above));
      d_.terminations.push_back(std::move(bound));
    }
    FamilySpec& spec = definition_.spec;
    spec.terminates = !ends_.empty();
    spec.termination = ends_.empty() ? "never" : fmt::format("{}", fmt::join(ends_, ", or "));
  }

  void Metrics() {
    for (size_t i = 0; i < file_.metrics.size(); ++i) {
      const MetricOptions& options = file_.metrics[i];
      const std::string item = Item("metric", i);
      if (options.name.empty()) Fail("a metric needs a name", Where(item, "name"));
      std::vector<std::string>& names = definition_.spec.metrics;
      if (std::ranges::find(names, options.name) != names.end()) {
        Fail("a term of the reward or another metric has this name", Where(item, "name"));
      }
      Metric metric{options.name, reader_.ParseScalar(options.of, Where(item, "of"))};
      Refresh(metric.of);
      names.push_back(options.name);
      d_.metrics.push_back(std::move(metric));
    }
  }

  void Observations() {
    FamilySpec& spec = definition_.spec;
    if (file_.observations.empty()) {
      Fail("a family needs an observation", Where("observation", ""), "Add [[observation]]");
    }
    for (size_t i = 0; i < file_.observations.size(); ++i) {
      const ObservationOptions& options = file_.observations[i];
      const std::string item = Item("observation", i);
      Observed block{.scale = options.scale};
      std::string text = options.of;
      const bool positions = options.of == "qpos";
      if (positions || options.of == "qvel") {
        block.field = positions ? Observed::Field::kPosition : Observed::Field::kVelocity;
        std::vector<int> joints = AllJoints();
        if (!options.except.empty()) {
          const std::vector<int> out =
              FindObjects(model_, mjOBJ_JOINT, options.except, Where(item, "except"));
          std::erase_if(joints, [&](int joint) { return std::ranges::count(out, joint) > 0; });
          text += fmt::format(" without {}", fmt::join(options.except, ", "));
        }
        block.runs = JointRuns(joints, positions);
      } else if (options.of == "ctrl") {
        block.field = Observed::Field::kControl;
        block.runs = {{0, static_cast<int>(model_->nu)}};
      } else {
        if (options.of.starts_with("rate:")) {
          Fail("a rate is not observed: at a reset there is no step before", Where(item, "of"),
               "Observe qvel, or a velocity sensor of the model");
        }
        block.signal = reader_.Parse(options.of, Where(item, "of"));
        block.size = block.signal.size();
        Refresh(block.signal);
      }
      if (block.field != Observed::Field::kSignal) {
        for (const Run& run : block.runs) block.size += run.count;
      }
      if (block.size == 0) Fail("nothing is left to observe", Where(item, "of"));
      if (!options.except.empty() && block.field != Observed::Field::kPosition &&
          block.field != Observed::Field::kVelocity) {
        Fail("only qpos and qvel leave joints out", Where(item, "except"));
      }
      if (!options.relative_to.empty()) {
        if (options.relative_to.starts_with("rate:")) {
          Fail("a rate is not observed", Where(item, "relative_to"));
        }
        block.relative = true;
        block.relative_to = reader_.Parse(options.relative_to, Where(item, "relative_to"));
        if (block.relative_to.size() != block.size) {
          Fail(fmt::format("'{}' has {} numbers, and '{}' has {}", options.relative_to,
                           block.relative_to.size(), options.of, block.size),
               Where(item, "relative_to"));
        }
        Refresh(block.relative_to);
        text += fmt::format(" - {}", options.relative_to);
      }
      if (options.scale != 1) text = fmt::format("{} ({})", options.scale, text);
      spec.observation.push_back(fmt::format("{} ({})", text, block.size));
      spec.observation_size += block.size;
      d_.observations.push_back(std::move(block));
    }
  }

  void DrawTarget(const DrawingOptions& options) {
    FamilySpec& spec = definition_.spec;
    const ParameterPlace& place = PlaceOf(options.target, Where("drawing", "target"));
    if (place.size != 1) {
      Fail(fmt::format("'{}' has {} numbers, a metric has one", place.name, place.size),
           Where("drawing", "target"));
    }
    if (std::ranges::find(spec.metrics, options.measured) == spec.metrics.end()) {
      const std::string nearest = Nearest(options.measured, spec.metrics);
      Fail(fmt::format("there is no metric '{}'", options.measured), Where("drawing", "measured"),
           nearest.empty() ? fmt::format("There are {}", fmt::join(spec.metrics, ", "))
                           : fmt::format("Do you mean '{}'?", nearest));
    }
    if (!options.axis.empty() && options.axis.size() != 3) {
      Fail(fmt::format("an axis in the world has three numbers, not {}", options.axis.size()),
           Where("drawing", "axis"));
    }
    DrawingHints::Target target{
        .parameter = tasks_.parameters[static_cast<size_t>(place.first)].name,
        .metric = options.measured,
        .sign = options.direction};
    std::ranges::copy(options.axis, target.axis.begin());
    spec.drawing.targets.push_back(std::move(target));
  }

  void Draw() {
    const DrawingOptions& options = file_.drawing;
    if (!options.goal.empty()) {
      const ParameterPlace& place = PlaceOf(options.goal, Where("drawing", "goal"));
      if (place.size != 2 && place.size != 3) {
        Fail(fmt::format("'{}' has {} numbers and is no place", place.name, place.size),
             Where("drawing", "goal"));
      }
      DrawingHints& drawing = definition_.spec.drawing;
      for (int i = 0; i < place.size; ++i) {
        drawing.goal.push_back(tasks_.parameters[static_cast<size_t>(place.first + i)].name);
      }
      drawing.goal_radius = options.radius;
      drawing.goal_height = options.height;
    }
    if (options.target.empty() != options.measured.empty()) {
      Fail("target and measured go together: a parameter, and the metric that is to reach it",
           Where("drawing", options.target.empty() ? "measured" : "target"));
    }
    if (!options.target.empty()) DrawTarget(options);
    // a task that nothing depends on is one by name only
    for (size_t p = 0; p < tasks_.places.size(); ++p) {
      const std::string& name = tasks_.places[p].name;
      if (std::ranges::find(used_, name) != used_.end()) continue;
      Fail(fmt::format("nothing depends on the parameter '{}'", name),
           Where(Item("parameter", p), "name"),
           "Use it in a [[reward]] (to) or a [[randomization]]");
    }
  }

  void State() {
    std::vector<std::string>& state = definition_.spec.state;
    const auto add = [&](std::string_view field, const int* addresses, int total) {
      for (int joint = 0; joint < model_->njnt; ++joint) {
        const char* own = mj_id2name(model_, mjOBJ_JOINT, joint);
        const std::string name = own ? own : fmt::format("joint{}", joint);
        const int first = addresses[joint];
        const int next = joint + 1 < model_->njnt ? addresses[joint + 1] : total;
        for (int i = first; i < next; ++i) {
          state.push_back(next - first == 1 ? fmt::format("{}.{}", field, name)
                                            : fmt::format("{}.{}.{}", field, name, i - first));
        }
      }
    };
    add("qpos", model_->jnt_qposadr, static_cast<int>(model_->nq));
    add("qvel", model_->jnt_dofadr, static_cast<int>(model_->nv));
    for (int i = 0; i < model_->na; ++i) state.push_back(fmt::format("act.{}", i));
  }

  const FamilyFolder& folder_;
  const FamilyFile& file_;
  ModelPtr nominal_;
  const mjModel* model_;
  SignalReader reader_;
  MujocoDefinition definition_;
  Declaration d_;
  DeclaredTasks tasks_;
  std::vector<std::string> used_, ends_;
  bool refresh_ = false;
};

}  // namespace

MujocoDefinition Define(const FamilyFolder& folder) { return Definer(folder).Define(); }

std::pair<std::string, FamilyEntry> OpenFamilyFolder(const std::string& path,
                                                     const ModelGuard& guard) {
  const auto folder = std::make_shared<const FamilyFolder>(ReadFamilyFolder(path));
  // the guard is asked once a program, however often the family is made
  const auto checked = std::make_shared<std::once_flag>();
  FamilyEntry entry =
      EntryOf<FamilyOptions>([folder, guard, checked](const FamilyOptions& options) {
        std::call_once(*checked, [&] { guard.Check(*folder); });
        try {
          return MakeMujocoFamily(Define(*folder), options, folder->HashedText());
        } catch (const Error& error) {
          // what is checked of any family does not know of the file
          if (error.kind() != ErrorKind::kPlugin) throw;
          throw Error(ErrorKind::kUsage, error.what(), {.file = folder->toml_path()});
        }
      });
  entry.origin = folder->path;
  entry.save = [folder](const std::string& destination) {
    WriteFamilyFolder(*folder, destination);
  };
  return {folder->file.family.name, std::move(entry)};
}

}  // namespace fewstep::declarative
