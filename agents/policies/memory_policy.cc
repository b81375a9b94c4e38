#include "agents/policies/memory_policy.h"

#include <algorithm>
#include <cmath>

#include <Eigen/Core>

#include "agents/trials.h"
#include "core/error.h"
#include "core/memory.h"

namespace fewstep {
namespace {

constexpr double kNormalizedLimit = 10;  // of centred and scaled inputs

FieldInfo HiddenInfo(const std::string& help) {
  return {.help = help, .unit = "units", .min = 1, .max = 65536};
}

MlpShape ShapeOf(int64_t inputs, const std::vector<int64_t>& hidden, int64_t outputs) {
  MlpShape shape;
  shape.widths.push_back(inputs);
  shape.widths.insert(shape.widths.end(), hidden.begin(), hidden.end());
  shape.widths.push_back(outputs);
  return shape;
}

}  // namespace

void HeadOptions::Visit(FieldVisitor& v) {
  v.Choice("kind", kind, {{"mlp", HeadKind::kMlp}, {"hypernetwork", HeadKind::kHypernetwork}},
           {.help = "How actions come from what is remembered: mlp, directly; hypernetwork, by a "
                    "network on the observation whose parameters are made from what is "
                    "remembered."});
  v.Field("hidden", hidden,
          HiddenInfo("Width of each hidden layer of the head, or of the network that a "
                     "hypernetwork makes."));
  v.Choice("activation", activation, {{"tanh", Activation::kTanh}, {"relu", Activation::kRelu}},
           {.help = "Nonlinearity of the hidden layers."});
  v.Field("scale", scale,
          {.help = "Factor on the initial weights of the last layer; 0 gives every choice the same "
                   "probability.",
           .min = 0,
           .max = 1e6});
}

void ValueOptions::Visit(FieldVisitor& v) {
  v.Choice("kind", kind, kValueKindNames,
           {.help = "The value function: shared, a head of its own on the policy's memory; own, "
                    "with a memory of the same kind and size; linear, fitted anew to each "
                    "iteration's trials, with features of observation and time.",
            .choices = kinds});
  v.Field("hidden", hidden, HiddenInfo("Width of each hidden layer of the value function's head."));
  v.Field(
      "time", time,
      {.help = "Whether a learned value is v0 + v1 * (part of the trial that is left, or with "
               "credit = \"episode\" of the episode), with two outputs v0 and v1, or one output."});
}

void MemoryPolicyOptions::Visit(FieldVisitor& v) {
  v.Table("memory", memory);
  v.Table("head", head);
  v.Table("value", value);
  v.Field("normalize_observations", normalize_observations,
          {.help = "Whether observations and previous rewards are centred and scaled by their mean "
                   "and standard deviation over all training so far."});
  v.Field("initial_std", initial_std,
          {.help = "Standard deviation of actions at the start, in units of the policy's output.",
           .min = 1e-6,
           .max = 1e6});
  v.Field("min_std", min_std,
          {.help = "Lower bound of the standard deviation.", .min = 1e-12, .max = 1e6});
}

// From what is remembered, and the observation, to action outputs.
struct MemoryPolicy::Head {
  Head(ParameterLayout& layout, int64_t remembered, int64_t observation, int64_t outputs,
       const HeadOptions& options)
      : kind(options.kind) {
    if (kind == HeadKind::kMlp) {
      MlpShape shape = ShapeOf(remembered, options.hidden, outputs);
      shape.activation = options.activation;
      shape.head_scale = options.scale;
      network = std::make_unique<Mlp>(layout, "head.", shape);
      return;
    }
    MlpShape shape = ShapeOf(observation, options.hidden, outputs);
    shape.activation = options.activation;
    shape.head_scale = options.scale;
    network = std::make_unique<Mlp>(*made, "", shape);
    weight = layout.Add("head.hyper.weight", {remembered, made->size()}, ParameterRole::kHead);
    bias = layout.Add("head.hyper.bias", {1, made->size()}, ParameterRole::kHead);
  }

