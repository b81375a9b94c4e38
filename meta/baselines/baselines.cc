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

void VisitTies(FieldVisitor& v, Ties& ties) {
  v.Choice(
      "ties", ties, {{"even", Ties::kEven}, {"lowest", Ties::kLowest}},
      {.help = "Which of several actions of equal value is taken: each as often, or the one with "
               "the lowest index."});
}

constexpr ChoiceName<MdpModel> kMdpModelNames[] = {
    {"mean", MdpModel::kMean}, {"map", MdpModel::kMode}, {"frequencies", MdpModel::kFrequencies}};

void VisitRewardPriorMean(FieldVisitor& v, double& mean) {
  v.Field("reward_prior_mean", mean,
          {.help = "Mean of the prior of every mean reward of a decision process; 1 is its law.",
           .min = -1e6,
           .max = 1e6});
}

struct GreedyOptions : Options {
  Ties ties = Ties::kEven;
  MdpModel model = MdpModel::kMean;
  double reward_prior_mean = kMdpRewardMean;
  void Visit(FieldVisitor& v) override {
    VisitTies(v, ties);
    v.Choice(
        "model", model, kMdpModelNames,
        {.help = "The decision process that is planned in: the posterior's mean; its mode, which "
                 "has the frequencies seen for transitions; or these and the mean rewards seen."});
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
  Ties ties = Ties::kEven;
  void Visit(FieldVisitor& v) override {
    v.Field("constant", constant,
            {.help = "Factor c of the confidence bound; 1 is UCB1 as published.",
             .min = 0,
             .max = 1e6});
    VisitTies(v, ties);
  }
};

enum class OptimisticSample { kBestOfSamples, kClipped, kLikeliest };

struct OptimisticThompsonOptions : Options {
  OptimisticSample variant = OptimisticSample::kBestOfSamples;
  int64_t samples = 4;
  void Visit(FieldVisitor& v) override {
    v.Choice("variant", variant,
             {{"best-of-samples", OptimisticSample::kBestOfSamples},
              {"clipped", OptimisticSample::kClipped},
              {"likeliest", OptimisticSample::kLikeliest}},
             {.help = "best-of-samples: the largest of several samples of an arm; clipped: one "
                      "sample, but at least the posterior mean (May et al.); likeliest: of several "
                      "samples of all arms, the one with the highest density (Duan et al.)."});
    v.Field("samples", samples,
            {.help = "Samples of every arm (best-of-samples, likeliest).",
             .unit = "samples",
             .min = 1,
             .max = 10000});
  }
};

enum class GittinsHorizon { kFinite, kDiscounted };

struct GittinsOptions : Options {
  GittinsHorizon index = GittinsHorizon::kFinite;
  double discount = 0.99;
  void Visit(FieldVisitor& v) override {
    v.Choice(
        "index", index,
        {{"finite-horizon", GittinsHorizon::kFinite}, {"discounted", GittinsHorizon::kDiscounted}},
        {.help = "Index for the pulls that are left of the trial, or for pulling for ever at a "
                 "discount."});
    v.Field("discount", discount,
            {.help = "Discount factor of a pull (discounted).", .min = 1e-6, .max = 0.9999});
  }
};

struct PsrlOptions : Options {
  double reward_prior_mean = kMdpRewardMean;
  void Visit(FieldVisitor& v) override { VisitRewardPriorMean(v, reward_prior_mean); }
};

struct OptimisticPsrlOptions : Options {
  Optimism variant = Optimism::kBestSample;
  int64_t samples = 5;
  double reward_prior_mean = kMdpRewardMean;
  void Visit(FieldVisitor& v) override {
    v.Choice(
        "variant", variant,
        {{"best-sample", Optimism::kBestSample},
         {"envelope", Optimism::kEnvelope},
         {"largest", Optimism::kLargestValue}},
        {.help = "best-sample: acts best for the most promising process; envelope: the value of "
                 "every action at every step is the largest of all processes, and goes on with "
                 "such values; largest: the largest of its values in each process alone."});
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
  MdpModel model = MdpModel::kMean;
  double reward_prior_mean = kMdpRewardMean;
  void Visit(FieldVisitor& v) override {
    v.Field("scale", scale,
            {.help = "Factor on the published confidence radii; 1 is UCRL2 as published.",
             .min = 0,
             .max = 1e6});
    v.Choice("model", model, kMdpModelNames,
             {.help = "What the radii are about: the posterior's mean, or as published the "
                      "frequencies and the mean rewards seen.",
              .choices = {"mean", "frequencies"}});
    VisitRewardPriorMean(v, reward_prior_mean);
  }
};

// What a baseline is made from, the family already found to be one that it plays.
struct Making {
  const AgentContext& context;
  std::string_view agent;  // its name
  TabularFamily family;    // unset for the random agent, which plays every family
};

std::unique_ptr<MetaAgent> MakeBandit(const Making& making, BanditRule rule,
                                      const BanditChoice& choice = {}) {
  return MakeTabularBaseline(making.context,
                             [arms = making.family.actions, rule = std::move(rule), choice] {
                               return MakeBanditLearner(arms, rule, choice);
                             });
}

// The family with the belief that its mean rewards have this mean.
TabularFamily WithPriorMean(const Making& making, double mean) {
  TabularFamily family = making.family;
  family.prior.mean = mean;
  return family;
}

std::unique_ptr<MetaAgent> MakeRandom(const NoOptions&, const Making& making) {
  return MakeRandomBaseline(making.context);
}

std::unique_ptr<MetaAgent> MakeGreedyWith(double epsilon, const GreedyOptions& options,
                                          const Making& making) {
  if (making.family.bandit) {
    // a bandit's beliefs are those of its law
    const auto refuse = [&](const char* key) {
      throw Error(ErrorKind::kUsage, fmt::format("'{}' takes no {} of a bandit", making.agent, key),
                  {.key = fmt::format("agent.{}", key),
                   .remedy = "Leave it out, or choose tabular-mdp@rl2"});
    };
    if (options.model != GreedyOptions().model) refuse("model");
    if (options.reward_prior_mean != kMdpRewardMean) refuse("reward_prior_mean");
    return MakeBandit(making, ArmByArm(PosteriorMeanIndex(making.family.prior)),
                      {.epsilon = epsilon, .ties = options.ties});
  }
  const GreedyMdpChoice choice{.model = options.model, .epsilon = epsilon, .ties = options.ties};
  return MakeTabularBaseline(making.context,
                             [family = WithPriorMean(making, options.reward_prior_mean), choice] {
                               return MakeGreedyMdpLearner(family, choice);
                             });
}

std::unique_ptr<MetaAgent> MakeGreedy(const GreedyOptions& options, const Making& making) {
  return MakeGreedyWith(0, options, making);
}

std::unique_ptr<MetaAgent> MakeEpsilonGreedy(const EpsilonGreedyOptions& options,
                                             const Making& making) {
  return MakeGreedyWith(options.epsilon, options, making);
}

std::unique_ptr<MetaAgent> MakeUcb1(const Ucb1Options& options, const Making& making) {
  return MakeBandit(making, ArmByArm(Ucb1Index(making.family.prior, options.constant)),
                    {.ties = options.ties});
}

std::unique_ptr<MetaAgent> MakeThompson(const NoOptions&, const Making& making) {
  return MakeBandit(making, ArmByArm(ThompsonIndex(making.family.prior)));
}

std::unique_ptr<MetaAgent> MakeOptimisticThompson(const OptimisticThompsonOptions& options,
                                                  const Making& making) {
  const RewardPrior& prior = making.family.prior;
  const int samples = static_cast<int>(options.samples);
  switch (options.variant) {
    case OptimisticSample::kBestOfSamples:
      break;
    case OptimisticSample::kClipped:
      return MakeBandit(making, ArmByArm(ClippedSampleIndex(prior)));
    case OptimisticSample::kLikeliest:
      return MakeBandit(making, LikeliestSampleRule(prior, samples));
  }
  return MakeBandit(making, ArmByArm(BestOfSamplesIndex(prior, samples)));
}

std::unique_ptr<MetaAgent> MakeGittins(const GittinsOptions& options, const Making& making) {
  const int pulls = making.family.trial_episodes;
  WorkerPool& pool = making.context.pool;
  auto table = std::make_shared<const GittinsTable>(
      options.index == GittinsHorizon::kDiscounted
          ? GittinsTable::Discounted(pulls, options.discount, pool)
          : GittinsTable::FiniteHorizon(pulls, pool));
  return MakeBandit(making, ArmByArm(GittinsIndex(making.family.prior, std::move(table), pulls)));
}

std::unique_ptr<MetaAgent> MakePsrl(const PsrlOptions& options, const Making& making) {
  return MakeTabularBaseline(making.context,
                             [family = WithPriorMean(making, options.reward_prior_mean)] {
                               return MakePosteriorSampling(family, 1);
                             });
}

std::unique_ptr<MetaAgent> MakeOptimisticPsrl(const OptimisticPsrlOptions& options,
                                              const Making& making) {
  return MakeTabularBaseline(
      making.context, [family = WithPriorMean(making, options.reward_prior_mean),
                       samples = static_cast<int>(options.samples), optimism = options.variant] {
        return MakePosteriorSampling(family, samples, optimism);
      });
}

std::unique_ptr<MetaAgent> MakeUcrl2Agent(const Ucrl2Options& options, const Making& making) {
  return MakeTabularBaseline(
      making.context,
      [family = WithPriorMean(making, options.reward_prior_mean), scale = options.scale,
       centre = options.model] { return MakeUcrl2(family, scale, centre); });
}

std::unique_ptr<MetaAgent> MakeValueIteration(const NoOptions&, const Making& making) {
  return MakeTabularOracle(making.context, [family = making.family](const Task& task) {
    return MakeOracle(family, task);
  });
}

// The families that a baseline plays.
enum class Plays { kAny, kTabular, kBandits, kBernoulliBandits, kProcesses };

bool DoesPlay(Plays plays, const TabularFamily& family) {
  switch (plays) {
    case Plays::kAny:
    case Plays::kTabular:
      return true;
    case Plays::kBandits:
      return family.bandit;
    case Plays::kBernoulliBandits:
      return family.bandit && family.prior.kind == RewardPrior::Kind::kBernoulli;
    case Plays::kProcesses:
      return !family.bandit;
  }
  return false;
}

struct BaselineRow {
  const char* name;
  Plays plays;
  const char* summary;
  std::function<std::unique_ptr<Options>()> make_options;
  std::function<std::unique_ptr<MetaAgent>(const Options&, const Making&)> make;
};

template <typename AgentOptions>
BaselineRow Row(const char* name, Plays plays, const char* summary,
                std::unique_ptr<MetaAgent> (*make)(const AgentOptions&, const Making&)) {
  return {name, plays, summary, [] { return std::make_unique<AgentOptions>(); },
          [make](const Options& options, const Making& making) {
            return make(dynamic_cast<const AgentOptions&>(options), making);
          }};
}

// All of them, from the simplest to the one that is told the task.
const std::vector<BaselineRow>& Baselines() {
  static const std::vector<BaselineRow> all = {
      Row("random", Plays::kAny, "Acts at random and never learns.", MakeRandom),
      Row("greedy", Plays::kTabular, "Acts best for the posterior mean.", MakeGreedy),
      Row("epsilon-greedy", Plays::kTabular,
          "Acts best for the posterior mean, sometimes at random.", MakeEpsilonGreedy),
      Row("ucb1", Plays::kBandits, "Pulls the arm with the largest upper confidence bound.",
          MakeUcb1),
      Row("thompson", Plays::kBandits, "Pulls the arm that is best in a sample of the posterior.",
          MakeThompson),
      Row("optimistic-thompson", Plays::kBandits, "Thompson sampling from an optimistic posterior.",
          MakeOptimisticThompson),
      Row("gittins", Plays::kBernoulliBandits, "Pulls the arm with the largest Gittins index.",
          MakeGittins),
      Row("psrl", Plays::kProcesses, "Acts best for a decision process drawn from the posterior.",
          MakePsrl),
      Row("optimistic-psrl", Plays::kProcesses,
          "Acts best for the most promising of several processes drawn from the posterior.",
          MakeOptimisticPsrl),
      Row("ucrl2", Plays::kProcesses, "Acts best for the best process that it does not exclude.",
          MakeUcrl2Agent),
      Row("value-iteration", Plays::kTabular,
          "Is told the task and acts optimally: what nobody can exceed.", MakeValueIteration)};
  return all;
}

Making MakingOf(const BaselineRow& baseline, const AgentContext& context) {
  const FamilySpec& spec = context.family.spec();
  if (baseline.plays == Plays::kAny) return {context, baseline.name, {}};
  Making making{context, baseline.name, TabularFamilyOf(spec, baseline.name)};
  if (spec.task_observed) {
    throw Error(ErrorKind::kUsage,
                fmt::format("'{}' reads a state, and this observation is more", baseline.name),
                {.key = "family.observe_task",
                 .remedy = "Set it to false; value-iteration is told the task all the same"});
  }
  if (DoesPlay(baseline.plays, making.family)) return making;
  throw Error(ErrorKind::kUsage, fmt::format("'{}' does not play '{}'", baseline.name, spec.name),
              {.key = "agent.name",
               .remedy = fmt::format("{} play it", fmt::join(BaselinesOf(spec), ", "))});
}

}  // namespace

void RegisterBaselines(AgentRegistry& registry) {
  for (const BaselineRow& baseline : Baselines()) {
    registry.Add(baseline.name,
                 {.summary = baseline.summary,
                  .make_options = baseline.make_options,
                  .make =
                      [&baseline](const Options& options, const AgentContext& context) {
                        return baseline.make(options, MakingOf(baseline, context));
                      },
                  .trained = false});
  }
}

std::vector<std::string> BaselinesOf(const FamilySpec& spec) {
  const TabularFamily family = TabularFamilyOf(spec, "ruler");
  std::vector<std::string> names;
  for (const BaselineRow& baseline : Baselines()) {
    if (DoesPlay(baseline.plays, family)) names.emplace_back(baseline.name);
  }
  return names;
}

}  // namespace fewstep
