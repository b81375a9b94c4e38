#include "meta/baselines/baselines.h"
#include "meta/gradient/algorithms/algorithms.h"
#include "meta/memory/rl2.h"
#include "meta/meta_agent.h"
#include "meta/posterior/pearl.h"

namespace fewstep {

AgentRegistry BuiltinAgents() {
  AgentRegistry registry("agent");
  registry.Add("anil", Anil());
  registry.Add("cavia", Cavia());
  registry.Add("dice-maml", DiceMaml());
  registry.Add("e-maml", EMaml());
  registry.Add("e-maml-mean", EMamlMean());
  registry.Add("fomaml", Fomaml());
  registry.Add("maml-ppo", MamlPpo());
  registry.Add("maml-trpo", MamlTrpo());
  registry.Add("maml-trpo-h2", MamlTrpoH2());
  registry.Add("maml-vpg", MamlVpg());
  registry.Add("meta-sgd", MetaSgd());
  registry.Add("multitask", Multitask());
  registry.Add("pearl", Pearl());
  registry.Add("promp", Promp());
  registry.Add("reptile", Reptile());
  registry.Add("rl2", Rl2());
  registry.Add("rl2-trpo", Rl2Trpo());
  registry.Add("sac", Sac());
  RegisterBaselines(registry);
  return registry;
}

}  // namespace fewstep
