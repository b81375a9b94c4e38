#define XXH_INLINE_ALL
#define XXH_VECTOR 0  // scalar: a definition is short, and the digest is the same
#include "envs/task_family.h"

#include <bit>
#include <charconv>
#include <system_error>
#include <utility>

#include <xxhash.h>

#include "core/error.h"
#include "envs/task_law.h"

namespace fewstep {
namespace {

// Feeds fields to a hash so that no two lists of fields give the same bytes: every text and every
// list is preceded by its length, and numbers enter as little-endian 64-bit words.
class FieldHasher {
 public:
  FieldHasher() { XXH3_64bits_reset(&state_); }

  void Add(uint64_t value) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(value >> (8 * i));
    XXH3_64bits_update(&state_, bytes, sizeof(bytes));
  }
  void Add(int value) { Add(static_cast<uint64_t>(static_cast<int64_t>(value))); }
  void Add(bool value) { Add(static_cast<uint64_t>(value)); }
  void Add(double value) { Add(std::bit_cast<uint64_t>(value)); }
  void Add(std::string_view text) {
    Add(static_cast<uint64_t>(text.size()));
    XXH3_64bits_update(&state_, text.data(), text.size());
  }
  template <typename T>
  void Add(const std::vector<T>& list) {
    Add(static_cast<uint64_t>(list.size()));
    for (const T& item : list) Add(item);
  }
  void Add(const std::string& text) { Add(std::string_view(text)); }
  void Add(const ParameterSpec& parameter) {
    Add(parameter.name);
    Add(parameter.unit);
    Add(parameter.low);
    Add(parameter.high);
    Add(parameter.choices);
    Add(parameter.law);
  }
  void Add(const TaskChange& change) {
    Add(static_cast<int>(change.kind));
    Add(static_cast<int>(change.clock));
    Add(change.every);
    Add(static_cast<uint64_t>(change.parameters.size()));
    for (const size_t parameter : change.parameters) Add(static_cast<uint64_t>(parameter));
    Add(change.drift);
  }

  uint64_t digest() const { return XXH3_64bits_digest(&state_); }

 private:
  XXH3_state_t state_;
};

std::vector<std::string> ParameterNames(const FamilySpec& spec) {
  std::vector<std::string> names;
  for (const ParameterSpec& parameter : spec.parameters) names.push_back(parameter.name);
  return names;
}

// Throws Error(kUsage) unless all of `text` is a number.
double ParseNumber(std::string_view text, const std::string& key) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is not a number", text), {.key = key});
  }
  return value;
}

}  // namespace

std::string DefinitionHash(const FamilySpec& spec, std::string_view model_text) {
  FieldHasher hasher;
  for (const std::string* text : {&spec.name, &spec.source, &spec.model, &spec.reset, &spec.reward,
                                  &spec.termination, &spec.action, &spec.splits}) {
    hasher.Add(*text);
  }
  hasher.Add(spec.observation);
  hasher.Add(spec.observation_size);
  hasher.Add(spec.action_size);
  hasher.Add(static_cast<int>(spec.action_kind));
  hasher.Add(spec.action_low);
  hasher.Add(spec.action_high);
  hasher.Add(spec.horizon);
  hasher.Add(spec.control_dt);
  hasher.Add(spec.finite);
  hasher.Add(spec.parameters);
  hasher.Add(spec.metrics);
  hasher.Add(spec.state);
  if (spec.trial_episodes > 1) hasher.Add(spec.trial_episodes);
  if (spec.change) hasher.Add(*spec.change);
  if (spec.change && spec.change->kind == TaskChange::Kind::kDrift) {
    // walls that a walk is reflected at; elsewhere nothing that is trained or judged depends on
    // them
    for (const size_t p : spec.change->parameters) {
      hasher.Add(spec.parameters[p].valid_range().low);
      hasher.Add(spec.parameters[p].valid_range().high);
    }
  }
  if (!spec.dense_reward.empty()) hasher.Add(spec.dense_reward);
  hasher.Add(model_text);
  return fmt::format("{:016x}", hasher.digest());
}

std::vector<ParameterGroup> GroupParameters(const FamilySpec& spec) {
  constexpr size_t kSmallest = 4;
  const auto alike = [](const ParameterSpec& a, const ParameterSpec& b) {
    return a.unit == b.unit && a.low == b.low && a.high == b.high && a.choices == b.choices &&
           a.law == b.law && a.valid == b.valid;
  };
  std::vector<ParameterGroup> groups;
  for (size_t first = 0; first < spec.parameters.size();) {
    size_t end = first + 1;
    while (end < spec.parameters.size() && alike(spec.parameters[first], spec.parameters[end])) {
      ++end;
    }
    if (end - first >= kSmallest) {
      groups.push_back({first, end - first});
    } else {
      for (size_t i = first; i < end; ++i) groups.push_back({i, 1});
    }
    first = end;
  }
  return groups;
}

