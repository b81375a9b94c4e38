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

void VisitTies(FieldVisitor& v, std::string& ties) {
  v.Field(
      "ties", ties,
      {.help = "Which of several actions of equal value is taken: each as often, or the one with "
               "the lowest index.",
       .choices = {"even", "lowest"}});
}

void VisitRewardPriorMean(FieldVisitor& v, double& mean) {
  v.Field("reward_prior_mean", mean,
          {.help = "Mean of the prior of every mean reward of a decision process; 1 is its law.",
           .min = -1e6,
           .max = 1e6});
}

struct GreedyOptions : Options {
  std::string ties = "even", model = "mean";
  double reward_prior_mean = kMdpRewardMean;
  void Visit(FieldVisitor& v) override {
    VisitTies(v, ties);
    v.Field(
        "model", model,
        {.help = "The decision process that is planned in: the posterior's mean; its mode, which "
                 "has the frequencies seen for transitions; or these and the mean rewards seen.",
         .choices = {"mean", "map", "frequencies"}});
    VisitRewardPriorMean(v, reward_prior_mean);
  }
};

struct EpsilonGreedyOptions : GreedyOptions {
  double epsilon = 0.05;
  void Visit(FieldVisitor& v) override {
    v.Field("epsilon", epsilon, {.help = "Probability of a random action.", .min = 0, .max = 1});
    GreedyOptions::Visit(v);
  }
};

struct Ucb1Options : Options {
  double constant = 0.3;
  std::string ties = "even";
  void Visit(FieldVisitor& v) override {
    v.Field("constant", constant,
            {.help = "Factor c of the confidence bound; 1 is UCB1 as published.",
             .min = 0,
             .max = 1e6});
    VisitTies(v, ties);
  }
};

