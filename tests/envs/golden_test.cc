// Transcripts of every built-in family: a change of behaviour that its author did not mean fails
// here. After a change that was meant, or with a new MuJoCo, write them again:
//   FEWSTEP_WRITE_GOLDEN=1 envs_tests --gtest_filter='*Golden*'
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/error.h"
#include "tests/envs/family_testing.h"

namespace fewstep {
namespace {

constexpr int kSteps = 20;

std::string PathOf(std::string name) {
  std::replace(name.begin(), name.end(), '@', '_');
  return fmt::format("{}/tests/golden/{}.txt", FEWSTEP_SOURCE_DIR, name);
}

std::string Header() { return fmt::format("MuJoCo {}", mj_versionString()); }

// One line a step: observation, reward, metrics.
std::vector<std::vector<double>> Transcribe(const TaskFamily& family) {
  const FamilySpec& spec = family.spec();
  const auto env = family.MakeVectorEnv(1, 1);
  env->SetTasks(family.Sample(Split::kTrain, 1, Rng(1)));
  const Trajectory t = Roll(*env, Rng(2), RandomActions(spec, kSteps, 1, 3));
  std::vector<std::vector<double>> lines{{t.first.begin(), t.first.end()}};
  const size_t size = static_cast<size_t>(spec.observation_size), metrics = spec.metrics.size();
  for (size_t step = 0; step < kSteps; ++step) {
    std::vector<double> line(&t.observations[step * size], &t.observations[step * size] + size);
    line.push_back(t.rewards[step]);
    const double* values = t.metrics.data() + step * metrics;  // none for some families
    line.insert(line.end(), values, values + metrics);
    lines.push_back(std::move(line));
  }
  return lines;
}

class Golden : public NoWarningsTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(Golden, TranscriptIsUnchanged) {
  const auto family = BuiltinFamilies().Make(GetParam());
  const auto lines = Transcribe(*family);
  const std::string path = PathOf(GetParam());

  if (std::getenv("FEWSTEP_WRITE_GOLDEN") != nullptr) {
    std::ofstream out(path);
    out << Header() << "\n" << GetParam() << " " << family->hash() << "\n";
    for (const auto& line : lines) out << fmt::format("{}\n", fmt::join(line, " "));
    ASSERT_TRUE(out.good()) << path;
    return;
  }

  std::ifstream in(path);
  ASSERT_TRUE(in.good()) << path << " is missing";
  std::string text;
  std::getline(in, text);
  EXPECT_EQ(text, Header()) << "write the transcripts again for this MuJoCo";
  std::getline(in, text);
  EXPECT_EQ(text, GetParam() + " " + family->hash()) << "the definition has changed";
  for (size_t step = 0; step < lines.size(); ++step) {
    ASSERT_TRUE(std::getline(in, text)) << "line " << step;
    std::istringstream numbers(text);
    for (const double value : lines[step]) {
      double expected = 0;
      ASSERT_TRUE(numbers >> expected) << "line " << step;
      ASSERT_NEAR(value, expected, 1e-9) << "line " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Golden, ::testing::ValuesIn(BuiltinFamilies().Names()),
                         FamilyTestName);

}  // namespace
}  // namespace fewstep