  // remembered [T, B, H], observations [T, B, O] -> [T, B, outputs]
  torch::Tensor Forward(const Parameters& parameters, const torch::Tensor& remembered,
                        const torch::Tensor& observations) const {
    if (kind == HeadKind::kMlp) return network->Forward(parameters, remembered);
    // a row of parameters for every step
    const torch::Tensor rows =
        torch::baddbmm(parameters.View(bias), remembered, parameters.View(weight));
    const Parameters made_rows{rows.reshape({-1, made->size()}), made};
    const torch::Tensor out =
        network->Forward(made_rows, observations.reshape({-1, 1, observations.size(-1)}));
    return out.view({remembered.size(0), remembered.size(1), -1});
  }

  HeadKind kind;
  std::unique_ptr<Mlp> network;
  // of the hypernetwork: the layout of what it makes, and its slices
  std::shared_ptr<ParameterLayout> made = std::make_shared<ParameterLayout>();
  size_t weight = 0, bias = 0;
};

MemoryPolicy::MemoryPolicy(const FamilySpec& spec, const MemoryPolicyOptions& options)
    : Policy(spec),
      value_kind_(options.value.kind),
      terminates_(spec.terminates),
      discrete_(spec.action_kind == ActionKind::kDiscrete),
      value_time_(options.value.time),
      action_size_(spec.action_size),
      num_features_(spec.observation_size + spec.action_size + 2 + (spec.terminates ? 1 : 0)),
      outputs_(ActionOutputs::Of(spec, options.min_std)) {
  if (options.normalize_observations) {
    num_normalized_ = spec.observation_size + 1;
    mean_ = layout_->Add("normalization.mean", {1, num_normalized_}, ParameterRole::kBuffer);
    scale_ = layout_->Add("normalization.scale", {1, num_normalized_}, ParameterRole::kBuffer,
                          Initial::Constant(1));
  }
  memory_ = MakeMemoryNetwork(*layout_, "memory.", num_features_, options.memory);
  head_ = std::make_unique<Head>(*layout_, memory_->outputs(), spec.observation_size,
                                 spec.action_size, options.head);
  if (outputs_.gaussian) {
    log_std_ = layout_->Add("log_std", {1, outputs_.size}, ParameterRole::kHead,
                            Initial::Constant(std::log(options.initial_std)));
  }
  if (value_kind_ == ValueKind::kOwn) {
    value_memory_ = MakeMemoryNetwork(*layout_, "value.memory.", num_features_, options.memory);
  }
  if (value_kind_ != ValueKind::kLinear) {
    value_head_ = std::make_unique<Mlp>(
        *layout_, "value.", ShapeOf(memory_->outputs(), options.value.hidden, value_time_ ? 2 : 1));
  }
  // the parameters, their gradient and two moments of an optimizer
  RequireMemory(4 * sizeof(float) * static_cast<double>(layout_->size()), "a policy in training",
                "agent.memory.size, agent.memory.layers, agent.head.hidden");
}

MemoryPolicy::~MemoryPolicy() = default;

int64_t MemoryPolicy::value_memory_size() const {
  return value_memory_ ? value_memory_->memory_size() : 0;
}

double MemoryPolicy::kept_numbers(int64_t steps) const {
  double numbers = memory_->kept_numbers(steps) * (value_memory_ ? 2 : 1);
  for (const int64_t width : head_->network->shape().widths) numbers += static_cast<double>(width);
  return numbers + static_cast<double>(head_->made->size() + num_features_);
}

Parameters MemoryPolicy::InitialParameters(const Rng& rng) const {
  Parameters row = Initialized(layout_, rng);
  if (head_->kind == HeadKind::kHypernetwork) {
    row.View(head_->bias).copy_(Initialized(head_->made, rng.Fork("head")).flat.unsqueeze(0));
  }
  return row;
}

torch::Tensor MemoryPolicy::Normalized(const Parameters& parameters, const torch::Tensor& values,
                                       int64_t first) const {
  if (num_normalized_ == 0) return values;
  // [T, 1, ..., numbers]; buffers let no gradient pass
  std::vector<int64_t> shape(static_cast<size_t>(values.dim()), 1);
  shape.front() = parameters.num_tasks();
  shape.back() = values.size(-1);
  const auto buffer = [&](size_t slice) {
    return parameters.View(slice).detach().narrow(-1, first, values.size(-1)).reshape(shape);
  };
  return ((values - buffer(mean_)) * buffer(scale_)).clamp(-kNormalizedLimit, kNormalizedLimit);
}

torch::Tensor MemoryPolicy::Features(const Parameters& parameters,
                                     const torch::Tensor& observations,
                                     const torch::Tensor& previous_actions,
                                     const torch::Tensor& previous_rewards,
                                     const torch::Tensor& terminated, const torch::Tensor& begun,
                                     const torch::Tensor& starts) const {
  const torch::Tensor is_begun = begun.unsqueeze(-1);
  torch::Tensor action = previous_actions;
  if (discrete_) {
    action = (previous_actions == torch::arange(action_size_, observations.options()))
                 .to(observations.scalar_type());
  }
  const torch::Tensor reward =
      Normalized(parameters, previous_rewards.unsqueeze(-1), observation_size());
  std::vector<torch::Tensor> features = {Normalized(parameters, observations, 0), action * is_begun,
                                         reward * is_begun, starts.expand_as(begun).unsqueeze(-1)};
  if (terminates_) features.push_back(terminated.unsqueeze(-1));
  return torch::cat(features, -1);
}

torch::Tensor MemoryPolicy::Values(const Parameters& parameters, const torch::Tensor& remembered,
                                   const torch::Tensor& time_left) const {
  const torch::Tensor out = value_head_->Forward(parameters, remembered);  // [T, S B, 1 or 2]
  if (!value_time_) return out.squeeze(-1);
  return out.select(-1, 0) + out.select(-1, 1) * time_left;
}

PolicyOutput MemoryPolicy::Unroll(const Parameters& parameters, const Sequences& sequences,
                                  Derivatives derivatives) const {
  const int64_t tasks = parameters.num_tasks(), trials = sequences.num_trials();
  const int64_t steps = sequences.num_steps(), of_task = trials / tasks;
  FEWSTEP_CHECK(trials % tasks == 0, "{} trials of {} tasks", trials, tasks);
  const auto options = sequences.observations.options();

  // step by step: [N, S, ...] -> [T, S, B, ...]
  const auto by_step = [&](const torch::Tensor& values) {
    std::vector<int64_t> shape = {tasks, of_task, steps};
    if (values.dim() == 3) shape.push_back(values.size(2));
    return values.reshape(shape).transpose(1, 2).contiguous();
  };
  const torch::Tensor observations = by_step(sequences.observations);
  const torch::Tensor mask = by_step(sequences.mask);
  const torch::Tensor features =
      Features(parameters, observations, by_step(sequences.previous_actions),
               by_step(sequences.previous_rewards), by_step(sequences.terminated),
               by_step(sequences.begun), by_step(sequences.starts));

  const auto memory_of_tasks = [&](const torch::Tensor& memory) {
    return memory.reshape({tasks, of_task, memory.size(-1)});
  };
  const auto flat = [&](const torch::Tensor& values) {  // [T, S, B, .] -> [T, S B, .]
    return values.reshape({tasks, steps * of_task, values.size(-1)});
  };
  const auto by_trial = [&](const torch::Tensor& values) {  // [T, S B, .] -> [N, S, .]
    return values.reshape({tasks, steps, of_task, -1}).transpose(1, 2).reshape({trials, steps, -1});
  };

  const MemoryOutput remembered =
      memory_->Unroll(parameters, features, mask, memory_of_tasks(sequences.memory), derivatives);
  const torch::Tensor outputs = by_trial(head_->Forward(
      parameters, flat(remembered.outputs), flat(Normalized(parameters, observations, 0))));
  PolicyOutput out;
  out.memory = remembered.memory.reshape({trials, -1});
  if (outputs_.gaussian) {
    out.distribution = ActionDistribution::Gaussian(
        outputs,
        parameters.View(log_std_).clamp_min(outputs_.min_log_std).repeat_interleave(of_task, 0));
  } else {
    out.distribution = ActionDistribution::Categorical(outputs);
  }

  if (!value_head_) return out;
  torch::Tensor seen = remembered.outputs;
  if (value_memory_) {
    const torch::Tensor before =
        sequences.value_memory.defined()
            ? sequences.value_memory
            : torch::zeros({trials, value_memory_->memory_size()}, options);
    const MemoryOutput own =
        value_memory_->Unroll(parameters, features, mask, memory_of_tasks(before), derivatives);
    seen = own.outputs;
    out.value_memory = own.memory.reshape({trials, -1});
  }
  const torch::Tensor values =
      Values(parameters, flat(seen), by_step(sequences.time_left).view({tasks, steps * of_task}));
  out.value = by_trial(values.unsqueeze(-1)).squeeze(-1);
  return out;
}

ActionDistribution MemoryPolicy::Step(const Parameters& parameters, const Percepts& percepts,
                                      torch::Tensor& memory) const {
  const torch::Tensor starts =
      torch::full({1, 1}, percepts.step == 0 ? 1.0 : 0.0, percepts.observations.options());
  const torch::Tensor features =
      Features(parameters, percepts.observations, percepts.previous_actions,
               percepts.previous_rewards, percepts.terminated, percepts.begun, starts);
  const MemoryOutput next = memory_->Step(parameters, features, memory);
  UpdateMemory(memory, next.memory, percepts.running);
  const torch::Tensor outputs =
      head_->Forward(parameters, next.outputs, Normalized(parameters, percepts.observations, 0));
  if (!outputs_.gaussian) return ActionDistribution::Categorical(outputs);
  return ActionDistribution::Gaussian(outputs,
                                      parameters.View(log_std_).clamp_min(outputs_.min_log_std));
}

void MemoryPolicy::SetNormalization(torch::Tensor& row, std::span<const double> mean,
                                    std::span<const double> scale) const {
  const Parameters parameters{row, layout_};
  const auto write = [&](size_t slice, std::span<const double> values) {
    std::vector<double> copy(values.begin(), values.end());
    parameters.View(slice).copy_(torch::tensor(copy, torch::kFloat64).view({1, 1, -1}));
  };
  write(mean_, mean);
  write(scale_, scale);
}

template <typename Scalar>
struct MemoryPolicy::Evaluator<Scalar>::State {
  using Vector = Eigen::Vector<Scalar, Eigen::Dynamic>;