struct OptimisticThompsonOptions : Options {
  std::string variant = "best-of-samples";
  int64_t samples = 4;
  void Visit(FieldVisitor& v) override {
    v.Field("variant", variant,
            {.help = "best-of-samples: the largest of several samples of an arm; clipped: one "
                     "sample, but at least the posterior mean (May et al.); likeliest: of several "
                     "samples of all arms, the one with the highest density (Duan et al.).",
             .choices = {"best-of-samples", "clipped", "likeliest"}});
    v.Field("samples", samples,
            {.help = "Samples of every arm (best-of-samples, likeliest).",
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

struct PsrlOptions : Options {
  double reward_prior_mean = kMdpRewardMean;
  void Visit(FieldVisitor& v) override { VisitRewardPriorMean(v, reward_prior_mean); }
};

struct OptimisticPsrlOptions : Options {
  std::string variant = "best-sample";
  int64_t samples = 5;
  double reward_prior_mean = kMdpRewardMean;
  void Visit(FieldVisitor& v) override {
    v.Field(
        "variant", variant,
        {.help = "best-sample: acts best for the most promising process; envelope: the value of "
                 "every action at every step is the largest of all processes, and goes on with "
                 "such values; largest: the largest of its values in each process alone.",
         .choices = {"best-sample", "envelope", "largest"}});
    v.Field("samples", samples,
            {.help = "Processes drawn before every episode.",
             .unit = "samples",
             .min = 1,
             .max = 10000});
    VisitRewardPriorMean(v, reward_prior_mean);
  }
};

struct Ucrl2Options : Options {
  double scale = 0.1;
  std::string model = "mean";
  double reward_prior_mean = kMdpRewardMean;
  void Visit(FieldVisitor& v) override {
    v.Field("scale", scale,
            {.help = "Factor on the published confidence radii; 1 is UCRL2 as published.",
             .min = 0,
             .max = 1e6});
    v.Field("model", model,
            {.help = "What the radii are about: the posterior's mean, or as published the "
                     "frequencies and the mean rewards seen.",
             .choices = {"mean", "frequencies"}});
    VisitRewardPriorMean(v, reward_prior_mean);
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
TabularFamily Process(const AgentContext& context, std::string_view agent,
                      double reward_prior_mean) {
  TabularFamily family = Playable(context, agent, false);
  family.prior.mean = reward_prior_mean;
  return family;
}

MdpModel ModelOf(const std::string& name) {
  return name == "frequencies" ? MdpModel::kFrequencies
         : name == "map"       ? MdpModel::kMode
                               : MdpModel::kMean;
}

Ties TiesOf(const std::string& name) { return name == "lowest" ? Ties::kLowest : Ties::kEven; }

std::unique_ptr<MetaAgent> MakeBandit(const AgentContext& context, const TabularFamily& family,
                                      BanditRule rule, const BanditChoice& choice = {}) {
  return MakeTabularBaseline(context, [arms = family.actions, rule = std::move(rule), choice] {
    return MakeBanditLearner(arms, rule, choice);
  });
}

std::unique_ptr<MetaAgent> MakeGreedy(std::string_view agent, double epsilon,
                                      const GreedyOptions& options, const AgentContext& context) {
  TabularFamily family = TabularFamilyOf(context.family.spec(), agent);
  if (family.bandit) {
    // a bandit's beliefs are those of its law
    const auto refuse = [&](const char* key) {
      throw Error(ErrorKind::kUsage, fmt::format("'{}' takes no {} of a bandit", agent, key),
                  {.key = fmt::format("agent.{}", key),
                   .remedy = "Leave it out, or choose tabular-mdp@rl2"});
    };
    if (options.model != GreedyOptions().model) refuse("model");
    if (options.reward_prior_mean != kMdpRewardMean) refuse("reward_prior_mean");
    return MakeBandit(context, family, ArmByArm(PosteriorMeanIndex(family.prior)),
                      {.epsilon = epsilon, .ties = TiesOf(options.ties)});
  }
  family.prior.mean = options.reward_prior_mean;
  const GreedyMdpChoice choice{
      .model = ModelOf(options.model), .epsilon = epsilon, .ties = TiesOf(options.ties)};
  return MakeTabularBaseline(context,
                             [family, choice] { return MakeGreedyMdpLearner(family, choice); });
}

std::unique_ptr<MetaAgent> MakeOptimisticThompson(const OptimisticThompsonOptions& options,
                                                  const AgentContext& context) {
  const TabularFamily family = Bandit(context, "optimistic-thompson");
  const int samples = static_cast<int>(options.samples);
  BanditRule rule = options.variant == "likeliest" ? LikeliestSampleRule(family.prior, samples)
                    : options.variant == "clipped"
                        ? ArmByArm(ClippedSampleIndex(family.prior))
                        : ArmByArm(BestOfSamplesIndex(family.prior, samples));
  return MakeBandit(context, family, std::move(rule));
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
  return MakeBandit(context, family, ArmByArm(GittinsIndex(family.prior, std::move(table), pulls)));
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
  registry.Add("greedy",
               Entry<GreedyOptions>("Acts best for the posterior mean.",
                                    [](const GreedyOptions& options, const Context& context) {
                                      return MakeGreedy("greedy", 0, options, context);
                                    }));
  registry.Add("epsilon-greedy",
               Entry<EpsilonGreedyOptions>(
                   "Acts best for the posterior mean, sometimes at random.",
                   [](const EpsilonGreedyOptions& options, const Context& context) {
                     return MakeGreedy("epsilon-greedy", options.epsilon, options, context);
                   }));
  registry.Add("ucb1", Entry<Ucb1Options>("Pulls the arm with the largest upper confidence bound.",
                                          [](const Ucb1Options& options, const Context& context) {
                                            const TabularFamily family = Bandit(context, "ucb1");
                                            return MakeBandit(
                                                context, family,
                                                ArmByArm(Ucb1Index(family.prior, options.constant)),
                                                {.ties = TiesOf(options.ties)});
                                          }));
  registry.Add("thompson",
               Entry<NoOptions>("Pulls the arm that is best in a sample of the posterior.",
                                [](const NoOptions&, const Context& context) {
                                  const TabularFamily family = Bandit(context, "thompson");
                                  return MakeBandit(context, family,
                                                    ArmByArm(ThompsonIndex(family.prior)));
                                }));
  registry.Add("optimistic-thompson",
               Entry<OptimisticThompsonOptions>(
                   "Thompson sampling from an optimistic posterior.",
                   [](const OptimisticThompsonOptions& options, const Context& context) {
                     return MakeOptimisticThompson(options, context);
                   }));
  registry.Add("gittins",
               Entry<GittinsOptions>("Pulls the arm with the largest Gittins index.",
                                     [](const GittinsOptions& options, const Context& context) {
                                       return MakeGittins(options, context);
                                     }));
  registry.Add("psrl",
               Entry<PsrlOptions>("Acts best for a decision process drawn from the posterior.",
                                  [](const PsrlOptions& options, const Context& context) {
                                    const TabularFamily family =
                                        Process(context, "psrl", options.reward_prior_mean);
                                    return MakeTabularBaseline(context, [family] {
                                      return MakePosteriorSampling(family, 1);
                                    });
                                  }));
  registry.Add(
      "optimistic-psrl",
      Entry<OptimisticPsrlOptions>(
          "Acts best for the most promising of several processes drawn from the posterior.",
          [](const OptimisticPsrlOptions& options, const Context& context) {
            const TabularFamily family =
                Process(context, "optimistic-psrl", options.reward_prior_mean);
            const int samples = static_cast<int>(options.samples);
            const Optimism optimism = options.variant == "envelope"  ? Optimism::kEnvelope
                                      : options.variant == "largest" ? Optimism::kLargestValue
                                                                     : Optimism::kBestSample;
            return MakeTabularBaseline(context, [family, samples, optimism] {
              return MakePosteriorSampling(family, samples, optimism);
            });
          }));
  registry.Add("ucrl2",
               Entry<Ucrl2Options>("Acts best for the best process that it does not exclude.",
                                   [](const Ucrl2Options& options, const Context& context) {
                                     const TabularFamily family =
                                         Process(context, "ucrl2", options.reward_prior_mean);
                                     return MakeTabularBaseline(
                                         context, [family, scale = options.scale,
                                                   centre = ModelOf(options.model)] {
                                           return MakeUcrl2(family, scale, centre);
                                         });
                                   }));
  registry.Add("value-iteration",
               Entry<NoOptions>("Is told the task and acts optimally: what nobody can exceed.",
                                [](const NoOptions&, const Context& context) {
                                  const TabularFamily family =
                                      TabularFamilyOf(context.family.spec(), "value-iteration");
                                  return MakeTabularOracle(context, [family](const Task& task) {
                                    return MakeOracle(family, task);
                                  });
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

}  // namespace fewstep
