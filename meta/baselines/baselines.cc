#include "meta/baselines/baselines.h"

#include <utility>

#include "core/error.h"
#include "meta/baselines/bandit_rules.h"
#include "meta/baselines/baseline_agent.h"
#include "meta/baselines/mdp_rules.h"

namespace fewstep {
namespace {

struct NoOptions : Options {
  void Visit(FieldVisitor&) override {}
};

struct EpsilonGreedyOptions : Options {
  double epsilon = 0.05;
  void Visit(FieldVisitor& v) override {
    v.Field("epsilon", epsilon, {.help = "Probability of a random action.", .min = 0, .max = 1});
  }
};

struct Ucb1Options : Options {
  double constant = 0.3;
  void Visit(FieldVisitor& v) override {
    v.Field("constant", constant,
            {.help = "Factor c of the confidence bound; 1 is UCB1 as published.",
             .min = 0,
             .max = 1e6});
  }
};

struct OptimisticThompsonOptions : Options {
  std::string variant = "best-of-samples";
  int64_t samples = 4;
  void Visit(FieldVisitor& v) override {
    v.Field("variant", variant,
            {.help = "best-of-samples: the largest of several samples of an arm (Duan et al.); "
                     "clipped: one sample, but at least the posterior mean (May et al.).",
             .choices = {"best-of-samples", "clipped"}});
    v.Field("samples", samples,
            {.help = "Samples of every arm (best-of-samples).",
             .unit = "samples",
             .min = 1,
             .max = 10000});
  }
};

struct GittinsOptions : Options {
  std::string index = "finite-horizon";
  double discount = 0.99;
  void Visit(FieldVisitor& v) override {
    v.Field("index", index,
            {.help = "Index for the pulls that are left of the trial, or for pulling for ever at a "
                     "discount.",
             .choices = {"finite-horizon", "discounted"}});
    v.Field("discount", discount,
            {.help = "Discount factor of a pull (discounted).", .min = 1e-6, .max = 0.9999});
  }
};

struct OptimisticPsrlOptions : Options {
  int64_t samples = 5;
  void Visit(FieldVisitor& v) override {
    v.Field("samples", samples,
            {.help = "Processes drawn before every episode; the most promising one is used.",
             .unit = "samples",
             .min = 1,
             .max = 10000});
  }
};

struct Ucrl2Options : Options {
  double scale = 0.1;
  void Visit(FieldVisitor& v) override {
    v.Field("scale", scale,
            {.help = "Factor on the published confidence radii; 1 is UCRL2 as published.",
             .min = 0,
             .max = 1e6});
  }
};

// The family, which must be of the kind that the agent plays.
TabularFamily Playable(const AgentContext& context, std::string_view agent, bool bandit) {
  TabularFamily family = TabularFamilyOf(context.family.spec(), agent);
  if (family.bandit == bandit) return family;
  throw Error(ErrorKind::kUsage,
              fmt::format("'{}' plays {}, not '{}'", agent,
                          bandit ? "bandits" : "decision processes", context.family.spec().name),
              {.key = "agent.name",
               .remedy = bandit ? "psrl, optimistic-psrl and ucrl2 play it"
                                : "thompson, ucb1 and gittins play it"});
}

TabularFamily Bandit(const AgentContext& context, std::string_view agent) {
  return Playable(context, agent, true);
}
TabularFamily Process(const AgentContext& context, std::string_view agent) {
  return Playable(context, agent, false);
}

std::unique_ptr<MetaAgent> MakeBandit(const AgentContext& context, const TabularFamily& family,
                                      ArmIndex index, double epsilon = 0) {
  return MakeTabularBaseline(context, [arms = family.actions, index = std::move(index), epsilon] {
    return MakeBanditLearner(arms, index, epsilon);
  });
}

std::unique_ptr<MetaAgent> MakeEpsilonGreedy(std::string_view agent, double epsilon,
                                             const AgentContext& context) {
  const TabularFamily family = TabularFamilyOf(context.family.spec(), agent);
  if (family.bandit) return MakeBandit(context, family, PosteriorMeanIndex(family.prior), epsilon);
  return MakeTabularBaseline(context,
                             [family, epsilon] { return MakeGreedyMdpLearner(family, epsilon); });
}

std::unique_ptr<MetaAgent> MakeGittins(const GittinsOptions& options, const AgentContext& context) {
  const TabularFamily family = Bandit(context, "gittins");
  if (family.prior.kind != RewardPrior::Kind::kBernoulli) {
    throw Error(ErrorKind::kUsage, "'gittins' needs arms that pay 0 or 1",
                {.key = "agent.name", .remedy = "It plays bandit-bernoulli@rl2"});
  }
  const int pulls = family.trial_episodes;
  auto table = std::make_shared<const GittinsTable>(
      options.index == "discounted"
          ? GittinsTable::Discounted(pulls, options.discount, context.pool)
          : GittinsTable::FiniteHorizon(pulls, context.pool));
  return MakeBandit(context, family, GittinsIndex(family.prior, std::move(table), pulls));
}

// An entry from a function of (options, context).
template <typename AgentOptions, typename Make>
AgentEntry Entry(std::string summary, Make) {
  return {
      .summary = std::move(summary),
      .make_options = []() -> std::unique_ptr<Options> { return std::make_unique<AgentOptions>(); },
      .make =
          [](const Options& options, const AgentContext& context) {
            return Make{}(dynamic_cast<const AgentOptions&>(options), context);
          },
      .trained = false};
}

}  // namespace

void RegisterBaselines(AgentRegistry& registry) {
  using Context = AgentContext;
  registry.Add("random", Entry<NoOptions>("Acts at random and never learns.",
                                          [](const NoOptions&, const Context& context) {
                                            return MakeRandomBaseline(context);
                                          }));
  registry.Add("greedy", Entry<NoOptions>("Acts best for the posterior mean.",
                                          [](const NoOptions&, const Context& context) {
                                            return MakeEpsilonGreedy("greedy", 0, context);
                                          }));
  registry.Add("epsilon-greedy",
               Entry<EpsilonGreedyOptions>(
                   "Acts best for the posterior mean, sometimes at random.",
                   [](const EpsilonGreedyOptions& options, const Context& context) {
                     return MakeEpsilonGreedy("epsilon-greedy", options.epsilon, context);
                   }));
  registry.Add("ucb1", Entry<Ucb1Options>("Pulls the arm with the largest upper confidence bound.",
                                          [](const Ucb1Options& options, const Context& context) {
                                            const TabularFamily family = Bandit(context, "ucb1");
                                            return MakeBandit(
                                                context, family,
                                                Ucb1Index(family.prior, options.constant));
                                          }));
  registry.Add("thompson",
               Entry<NoOptions>("Pulls the arm that is best in a sample of the posterior.",
                                [](const NoOptions&, const Context& context) {
                                  const TabularFamily family = Bandit(context, "thompson");
                                  return MakeBandit(context, family, ThompsonIndex(family.prior));
                                }));
  registry.Add("optimistic-thompson",
               Entry<OptimisticThompsonOptions>(
                   "Thompson sampling from an optimistic posterior.",
                   [](const OptimisticThompsonOptions& options, const Context& context) {
                     const TabularFamily family = Bandit(context, "optimistic-thompson");
                     return MakeBandit(
                         context, family,
                         options.variant == "clipped"
                             ? ClippedSampleIndex(family.prior)
                             : BestOfSamplesIndex(family.prior, static_cast<int>(options.samples)));
                   }));
  registry.Add("gittins",
               Entry<GittinsOptions>("Pulls the arm with the largest Gittins index.",
                                     [](const GittinsOptions& options, const Context& context) {
                                       return MakeGittins(options, context);
                                     }));
  registry.Add("psrl",
               Entry<NoOptions>("Acts best for a decision process drawn from the posterior.",
                                [](const NoOptions&, const Context& context) {
                                  const TabularFamily family = Process(context, "psrl");
                                  return MakeTabularBaseline(context, [family] {
                                    return MakePosteriorSampling(family, 1);
                                  });
                                }));
  registry.Add(
      "optimistic-psrl",
      Entry<OptimisticPsrlOptions>(
          "Acts best for the most promising of several processes drawn from the posterior.",
          [](const OptimisticPsrlOptions& options, const Context& context) {
            const TabularFamily family = Process(context, "optimistic-psrl");
            const int samples = static_cast<int>(options.samples);
            return MakeTabularBaseline(
                context, [family, samples] { return MakePosteriorSampling(family, samples); });
          }));
  registry.Add("ucrl2", Entry<Ucrl2Options>(
                            "Acts best for the best process that it does not exclude.",
                            [](const Ucrl2Options& options, const Context& context) {
                              const TabularFamily family = Process(context, "ucrl2");
                              return MakeTabularBaseline(context, [family, scale = options.scale] {
                                return MakeUcrl2(family, scale);
                              });
                            }));
  registry.Add("value-iteration",
               Entry<NoOptions>("Is told the task and acts optimally: what nobody can exceed.",
                                [](const NoOptions&, const Context& context) {
                                  const TabularFamily family =
                                      TabularFamilyOf(context.family.spec(), "value-iteration");
                                  return MakeTabularBaseline(
                                      context, [family] { return MakeOracle(family); });
                                }));
}

std::vector<std::string> BaselinesOf(const FamilySpec& spec) {
  const TabularFamily family = TabularFamilyOf(spec, "ruler");
  std::vector<std::string> names = {"random", "greedy", "epsilon-greedy"};
  if (family.bandit) {
    for (const char* name : {"ucb1", "thompson", "optimistic-thompson"}) names.emplace_back(name);
    if (family.prior.kind == RewardPrior::Kind::kBernoulli) names.emplace_back("gittins");
  } else {
    for (const char* name : {"psrl", "optimistic-psrl", "ucrl2"}) names.emplace_back(name);
  }
  names.emplace_back("value-iteration");
  return names;
}

TuningGrid TuningGridOf(const std::string& baseline) {
  if (baseline == "epsilon-greedy") return {"epsilon", {"0.01", "0.02", "0.05", "0.1", "0.2"}};
  if (baseline == "ucb1") return {"constant", {"0.05", "0.1", "0.2", "0.3", "0.5", "0.7", "1.0"}};
  if (baseline == "optimistic-thompson") return {"samples", {"2", "4", "8", "16"}};
  if (baseline == "optimistic-psrl") return {"samples", {"2", "5", "10", "20"}};
  if (baseline == "ucrl2") return {"scale", {"0.01", "0.02", "0.05", "0.1", "0.2"}};
  return {};
}

}  // namespace fewstep
