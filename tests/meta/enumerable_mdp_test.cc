// Tables of decision processes: what is refused, what is enumerated, and that the simulation made
// of them follows them. The exact gradients against independent ones.
#include "meta/verification/enumerable_mdp.h"

#include <cmath>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "meta/verification/exact_gradient.h"
#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const std::string kMdps = FEWSTEP_SOURCE_DIR "/experiments/mdps/";

// The built-in process as a file with one line replaced.
std::string MessageOf(const std::string& line, const std::string& replacement) {
  std::ifstream in(kMdps + "two-state.toml");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  const size_t at = text.find(line);
  EXPECT_NE(at, std::string::npos) << line;
  text.replace(at, line.size(), replacement);
  const std::string path = ::testing::TempDir() + "mdp.toml";
  std::ofstream(path) << text;
  try {
    EnumerableMdp::Read(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "accepted";
}

TEST(EnumerableMdp, TheFileOfTheBuiltInProcessIsIt) {
  MdpOptions file = EnumerableMdp::Read(kMdps + "two-state.toml").options();
  MdpOptions built_in = TwoStateMdp();
  EXPECT_EQ(WriteToml("mdp", file), WriteToml("mdp", built_in));
}

TEST(EnumerableMdp, BadFilesAreRefusedWithLineAndKey) {
  const std::string row = "[[0.9, 0.1], [0.2, 0.8]]";
  EXPECT_EQ(MessageOf(row, row), "accepted");
  EXPECT_THAT(MessageOf(row, "[[0.9, 0.2], [0.2, 0.8]]"),
              AllOf(HasSubstr("mdp.toml:6: 'mdp.transition'"), HasSubstr("row [0][0] sum to 1.1")));
  EXPECT_THAT(MessageOf(row, "[[0.9, 0.1], [0.2, 0.79]]"), HasSubstr("row [0][1] sum to 0.99"));
  EXPECT_THAT(MessageOf(row, "[[1.1, -0.1], [0.2, 0.8]]"),
              AllOf(HasSubstr("mdp.toml:6"), HasSubstr("-0.1 in row [0][0] is no probability")));
  EXPECT_THAT(MessageOf(row, "[[0.9, 0.1]]"),
              AllOf(HasSubstr("mdp.toml:8"), HasSubstr("an array of 2 beside one of 1")));
  EXPECT_THAT(MessageOf(row, "[[0.9, 'x'], [0.2, 0.8]]"),
              AllOf(HasSubstr("mdp.toml:7"), HasSubstr("found a string")));
  EXPECT_THAT(MessageOf(row, "[[0.9, nan], [0.2, 0.8]]"),
              AllOf(HasSubstr("mdp.toml:7"), HasSubstr("not a finite number")));
  EXPECT_THAT(MessageOf("  [2, -1],\n", ""), AllOf(HasSubstr("mdp.toml:10: 'mdp.reward'"),
                                                   HasSubstr("[1, 2] and must be [2, 2]")));
  EXPECT_THAT(MessageOf("states = 2", "states = 3"),
              AllOf(HasSubstr("'mdp.transition'"), HasSubstr("[2, 2, 2] and must be [3, 2, 3]")));
  EXPECT_THAT(MessageOf("states = 2", ""), AllOf(HasSubstr("'mdp.states'"), HasSubstr("needs")));
  EXPECT_THAT(MessageOf("policy = [", "polciy = ["), HasSubstr("did you mean 'policy'?"));
  EXPECT_THAT(MessageOf("horizon = 3", "horizon = 12"),
              AllOf(HasSubstr("mdp.toml:5: 'mdp.horizon'"), HasSubstr("8.39e+06 trajectories")));
  EXPECT_THAT(MessageOf("inner_steps = 1", "inner_steps = -1"), HasSubstr("out of range"));
  EXPECT_THAT(MessageOf("horizon = 3", "horizon = 3\nstart = [0.5, 0.4]"),
              AllOf(HasSubstr("mdp.toml:6: 'mdp.start'"), HasSubstr("sum to 0.9")));
  EXPECT_THAT(MessageOf("horizon = 3", "horizon = 3\nstart = [1]"), HasSubstr("must be [2]"));
  EXPECT_THAT(MessageOf("[mdp]", "[mpd]"), HasSubstr("did you mean 'mdp'?"));
}

TEST(EnumerableMdp, EnumeratesEveryTrajectoryOfPositiveProbability) {
  const EnumerableMdp mdp = EnumerableMdp::Read(kMdps + "three-state.toml");
  const Trajectories& all = mdp.trajectories();
  // with the probabilities of choices that are uniform, they are a distribution
  double total = 0, mean_return = 0;
  for (int64_t m = 0; m < all.size(); ++m) {
    const double probability = all.probabilities[static_cast<size_t>(m)] / std::pow(2.0, 4);
    EXPECT_GT(probability, 0);
    total += probability;
    mean_return += probability * all.returns_to_go[static_cast<size_t>(4 * m)];
  }
  EXPECT_NEAR(total, 1, 1e-12);
  const std::vector<double> uniform(6, 0.0);
  EXPECT_NEAR(mean_return, ExpectedReturn(mdp, uniform), 1e-12);
  // the same start, choices and states twice would be one too many
  std::set<std::vector<int64_t>> distinct;
  for (int64_t m = 0; m < all.size(); ++m) {
    std::vector<int64_t> key(all.states.begin() + 4 * m, all.states.begin() + 4 * (m + 1));
    key.insert(key.end(), all.actions.begin() + 4 * m, all.actions.begin() + 4 * (m + 1));
    distinct.insert(key);
  }
  EXPECT_EQ(static_cast<int64_t>(distinct.size()), all.size());
}

TEST(EnumerableMdp, ThePolicyGradientIsThatOfTheExpectedReturn) {
  for (const char* name : {"two-state", "three-state"}) {
    const EnumerableMdp mdp = EnumerableMdp::Read(kMdps + name + ".toml");
    const std::vector<double>& theta = mdp.options().policy.values;
    const FiniteDifferences numeric = Differentiate(
        [&](std::span<const double> point) { return ExpectedReturn(mdp, point); }, theta);
    const std::vector<double> closed = PolicyGradient(mdp, theta);
    for (size_t i = 0; i < theta.size(); ++i) EXPECT_NEAR(numeric.values[i], closed[i], 1e-10);
    EXPECT_LT(numeric.uncertainty, 1e-9);
  }
}

TEST(ExactGradient, DifferencesOfWhatHasAClosedForm) {
  const FiniteDifferences gradient = Differentiate(
      [](std::span<const double> x) { return std::exp(3 * x[0]) * std::sin(20 * x[1]); },
      std::vector{0.5, 0.7});
  EXPECT_NEAR(gradient.values[0], 3 * std::exp(1.5) * std::sin(14.0), 1e-9);
  EXPECT_NEAR(gradient.values[1], 20 * std::exp(1.5) * std::cos(14.0), 1e-8);
  EXPECT_LT(gradient.uncertainty, 1e-8);
}

TEST(EnumerableMdp, TheSimulationFollowsTheTables) {
  const EnumerableMdp mdp = EnumerableMdp::Read(kMdps + "three-state.toml");
  const auto policy = mdp.MakePolicy();
  const auto family = mdp.MakeFamily();
  const auto pool = MakePool(2);
  Sampler sampler(*family, *pool, SamplingPlan::kEpisodes);
  const std::vector<Task> tasks = {{family->spec().name, {}}};
  constexpr int kEpisodes = 40000;
  const Rollouts rollouts = sampler.Collect(*policy, mdp.InitialParameters(*policy), tasks,
                                            {.episodes = kEpisodes}, Rng(5));

  // the mean return, within four of its standard errors
  const torch::Tensor returns = rollouts.returns[0];
  const double error = returns.std().item<double>() / std::sqrt(double{kEpisodes});
  EXPECT_NEAR(returns.mean().item<double>(), ExpectedReturn(mdp, mdp.options().policy.values),
              4 * error);

  // first states and transitions: every frequency within five standard errors of its probability
  const torch::Tensor states = rollouts.observations[0].argmax(2);  // [E, H]
  const torch::Tensor actions = rollouts.actions[0].squeeze(2);
  const auto expect_share = [](double hits, double of, double probability) {
    EXPECT_NEAR(hits / of, probability,
                5 * std::sqrt(probability * (1 - probability) / of) + 1e-12);
  };
  for (int s = 0; s < 3; ++s) {
    expect_share((states.select(1, 0) == s).sum().item<double>(), kEpisodes,
                 mdp.tables().start[static_cast<size_t>(s)]);
    for (int a = 0; a < 2; ++a) {
      const torch::Tensor here =
          ((states == s) & (actions == a)).narrow(1, 0, mdp.options().horizon - 1);
      const torch::Tensor next = states.narrow(1, 1, mdp.options().horizon - 1);
      for (int to = 0; to < 3; ++to) {
        expect_share((here & (next == to)).sum().item<double>(), here.sum().item<double>(),
                     mdp.tables().Next(s, a)[static_cast<size_t>(to)]);
      }
    }
  }
}

}  // namespace
}  // namespace fewstep
