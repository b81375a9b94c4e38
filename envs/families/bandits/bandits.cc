#include "envs/families/bandits/bandits.h"

#include <memory>
#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/families/families.h"
#include "envs/worlds/world_family.h"

namespace fewstep {
namespace {

// The reward of one pull of an arm with this parameter.
using PullFunction = double (*)(Rng& rng, double arm) noexcept;

// A published bandit. Every arm's parameter is drawn from U(0, 1).
struct Published {
  const char *name, *summary, *source, *reward;
  int arms;
  PullFunction pull;
};

constexpr Published kPublished[] = {
    // Duan et al., "RL^2: Fast Reinforcement Learning via Slow Reinforcement Learning", 2016, with
    // 5, 10, 50 arms and 10, 100, 500 pulls; SNAIL (Mishra et al., ICLR 2018) repeats it
    {.name = "bandit-bernoulli@rl2",
     .summary = "Arms pay 1 with probabilities that are not told.",
     .source = "Duan et al. 2016, arXiv:1611.02779, section 3.1",
     .reward = "1 with probability arm_i when arm i is pulled, else 0",
     .arms = 5,
     .pull = [](Rng& rng, double arm) noexcept { return rng.Uniform() < arm ? 1.0 : 0.0; }},
    {.name = "bandit-gaussian@maml",
     .summary = "Arms pay normally distributed rewards with means that are not told.",
     .source = "tristandeleu/pytorch-maml-rl, maml_rl/envs/bandit.py (BanditGaussianEnv)",
     .reward = "N(arm_i, 1) when arm i is pulled",
     .arms = 5,
     .pull = [](Rng& rng, double arm) noexcept { return arm + rng.Normal(); }},
};

class BanditWorld final : public World {
 public:
  BanditWorld(int arms, PullFunction pull) : arms_(static_cast<size_t>(arms)), pull_(pull) {}

  void Begin(std::span<const double> task) override { arms_.assign(task.begin(), task.end()); }

  void Reset(Rng&, double* observation) noexcept override {
    reward_ = 0;
    *observation = 1;
  }

  WorldStep Step(const double* action, Rng& rng, double* observation, double*) noexcept override {
    *observation = 1;
    reward_ = pull_(rng, arms_[static_cast<size_t>(*action)]);
    return {.reward = reward_};
  }

  void GetState(double* state) const noexcept override { *state = reward_; }

  void SetState(const double* state, double* observation) noexcept override {
    reward_ = *state;
    *observation = 1;
  }

 private:
  std::vector<double> arms_;  // [k]
  PullFunction pull_;
  double reward_ = 0;  // of the latest pull
};

std::unique_ptr<TaskFamily> Make(const Published& published, const BanditOptions& options) {
  const int arms = options.arms == 0 ? published.arms : static_cast<int>(options.arms);
  if (options.arms < 0 || options.arms == 1 || options.arms > kMaxArms) {
    throw Error(ErrorKind::kUsage, fmt::format("a bandit cannot have {} arms", options.arms),
                {.key = "arms",
                 .remedy = fmt::format("From 2 to {}, or 0 for the published {}", kMaxArms,
                                       published.arms)});
  }
  if (options.horizon > 1) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("an episode of '{}' is one pull, not {}", published.name, options.horizon),
        {.key = "horizon", .remedy = "Set trial_episodes to the number of pulls"});
  }

  WorldDefinition definition;
  definition.make_world = [arms, pull = published.pull]() -> std::unique_ptr<World> {
    return std::make_unique<BanditWorld>(arms, pull);
  };
  FamilySpec& spec = definition.spec;
  spec.name = published.name;
  spec.summary = published.summary;
  spec.source = published.source;
  spec.model = "k arms, each with a parameter that stays the same through a trial of n pulls";
  spec.reset = "nothing: pulls are independent";
  spec.reward = published.reward;
  spec.termination = "never; an episode is one pull";
  spec.action = "which arm is pulled";
  spec.observation = {"the constant 1"};
  spec.splits = "train, test: separate draws of the law; ood: none published";
  spec.observation_size = 1;
  spec.action_size = arms;
  spec.action_kind = ActionKind::kDiscrete;
  spec.horizon = 1;
  spec.trial_episodes = 10;
  for (int arm = 0; arm < arms; ++arm) {
    spec.parameters.push_back({.name = fmt::format("arm_{}", arm),
                               .unit = "",
                               .low = 0,
                               .high = 1,
                               .choices = {},
                               .law = "U(0, 1)"});
  }
  spec.state = {"latest_reward"};
  spec.drawing.arms = true;
  return MakeWorldFamily(std::move(definition), options);
}

}  // namespace

void BanditOptions::Visit(FieldVisitor& visitor) {
  FamilyOptions::Visit(visitor);
  visitor.Field("arms", arms,
                {.help = "Arms; 0 keeps the published number.",
                 .unit = "arms",
                 .min = 0,
                 .max = static_cast<double>(kMaxArms)});
}

void AddBandits(FamilyCatalog& catalog) {
  for (const Published& published : kPublished) {
    catalog.Add(published.name, EntryOf<BanditOptions>([&published](const BanditOptions& options) {
                  return Make(published, options);
                }));
  }
}

}  // namespace fewstep