std::string ToString(const FamilySpec& spec, const ParameterGroup& group) {
  const std::string& first = spec.parameters[group.first].name;
  if (group.count == 1) return first;
  return fmt::format("{} ... {} ({})", first, spec.parameters[group.first + group.count - 1].name,
                     group.count);
}

std::string ToString(const FamilySpec& spec, const Task& task) {
  FEWSTEP_CHECK(task.values.size() == spec.parameters.size(), "{} values for {} parameters",
                task.values.size(), spec.parameters.size());
  // the shortest decimal that reads back as the same double
  std::string text;
  for (size_t i = 0; i < task.values.size(); ++i) {
    text += fmt::format("{}{}={}", i == 0 ? "" : " ", spec.parameters[i].name, task.values[i]);
  }
  return text;
}

Task ParseTask(const FamilySpec& spec, std::span<const std::string> assignments) {
  const std::vector<std::string> names = ParameterNames(spec);
  Task task{spec.name, std::vector<double>(names.size())};
  std::vector<bool> given(names.size(), false);

  for (const std::string& assignment : assignments) {
    // split at the first '='
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos) {
      throw Error(ErrorKind::kUsage, fmt::format("'{}' is not of the form name=value", assignment),
                  {.remedy = fmt::format("Parameters: {}", fmt::join(names, ", "))});
    }
    const std::string name = assignment.substr(0, equals);

    // find the parameter, once
    size_t index = 0;
    while (index < names.size() && names[index] != name) ++index;
    if (index == names.size()) {
      throw Error(
          ErrorKind::kUsage,
          fmt::format("'{}' has no parameter '{}'{}", spec.name, name, DidYouMean(name, names)),
          {.remedy = fmt::format("Parameters: {}", fmt::join(names, ", "))});
    }
    if (given[index]) throw Error(ErrorKind::kUsage, "given twice", {.key = name});
    given[index] = true;
    task.values[index] = ParseNumber(std::string_view(assignment).substr(equals + 1), name);
  }

  for (size_t i = 0; i < names.size(); ++i) {
    if (!given[i]) {
      throw Error(ErrorKind::kUsage, fmt::format("missing for a task of '{}'", spec.name),
                  {.key = names[i], .remedy = fmt::format("Add {}=VALUE", names[i])});
    }
  }
  CheckTask(spec, task);
  return task;
}

void VectorEnv::Reset(std::span<const int> ids, const Rng& rng, std::span<float> observations) {
  std::vector<EpisodeOrigin> origins;
  origins.reserve(ids.size());
  for (const int env : ids) origins.emplace_back(rng.Fork("env", static_cast<uint64_t>(env)));
  Start(ids, origins, observations);
}

StepBatch VectorEnv::MakeStepBatch() const {
  const size_t envs = static_cast<size_t>(num_envs());
  const size_t observation_size = static_cast<size_t>(spec().observation_size);
  StepBatch batch;
  batch.observations.resize(envs * observation_size);
  batch.observations64.resize(envs * observation_size);
  batch.rewards.resize(envs);
  if (!spec().dense_reward.empty()) batch.dense_rewards.resize(envs);
  batch.terminated.resize(envs);
  batch.truncated.resize(envs);
  batch.diverged.resize(envs);
  batch.metrics.resize(envs * spec().metrics.size());
  return batch;
}

void FamilyOptions::Visit(FieldVisitor& visitor) {
  visitor.Field(
      "horizon", horizon,
      {.help = "Control steps after which an episode is truncated; 0 keeps the published horizon.",
       .unit = "control steps",
       .min = 0,
       .max = static_cast<double>(kMaxHorizon)});
  visitor.Field("trial_episodes", trial_episodes,
                {.help = "Episodes that an agent spends on one task; 0 keeps the published number.",
                 .unit = "episodes",
                 .min = 0,
                 .max = static_cast<double>(kMaxTrialEpisodes)});
  visitor.Field("observe_task", observe_task,
                {.help = "Whether the observation ends with the task's parameters, scaled to [-1, "
                         "1]: an oracle, the ceiling of what adapts."});
  visitor.Field("task", task,
                {.help = "One task, as [\"velocity=2\"], in place of all: trained on and evaluated "
                         "on; [] keeps the published ones."});
}

}  // namespace fewstep
