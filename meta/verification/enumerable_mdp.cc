#include "meta/verification/enumerable_mdp.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "agents/policies/mlp_policy.h"

namespace fewstep {

void MdpOptions::Visit(FieldVisitor& v) {
  constexpr double kMany = 1000;
  v.Field("states", states, {.help = "States S of the process.", .min = 1, .max = kMany});
  v.Field("actions", actions, {.help = "Actions A in each state.", .min = 1, .max = kMany});
  v.Field("horizon", horizon,
          {.help = "Steps of every episode.", .unit = "steps", .min = 1, .max = kMany});
  v.Field("start", start, {.help = "Probabilities of the first state, [S]; absent: state 0."});
  v.Field("transition", transition, {.help = "Probabilities of the next state, [S, A, S]."});
  v.Field("reward", reward, {.help = "Reward of an action in a state, [S, A]."});
  v.Field("policy", policy, {.help = "Logits of the actions in each state, [S, A]."});
  v.Field("inner_learning_rate", inner_learning_rate,
          {.help = "Step size alpha of the inner loop.", .min = 0, .max = 1e6});
  v.Field("inner_steps", inner_steps,
          {.help = "Gradient steps of the inner loop.", .unit = "steps", .min = 0, .max = 10});
  v.Choice("inner_optimizer", inner_optimizer, kInnerOptimizerNames,
           {.help = "What an inner step does with the gradient."});
}

MdpOptions TwoStateMdp() {
  MdpOptions mdp;
  mdp.states = mdp.actions = 2;
  mdp.horizon = 3;
  mdp.transition = {{2, 2, 2}, {.9, .1, .2, .8, .7, .3, .4, .6}};
  mdp.reward = {{2, 2}, {0, 1, 2, -1}};
  mdp.policy = {{2, 2}, {.1, -.2, .3, .4}};
  mdp.inner_learning_rate = 0.5;
  return mdp;
}

namespace {

// Names the key of what is wrong.
class Checker {
 public:
  explicit Checker(const EnumerableMdp::Where& where) : where_(where) {}

  [[noreturn]] void Fail(std::string_view key, const std::string& message) const {
    ErrorContext context = where_ ? where_(key) : ErrorContext{};
    if (context.key.empty()) context.key = key;
    throw Error(ErrorKind::kUsage, message, context);
  }

  void Present(std::string_view key, bool present) const {
    if (!present) Fail(key, "a decision process needs this key");
  }

  void Shape(std::string_view key, const NumberTable& table, std::vector<int64_t> shape) const {
    Present(key, !table.shape.empty());
    if (table.shape != shape) {
      Fail(key, fmt::format("this table is [{}] and must be [{}]", fmt::join(table.shape, ", "),
                            fmt::join(shape, ", ")));
    }
    for (const double value : table.values) {
      if (!std::isfinite(value)) Fail(key, fmt::format("{} is not a finite number", value));
    }
  }

  // Every innermost row is a probability distribution.
  void Distributions(std::string_view key, const NumberTable& table) const {
    const auto length = static_cast<size_t>(table.shape.back());
    for (size_t first = 0; first < table.values.size(); first += length) {
      double sum = 0;
      for (size_t i = first; i < first + length; ++i) {
        if (table.values[i] < 0) {
          Fail(key, fmt::format("{} in row {} is no probability", table.values[i],
                                RowName(table, first / length)));
        }
        sum += table.values[i];
      }
      if (std::abs(sum - 1) > 1e-9) {
        Fail(key, fmt::format("the probabilities of row {} sum to {}, not to 1",
                              RowName(table, first / length), sum));
      }
    }
  }

 private:
  // "[1][0]", counted from 0 as states and actions are.
  static std::string RowName(const NumberTable& table, size_t row) {
    std::string name;
    for (size_t d = table.shape.size() - 1; d-- > 0;) {
      const auto length = static_cast<size_t>(table.shape[d]);
      name = fmt::format("[{}]", row % length) + name;
      row /= length;
    }
    return name.empty() ? "[0]" : name;
  }

