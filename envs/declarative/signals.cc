#include "envs/declarative/signals.h"

#include <algorithm>
#include <array>
#include <fnmatch.h>
#include <numeric>
#include <optional>

namespace fewstep::declarative {
namespace {

using Source = Signal::Source;

struct SourceRow {
  std::string_view prefix;
  Source source;
  mjtObj type;
};
constexpr SourceRow kSources[] = {
    {"qpos", Source::kPosition, mjOBJ_JOINT},
    {"qvel", Source::kVelocity, mjOBJ_JOINT},
    {"ctrl", Source::kControl, mjOBJ_ACTUATOR},
    {"sensor", Source::kSensor, mjOBJ_SENSOR},
    {"site", Source::kSite, mjOBJ_SITE},
    {"body", Source::kBody, mjOBJ_BODY},
    {"geom", Source::kGeom, mjOBJ_GEOM},
    {"com", Source::kCom, mjOBJ_BODY},
    {"up", Source::kUp, mjOBJ_BODY},
};

// Where object `id` begins in the source's field, and how many numbers it has.
struct Place {
  int address, size;
};
Place PlaceOf(const mjModel* model, Source source, int id) {
  switch (source) {
    case Source::kPosition: {
      const int next =
          id + 1 < model->njnt ? model->jnt_qposadr[id + 1] : static_cast<int>(model->nq);
      return {model->jnt_qposadr[id], next - model->jnt_qposadr[id]};
    }
    case Source::kVelocity: {
      const int next =
          id + 1 < model->njnt ? model->jnt_dofadr[id + 1] : static_cast<int>(model->nv);
      return {model->jnt_dofadr[id], next - model->jnt_dofadr[id]};
    }
    case Source::kControl:
      return {id, 1};
    case Source::kSensor:
      return {model->sensor_adr[id], model->sensor_dim[id]};
    case Source::kUp:
      return {9 * id + 2, 3};
    default:
      return {3 * id, 3};
  }
}

// The z axis of a body is a column of its matrix.
int Stride(Source source) { return source == Source::kUp ? 3 : 1; }

const double* Field(Source source, const mjData* data) noexcept {
  switch (source) {
    case Source::kPosition:
      return data->qpos;
    case Source::kVelocity:
      return data->qvel;
    case Source::kControl:
      return data->ctrl;
    case Source::kSensor:
      return data->sensordata;
    case Source::kSite:
      return data->site_xpos;
    case Source::kBody:
      return data->xpos;
    case Source::kGeom:
      return data->geom_xpos;
    case Source::kCom:
      return data->subtree_com;
    case Source::kUp:
      return data->xmat;
  }
  return nullptr;
}

// Offsets of ".xz"; nothing when the letters are no components.
std::optional<std::vector<int>> Components(std::string_view letters) {
  std::vector<int> offsets;
  for (const char c : letters) {
    if (c < 'x' || c > 'z') return std::nullopt;
    offsets.push_back(c - 'x');
  }
  if (offsets.empty()) return std::nullopt;
  return offsets;
}

[[noreturn]] void Fail(const std::string& message, ErrorContext where, std::string remedy = "") {
  where.remedy = std::move(remedy);
  throw Error(ErrorKind::kUsage, message, where);
}

}  // namespace

std::vector<std::string> ObjectNames(const mjModel* model, mjtObj type) {
  std::vector<std::string> names;
  for (int id = 0;; ++id) {
    // past the last object there is no name either, so count them by type
    const int count = static_cast<int>(type == mjOBJ_BODY       ? model->nbody
                                       : type == mjOBJ_JOINT    ? model->njnt
                                       : type == mjOBJ_GEOM     ? model->ngeom
                                       : type == mjOBJ_SITE     ? model->nsite
                                       : type == mjOBJ_ACTUATOR ? model->nu
                                       : type == mjOBJ_SENSOR   ? model->nsensor
                                                                : model->nkey);
    if (id >= count) return names;
    if (const char* name = mj_id2name(model, type, id)) names.emplace_back(name);
  }
}

std::string_view ObjectNoun(mjtObj type) {
  switch (type) {
    case mjOBJ_BODY:
      return "body";
    case mjOBJ_JOINT:
      return "joint";
    case mjOBJ_GEOM:
      return "geom";
    case mjOBJ_SITE:
      return "site";
    case mjOBJ_ACTUATOR:
      return "actuator";
    case mjOBJ_SENSOR:
      return "sensor";
    default:
      return "keyframe";
  }
}

std::vector<int> FindObjects(const mjModel* model, mjtObj type,
                             const std::vector<std::string>& patterns, const ErrorContext& where) {
  const std::vector<std::string> names = ObjectNames(model, type);
  std::vector<int> ids;
  for (const std::string& pattern : patterns) {
    bool found = false;
    for (const std::string& name : names) {
      if (fnmatch(pattern.c_str(), name.c_str(), 0) != 0) continue;
      found = true;
      ids.push_back(mj_name2id(model, type, name.c_str()));
    }
    if (found) continue;
    Fail(fmt::format("the model has no {} '{}'{}", ObjectNoun(type), pattern,
                     DidYouMean(pattern, names)),
         where,
         names.empty() ? fmt::format("It has no {} with a name", ObjectNoun(type))
                       : fmt::format("It has {}", fmt::join(names, ", ")));
  }
  // each once, where it was named first
  std::vector<int> unique;
  for (const int id : ids) {
    if (std::ranges::find(unique, id) == unique.end()) unique.push_back(id);
  }
  return unique;
}

Signal SignalReader::Parse(const std::string& text, const ErrorContext& where) {
  Signal signal;
  signal.text = text;
  std::string_view rest = text;
  const bool rate = rest.starts_with("rate:");
  if (rate) rest.remove_prefix(5);

  // KIND:NAME
  const size_t colon = rest.find(':');
  std::vector<std::string> prefixes;
  for (const SourceRow& row : kSources) prefixes.emplace_back(row.prefix);
  const std::string prefix(rest.substr(0, colon));
  const auto row = std::ranges::find(kSources, prefix, &SourceRow::prefix);
  if (colon == std::string_view::npos || row == std::end(kSources)) {
    Fail(text.empty() ? "a signal is missing"
                      : fmt::format("'{}' is no signal{}", text, DidYouMean(prefix, prefixes)),
         where, fmt::format("A signal is {}:NAME", fmt::join(prefixes, ":NAME, ")));
  }
  signal.source = row->source;

  // the name may hold a point itself; components come after the last one
  std::string name(rest.substr(colon + 1));
  std::optional<std::vector<int>> chosen;
  int id = mj_name2id(model_, row->type, name.c_str());
  if (const size_t point = name.rfind('.'); id < 0 && point != std::string::npos) {
    chosen = Components(std::string_view(name).substr(point + 1));
    if (chosen) {
      name.resize(point);
      id = mj_name2id(model_, row->type, name.c_str());
    }
  }
  if (id < 0) {
    const std::vector<std::string> names = ObjectNames(model_, row->type);
    Fail(fmt::format("the model has no {} '{}'{}", ObjectNoun(row->type), name,
                     DidYouMean(name, names)),
         where,
         names.empty() ? fmt::format("It has no {} with a name", ObjectNoun(row->type))
                       : fmt::format("It has {}", fmt::join(names, ", ")));
  }

  const Place place = PlaceOf(model_, signal.source, id);
  signal.address = place.address;
  if (!chosen) {
    chosen.emplace(static_cast<size_t>(place.size));
    std::iota(chosen->begin(), chosen->end(), 0);
  }
  for (const int component : *chosen) {
    if (component >= place.size) {
      Fail(fmt::format("'{}' has {} numbers", name, place.size), where);
    }
    signal.components.push_back(component * Stride(signal.source));
  }
  if (signal.size() > kMaxSignal) {
    Fail(fmt::format("'{}' has {} numbers, and a signal at most {}", text, signal.size(),
                     kMaxSignal),
         where, "Choose components, as in .xy");
  }

  if (rate) {
    // the same rate is noted once
    const auto same = std::ranges::find(rates_, text, &Signal::text);
    if (same != rates_.end()) return *same;
    signal.memory = Reserve(signal.size(), where);
    rates_.push_back(signal);
  }
  return signal;
}

int SignalReader::Reserve(int size, const ErrorContext& where) {
  if (memory_used_ + size > Simulation::kMemory) {
    Fail(fmt::format("rates and contact costs of more than {} numbers in all", Simulation::kMemory),
         where);
  }
  memory_used_ += size;
  return memory_used_ - size;
}

Signal SignalReader::ParseScalar(const std::string& text, const ErrorContext& where) {
  Signal signal = Parse(text, where);
  if (signal.size() != 1) {
    Fail(fmt::format("'{}' has {} numbers, and one is needed", text, signal.size()), where,
         "Choose a component, as in .x");
  }
  return signal;
}

void ReadPresent(const Signal& signal, const mjData* data, double* out) noexcept {
  const double* first = Field(signal.source, data) + signal.address;
  for (const int component : signal.components) *out++ = first[component];
}

void ReadSignal(const Signal& signal, const Simulation& simulation, double* out) noexcept {
  ReadPresent(signal, simulation.data, out);
  if (signal.memory < 0) return;
  const double* before = simulation.memory + signal.memory;
  for (int i = 0; i < signal.size(); ++i) out[i] = (out[i] - before[i]) / simulation.control_dt;
}

void NoteRates(const std::vector<Signal>& rates, const Simulation& simulation) noexcept {
  for (const Signal& rate : rates) {
    ReadPresent(rate, simulation.data, simulation.memory + rate.memory);
  }
}

}  // namespace fewstep::declarative