  explicit State(const MemoryPolicy& p)
      : policy(p),
        memory_network(p.memory_->MakeEvaluator(*p.layout_, Scalar{})),
        features(static_cast<size_t>(p.num_features_)),
        observation(static_cast<size_t>(p.observation_size())) {
    const auto offset = [&](size_t slice) { return p.layout_->slices()[slice].offset; };
    if (p.num_normalized_ > 0) {
      mean = offset(p.mean_);
      scale = offset(p.scale_);
    }
    if (p.outputs_.gaussian) log_std = offset(p.log_std_);
    hyper = p.head_->kind == HeadKind::kHypernetwork;
    if (hyper) {
      head.emplace(*p.head_->network, *p.head_->made);
      hyper_weight = offset(p.head_->weight);
      hyper_bias = offset(p.head_->bias);
      made = Vector::Zero(p.head_->made->size());
    } else {
      head.emplace(*p.head_->network, *p.layout_);
    }
  }

  Scalar Normalized(Scalar value, int64_t index) const {
    if (policy.num_normalized_ == 0) return value;
    constexpr auto kLimit = static_cast<Scalar>(kNormalizedLimit);
    return std::clamp((value - row[mean + index]) * row[scale + index], -kLimit, kLimit);
  }

  const MemoryPolicy& policy;
  std::unique_ptr<MemoryEvaluator<Scalar>> memory_network;
  std::optional<Mlp::Evaluator<Scalar>> head;
  // aligned, as networks ask of what they read
  std::vector<Scalar, Eigen::aligned_allocator<Scalar>> features, observation;
  Vector made;  // the parameters that a hypernetwork makes
  bool hyper = false;
  int64_t mean = 0, scale = 0, log_std = 0, hyper_weight = 0, hyper_bias = 0;  // offsets in the row
  const Scalar* row = nullptr;
  Scalar* memory = nullptr;
};

template <typename Scalar>
MemoryPolicy::Evaluator<Scalar>::Evaluator(const MemoryPolicy& policy)
    : state_(std::make_unique<State>(policy)) {}
template <typename Scalar>
MemoryPolicy::Evaluator<Scalar>::~Evaluator() = default;

template <typename Scalar>
void MemoryPolicy::Evaluator<Scalar>::BeginTrial(const Scalar* row, Scalar* memory) {
  state_->row = row;
  state_->memory = memory;
}

template <typename Scalar>
const Scalar* MemoryPolicy::Evaluator<Scalar>::Outputs(const Percept& percept) noexcept {
  State& s = *state_;
  const MemoryPolicy& p = s.policy;
  const int64_t observation_size = p.observation_size();
  for (int64_t i = 0; i < observation_size; ++i) {
    s.observation[static_cast<size_t>(i)] =
        s.Normalized(static_cast<Scalar>(percept.observation[i]), i);
  }
  auto feature = std::copy(s.observation.begin(), s.observation.end(), s.features.begin());
  const bool begun = percept.previous_action != nullptr;
  std::fill_n(feature, p.action_size_, Scalar{0});
  if (begun && p.discrete_) {
    feature[static_cast<int64_t>(*percept.previous_action)] = 1;
  } else if (begun) {
    std::copy_n(percept.previous_action, p.action_size_, feature);
  }
  feature += p.action_size_;
  *feature++ =
      begun ? s.Normalized(static_cast<Scalar>(percept.previous_reward), observation_size) : 0;
  *feature++ = percept.step == 0 ? 1 : 0;
  if (p.terminates_) *feature++ = percept.previous_terminated ? 1 : 0;

  const Scalar* remembered = s.memory_network->Step(s.row, s.features.data(), s.memory);
  const int64_t units = p.memory_->outputs();
  if (!s.hyper) {
    std::copy_n(remembered, units, s.head->inputs());
    return s.head->Evaluate(s.row);
  }
  // a weight is stored [in, out], so column-major it is its own transpose
  using Vector = typename State::Vector;
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  s.made.noalias() = Eigen::Map<const Matrix>(s.row + s.hyper_weight, s.made.size(), units) *
                     Eigen::Map<const Vector>(remembered, units);
  s.made += Eigen::Map<const Vector>(s.row + s.hyper_bias, s.made.size());
  std::copy(s.observation.begin(), s.observation.end(), s.head->inputs());
  return s.head->Evaluate(s.made.data());
}

template <typename Scalar>
const Scalar* MemoryPolicy::Evaluator<Scalar>::log_std() const {
  return state_->row + state_->log_std;
}

template <typename Scalar>
const ActionOutputs& MemoryPolicy::Evaluator<Scalar>::meaning() const {
  return state_->policy.outputs_;
}

template class MemoryPolicy::Evaluator<float>;
template class MemoryPolicy::Evaluator<double>;

namespace {

class MemoryActor final : public Actor {
 public:
  explicit MemoryActor(const MemoryPolicy& policy) : evaluator_(policy) {}

  void BeginTrial(const float* row, float* memory) override { evaluator_.BeginTrial(row, memory); }

  float Act(const Percept& percept, Rng& rng, bool deterministic, float* action) noexcept override {
    const float* outputs = evaluator_.Outputs(percept);
    return evaluator_.meaning().Choose(outputs, evaluator_.log_std(), rng, deterministic, action);
  }

 private:
  MemoryPolicy::Evaluator<float> evaluator_;
};

}  // namespace

std::unique_ptr<Actor> MemoryPolicy::MakeActor() const {
  return std::make_unique<MemoryActor>(*this);
}

}  // namespace fewstep