  const EnumerableMdp::Where& where_;
};

// Trajectories of positive probability, counted from the end; in floating point, as they may be
// more than an integer holds.
double CountTrajectories(const TabularMdp& tables, int64_t horizon) {
  std::vector<double> count(tables.start.size(), tables.actions);
  for (int64_t step = 1; step < horizon; ++step) {
    std::vector<double> longer(count.size());
    for (int s = 0; s < tables.states; ++s) {
      for (int a = 0; a < tables.actions; ++a) {
        const std::span<const double> next = tables.Next(s, a);
        for (size_t to = 0; to < next.size(); ++to) {
          if (next[to] > 0) longer[static_cast<size_t>(s)] += count[to];
        }
      }
    }
    count = std::move(longer);
  }
  double total = 0;
  for (size_t s = 0; s < count.size(); ++s) {
    if (tables.start[s] > 0) total += count[s];
  }
  return total;
}

// One row of Trajectories as it grows.
struct Path {
  std::vector<int64_t> states, actions;
  std::vector<double> rewards;
  double probability = 1;
};

void Append(const EnumerableMdp& mdp, const Path& path, Trajectories& out) {
  out.states.insert(out.states.end(), path.states.begin(), path.states.end());
  out.actions.insert(out.actions.end(), path.actions.begin(), path.actions.end());
  const size_t first = out.returns_to_go.size();
  out.returns_to_go.resize(first + path.rewards.size());
  double to_go = 0;
  for (size_t t = path.rewards.size(); t-- > 0;) {
    out.returns_to_go[first + t] = to_go += path.rewards[t];
  }
  out.probabilities.push_back(path.probability);
  FEWSTEP_CHECK(path.states.size() == static_cast<size_t>(mdp.options().horizon), "{} steps",
                path.states.size());
}

// All continuations of `path` from `state`, where it has arrived.
void Extend(const EnumerableMdp& mdp, Path& path, int state, Trajectories& out) {
  const TabularMdp& tables = mdp.tables();
  path.states.push_back(state);
  for (int a = 0; a < tables.actions; ++a) {
    path.actions.push_back(a);
    path.rewards.push_back(tables.Reward(state, a));
    if (static_cast<int64_t>(path.states.size()) == mdp.options().horizon) {
      Append(mdp, path, out);
    } else {
      for (int next = 0; next < tables.states; ++next) {
        const double before = path.probability;
        path.probability *= tables.Next(state, a)[static_cast<size_t>(next)];
        if (path.probability > 0) Extend(mdp, path, next, out);
        path.probability = before;
      }
    }
    path.actions.pop_back();
    path.rewards.pop_back();
  }
  path.states.pop_back();
}

FamilySpec SpecOf(const MdpOptions& options) {
  FamilySpec spec;
  spec.name = "enumerable-mdp";
  spec.summary = "A decision process given by tables.";
  spec.observation = {fmt::format("state, one-hot ({})", options.states)};
  spec.observation_size = static_cast<int>(options.states);
  spec.action_size = static_cast<int>(options.actions);
  spec.action_kind = ActionKind::kDiscrete;
  spec.horizon = static_cast<int>(options.horizon);
  spec.state = {"state"};
  return spec;
}

}  // namespace

EnumerableMdp::EnumerableMdp(MdpOptions options, const Where& where)
    : options_(std::move(options)) {
  const MdpOptions& o = options_;
  const Checker check(where);
  check.Present("states", o.states > 0);
  check.Present("actions", o.actions > 0);
  check.Present("horizon", o.horizon > 0);
  check.Shape("transition", o.transition, {o.states, o.actions, o.states});
  check.Distributions("transition", o.transition);
  check.Shape("reward", o.reward, {o.states, o.actions});
  check.Shape("policy", o.policy, {o.states, o.actions});
  if (!o.start.shape.empty()) {
    check.Shape("start", o.start, {o.states});
    check.Distributions("start", o.start);
  }

  tables_ = {.states = static_cast<int>(o.states),
             .actions = static_cast<int>(o.actions),
             .rewards = o.reward.values,
             .transitions = o.transition.values,
             .start = o.start.values};
  if (tables_.start.empty()) {
    tables_.start.resize(static_cast<size_t>(o.states));
    tables_.start.front() = 1;
  }

  const double count = CountTrajectories(tables_, o.horizon);
  if (count > kMaxTrajectories) {
    check.Fail("horizon",
               fmt::format("there are {:.3g} trajectories, and at most {} are enumerated", count,
                           kMaxTrajectories));
  }
  for (int state = 0; state < tables_.states; ++state) {
    Path path{.probability = tables_.start[static_cast<size_t>(state)]};
    if (path.probability > 0) Extend(*this, path, state, trajectories_);
  }
}

EnumerableMdp EnumerableMdp::Read(const std::string& path) {
  const Config config = Config::ParseFile(path);
  config.CheckTables({"mdp"});
  MdpOptions options;
  config.Read("mdp", options);
  return EnumerableMdp(std::move(options),
                       [&](std::string_view key) { return config.Where("mdp", key); });
}

EnumerableMdp EnumerableMdp::WithRewardOffset(double constant) const {
  MdpOptions moved = options_;
  for (double& reward : moved.reward.values) reward += constant;
  return EnumerableMdp(std::move(moved));
}

EnumerableMdp EnumerableMdp::WithOneInnerStep() const {
  MdpOptions plain = options_;
  plain.inner_steps = 1;
  plain.inner_optimizer = InnerOptimizer::kGradient;
  return EnumerableMdp(std::move(plain));
}

std::unique_ptr<MemorylessPolicy> EnumerableMdp::MakePolicy() const {
  MlpOptions network;
  network.hidden = {};
  network.bias = false;
  return MakeMlpPolicy(SpecOf(options_), network);
}

Parameters EnumerableMdp::InitialParameters(const MemorylessPolicy& policy) const {
  return {torch::tensor(options_.policy.values, torch::kFloat64).view({1, -1}), policy.layout()};
}

PolicyBatch EnumerableMdp::Episodes(const MemorylessPolicy& policy, const Parameters& row,
                                    const std::vector<int64_t>& which) const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor index = torch::tensor(which, torch::kLong);
  const auto steps_of = [&](const auto& values, torch::ScalarType type) {  // [M * H] -> [B]
    return torch::tensor(values, type)
        .view({-1, options_.horizon})
        .index_select(0, index)
        .flatten();
  };
  PolicyBatch batch;
  batch.observations = torch::eye(options_.states, torch::kFloat64)
                           .index_select(0, steps_of(trajectories_.states, torch::kLong))
                           .unsqueeze(0);
  batch.actions = steps_of(trajectories_.actions, torch::kFloat64).view({1, -1, 1});
  batch.advantages = steps_of(trajectories_.returns_to_go, torch::kFloat64).unsqueeze(0);
  batch.weights = torch::full_like(batch.advantages, 1 / static_cast<double>(which.size()));
  batch.horizon = options_.horizon;
  batch.old_distribution = policy.Forward(row, batch.observations).Detach();
  batch.old_log_probs = batch.old_distribution.LogProb(batch.actions);
  return batch;
}

PolicyBatch EnumerableMdp::Enumerate(const MemorylessPolicy& policy, const Parameters& row) const {
  std::vector<int64_t> all(static_cast<size_t>(trajectories_.size()));
  std::iota(all.begin(), all.end(), 0);
  PolicyBatch batch = Episodes(policy, row, all);

  // every step weighs what its trajectory does: the policy's part times the process's
  const torch::Tensor chosen = batch.old_log_probs.view({-1, options_.horizon}).sum(1).exp();
  const torch::Tensor weights =
      chosen * torch::tensor(trajectories_.probabilities, torch::kFloat64);
  batch.weights = weights.repeat_interleave(options_.horizon).unsqueeze(0);
  return batch;
}

std::unique_ptr<TaskFamily> EnumerableMdp::MakeFamily() const {
  WorldDefinition definition;
  definition.spec = SpecOf(options_);
  definition.make_world = [tables = tables_] {
    return std::make_unique<TabularWorld>(tables, /*reward_noise=*/0);
  };
  return MakeWorldFamily(std::move(definition), {});
}

}  // namespace fewstep
