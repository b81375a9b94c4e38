#include "meta/baselines/baselines.h"
#include "meta/maml_ppo.h"
#include "meta/meta_agent.h"

namespace fewstep {
namespace {

template <typename AgentOptions,
          std::unique_ptr<MetaAgent> (*make)(const AgentOptions&, const AgentContext&)>
AgentEntry Entry(std::string summary) {
  return {std::move(summary),
          []() -> std::unique_ptr<Options> { return std::make_unique<AgentOptions>(); },
          [](const Options& options, const AgentContext& context) {
            return make(dynamic_cast<const AgentOptions&>(options), context);
          }};
}

}  // namespace

AgentRegistry BuiltinAgents() {
  AgentRegistry registry("agent");
  registry.Add("maml-ppo", Entry<MamlPpoOptions, MakeMamlPpo>(
                               "MAML with PPO in the outer loop; ProMP with the likelihood-ratio "
                               "surrogate and a KL penalty."));
  RegisterBaselines(registry);
  return registry;
}

}  // namespace fewstep
