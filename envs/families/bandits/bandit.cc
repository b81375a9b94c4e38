#include "envs/families/bandits/bandit.h"

#include <utility>
#include <vector>

#include "core/error.h"
#include "envs/worlds/world_family.h"

namespace fewstep {
namespace {

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

}  // namespace

std::unique_ptr<TaskFamily> MakeBanditFamily(FamilySpec spec, PullFunction pull,
                                             const FamilyOptions& options) {
  const int arms = options.arms == 0 ? spec.action_size : static_cast<int>(options.arms);
  if (options.arms < 0 || options.arms == 1 || options.arms > kMaxArms) {
    throw Error(ErrorKind::kUsage, fmt::format("a bandit cannot have {} arms", options.arms),
                {.key = "arms",
                 .remedy = fmt::format("From 2 to {}, or 0 for the published {}", kMaxArms,
                                       spec.action_size)});
  }
  if (options.horizon > 1) {
    throw Error(ErrorKind::kUsage,
                fmt::format("an episode of '{}' is one pull, not {}", spec.name, options.horizon),
                {.key = "horizon", .remedy = "Set trial_episodes to the number of pulls"});
  }

  WorldDefinition definition;
  definition.make_world = [arms, pull]() -> std::unique_ptr<World> {
    return std::make_unique<BanditWorld>(arms, pull);
  };
  spec.model = "k arms, each with a parameter that stays the same through a trial of n pulls";
  spec.reset = "nothing: pulls are independent";
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
  definition.spec = std::move(spec);

  // the arms are applied
  FamilyOptions rest = options;
  rest.arms = 0;
  return MakeWorldFamily(std::move(definition), rest);
}

}  // namespace fewstep
