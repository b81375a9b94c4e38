// PEARL: Rakelly et al. 2019, "Efficient Off-Policy Meta-Reinforcement Learning via Probabilistic
// Context Variables", algorithms 1 and 2.
//
//   for each collection:
//     for some tasks i:  forget the context c_i
//       act episodes with z ~ N(0, I):       transitions join c_i and the replay B_i
//       act episodes with z ~ q(z | c_i):    transitions join c_i and B_i
//       act extra episodes with z ~ q(z | c_i):                   B_i alone
//     for each update:
//       for a batch of tasks i:  a context from c_i,  z ~ q(z | context),  transitions from B_i
//       soft actor-critic on the transitions, told z
//       encoder by the critics' loss and beta KL(q(z | context) || N(0, I))
//
//   in a new task:  act with z ~ N(0, I), then with z ~ q(z | everything seen so far)
//
// Options begin as in katerakelly/oyster, configs/default.py; docs/algorithms/off-policy.md says
// where that code differs from the paper, and where this differs from that code.
#include "meta/posterior/pearl.h"

#include "meta/posterior/latent_agent.h"

namespace fewstep {
namespace {

struct PearlOptions final : LatentAgentOptions {
  PearlOptions() {
    learner.hidden = {300, 300, 300};
    learner.target = SoftActorCriticOptions::Target::kValue;
    learner.temperature = 1;
    learner.reward_scale = 5;
    learner.mean_penalty = learner.log_std_penalty = 1e-3;
  }

  void Visit(FieldVisitor& v) override {
    LatentAgentOptions::Visit(v);
    v.Field("posterior_episodes", inference.posterior_episodes,
            {.help = "Episodes with z from the posterior, which is inferred anew before each of "
                     "them; they join the context.",
             .unit = "episodes",
             .min = 0,
             .max = 1e6});
    v.Field("extra_episodes", inference.extra_episodes,
            {.help = "The same, for actor and critics alone: they do not join the context.",
             .unit = "episodes",
             .min = 0,
             .max = 1e6});
    v.Field("exploration_episodes", inference.exploration_episodes,
            {.help = "Episodes of a new task that are acted with z from the prior, before the "
                     "posterior is used.",
             .unit = "episodes",
             .min = 0,
             .max = 1e6});
    v.Table("context", inference.context);
    v.Table("encoder", inference.encoder);
  }

  InferenceOptions inference;
};

}  // namespace

AgentEntry Pearl() {
  return {
      .summary =
          "PEARL: infers a latent variable of the task from its transitions; soft "
          "actor-critic on replay.",
      .make_options = []() -> std::unique_ptr<Options> { return std::make_unique<PearlOptions>(); },
      .make =
          [](const Options& options, const AgentContext& context) {
            const auto& pearl = dynamic_cast<const PearlOptions&>(options);
            return MakeLatentAgent(pearl, &pearl.inference, context);
          }};
}

}  // namespace fewstep
