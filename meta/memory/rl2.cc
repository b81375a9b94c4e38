// RL^2: Duan et al. 2016, "RL^2: Fast Reinforcement Learning via Slow Reinforcement Learning", and
// Wang et al. 2016, "Learning to reinforcement learn".
//
//   for each iteration:
//     a task M_i for every trial i
//     act E episodes in M_i:  h_0 = 0;  at every step  h = f(h; s, a_prev, r_prev, start),  a ~
//     pi(h) improve theta so that the trial's discounted sum of rewards grows
//
// The memory h lasts through all episodes of a trial and ends with it, and actions are credited
// with what follows in the whole trial (section 2.2), so that exploring early is worth what it
// finds out. The paper's outer loop is TRPO with lambda = 0.3; PPO takes its place in most later
// work.
#include "meta/memory/rl2.h"

#include "meta/memory/memory_agent.h"

namespace fewstep {
namespace {

const std::vector<std::string> kOfInnerPolicies = {"kl_penalty", "kl_coefficient", "kl_target",
                                                   "outer_surrogate"};

struct Rl2Options final : MemoryAgentOptions {
  Rl2Options() {
    outer.outer_learning_rate = 3e-3;
    outer.outer_epochs = 2;
    outer.minibatches = 8;
    outer.clip = 0.2;
    outer.max_gradient_norm = 1;
  }

  OuterLoop MakeOuter(const torch::Tensor& row) const override {
    const bool learned = policy.value.kind != ValueKind::kLinear;
    return {.policy = MakePpo(outer, row, 0),
            .value = nullptr,
            .value_coefficient = learned ? value_coefficient : 0};
  }

  PpoOptions outer;
  double value_coefficient = 0.5;

 protected:
  void VisitOuter(FieldVisitor& visitor) override {
    FieldFilter v(visitor, kOfInnerPolicies);
    outer.Visit(v);
    v.Field("value_coefficient", value_coefficient,
            {.help = "Coefficient of a learned value function's squared error in what is improved.",
             .min = 0});
  }
};

struct Rl2TrpoOptions final : MemoryAgentOptions {
  Rl2TrpoOptions() {
    // the trust region moves the policy, which a shared memory would move again
    policy.value.kinds = {"own", "linear"};
    policy.value.kind = ValueKind::kOwn;
    entropy_coefficient = 0;
  }

  OuterLoop MakeOuter(const torch::Tensor& row) const override {
    PpoOptions fit;
    fit.outer_learning_rate = value_learning_rate;
    fit.outer_epochs = value_epochs;
    fit.minibatches = value_minibatches;
    fit.max_gradient_norm = 1;
    const bool learned = policy.value.kind != ValueKind::kLinear;
    return {.policy = MakeTrustRegion(outer),
            .value = learned ? MakePpo(fit, row, 0) : nullptr,
            .value_coefficient = 0,
            .second_order = true};
  }

  TrustRegionOptions outer;
  double value_learning_rate = 3e-3;
  int64_t value_epochs = 2, value_minibatches = 8;

 protected:
  void VisitOuter(FieldVisitor& v) override {
    outer.Visit(v);
    v.Field("value_learning_rate", value_learning_rate,
            {.help = "Learning rate of Adam on the value function.", .min = 0, .max = 10});
    v.Field("value_epochs", value_epochs,
            {.help = "Times that the value function goes through the trials of an iteration.",
             .min = 1,
             .max = 1000});
    v.Field("value_minibatches", value_minibatches,
            {.help = "Parts that it takes a step on each.", .min = 1, .max = 100000});
  }
};

}  // namespace

AgentEntry Rl2() {
  return MemoryAgentEntry<Rl2Options>(
      "RL^2: adapts through a memory that lasts through a trial; PPO on whole trials.");
}

AgentEntry Rl2Trpo() {
  return MemoryAgentEntry<Rl2TrpoOptions>(
      "RL^2 with a trust region, as in the paper: adapts through a memory that lasts through a "
      "trial.");
}

}  // namespace fewstep
