// tabular-mdp@rl2: small decision processes with random tables.
// Duan et al., "RL^2: Fast Reinforcement Learning via Slow Reinforcement Learning", 2016, section
// 3.2: 10 states, 5 actions, mean rewards N(1, 1) with noise N(0, 1), next states from a flat
// Dirichlet distribution, episodes of 10 steps from the first state.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "envs/families/families.h"
#include "envs/families/mdps/tabular_mdp.h"
#include "envs/worlds/world_family.h"

namespace fewstep {
namespace {

constexpr size_t kPairs = size_t{kMdpStates} * kMdpActions;
constexpr size_t kWeights = kPairs * kMdpStates;

// Ends of the box of tasks: what 53-bit uniform numbers can give lies within.
constexpr double kLargestDeviation = 10, kSmallestWeight = 1e-9, kLargestWeight = 40;

// Normalised exponential weights are a flat Dirichlet distribution.
void Draw(Rng& rng, std::span<double> values) {
  for (size_t i = 0; i < kPairs; ++i) values[i] = 1 + rng.Normal();
  for (size_t i = 0; i < kWeights; ++i) {
    values[kPairs + i] = std::max(kSmallestWeight, -std::log(1 - rng.Uniform()));
  }
}

class MdpWorld final : public TabularWorld {
 public:
  MdpWorld()
      : TabularWorld({.states = kMdpStates,
                      .actions = kMdpActions,
                      .rewards = std::vector<double>(kPairs),
                      .transitions = std::vector<double>(kWeights)},
                     /*reward_noise=*/1) {}
  void Begin(std::span<const double> task) override { ReadTask(task, mdp_); }
};

}  // namespace

void ReadTask(std::span<const double> values, TabularMdp& mdp) {
  FEWSTEP_CHECK(values.size() == kPairs + kWeights, "{} values", values.size());
  mdp.states = kMdpStates;
  mdp.actions = kMdpActions;
  mdp.rewards.assign(values.begin(), values.begin() + kPairs);
  mdp.transitions.assign(values.begin() + kPairs, values.end());
  for (auto row = mdp.transitions.begin(); row != mdp.transitions.end(); row += kMdpStates) {
    const double sum = std::accumulate(row, row + kMdpStates, 0.0);
    for (auto weight = row; weight != row + kMdpStates; ++weight) *weight /= sum;
  }
}

namespace {

std::unique_ptr<TaskFamily> MakeTabularMdpRl2(const FamilyOptions& options) {
  WorldDefinition definition;
  definition.make_world = []() -> std::unique_ptr<World> { return std::make_unique<MdpWorld>(); };
  definition.law.draw = Draw;

  FamilySpec& spec = definition.spec;
  spec.name = "tabular-mdp@rl2";
  spec.summary = "A decision process of 10 states and 5 actions whose tables are not told.";
  spec.source = "Duan et al. 2016, arXiv:1611.02779, section 3.2";
  spec.model = "next state ~ weight_s_a_* / their sum, a flat Dirichlet distribution";
  spec.reset = "state 0";
  spec.reward = "reward_s_a + N(0, 1)";
  spec.termination = "never";
  spec.action = "one of 5 choices";
  spec.observation = {"the state, one-hot (10)"};
  spec.splits = "train, test: separate draws of the law; ood: none published";
  spec.observation_size = kMdpStates;
  spec.action_size = kMdpActions;
  spec.action_kind = ActionKind::kDiscrete;
  spec.horizon = 10;
  spec.trial_episodes = 10;
  const auto add = [&](std::string name, double low, double high, const char* law) {
    spec.parameters.push_back(
        {.name = std::move(name), .unit = "", .low = low, .high = high, .choices = {}, .law = law});
  };
  for (int s = 0; s < kMdpStates; ++s) {
    for (int a = 0; a < kMdpActions; ++a) {
      add(fmt::format("reward_{}_{}", s, a), 1 - kLargestDeviation, 1 + kLargestDeviation,
          "N(1, 1)");
    }
  }
  for (size_t i = 0; i < kWeights; ++i) {
    add(fmt::format("weight_{}_{}_{}", i / kMdpStates / kMdpActions, i / kMdpStates % kMdpActions,
                    i % kMdpStates),
        kSmallestWeight, kLargestWeight, "Exp(1)");
  }
  spec.state = {"state"};
  spec.drawing.states = {.count = kMdpStates,
                         .actions = kMdpActions,
                         .rewards = 0,
                         .transitions = static_cast<size_t>(kMdpStates * kMdpActions)};
  return MakeWorldFamily(std::move(definition), options);
}

}  // namespace

void AddTabularMdps(FamilyCatalog& catalog) {
  catalog.Add("tabular-mdp@rl2", EntryOf<FamilyOptions>(MakeTabularMdpRl2));
}

}  // namespace fewstep
