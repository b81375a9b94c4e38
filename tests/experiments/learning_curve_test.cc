#include "experiments/reports/learning_curve.h"

#include <regex>

#include <gtest/gtest.h>

#include "core/append_file.h"
#include "core/metrics.h"
#include "tests/core/scratch_directory.h"

namespace fewstep {
namespace {

// Of a run that has a return in every third iteration only: one line through all of them, at the
// steps that were spent up to each.
TEST(LearningCurve, GoesOverIterationsWithoutAReturn) {
  const ScratchDirectory scratch;
  {
    AppendFile log(scratch.File("metrics.jsonl"));
    for (int64_t iteration = 1; iteration <= 9; ++iteration) {
      Metrics metrics;
      if (iteration % 3 == 0) metrics.Add("return_0", static_cast<double>(iteration));
      metrics.Add("environment_steps", 10);
      log.WriteLine(JsonLine(iteration, metrics));
    }
  }
  const LearningCurve curve{.effort = "environment_steps",
                            .effort_label = "environment steps",
                            .effort_unit = "steps",
                            .score = "return",
                            .lines = {{"return_0", "return"}}};
  const std::string svg = LearningCurveSvg({scratch.path()}, "title", curve);
  std::smatch line;
  const std::regex path("<path d=\"(M[^\"]*)\" fill=\"none\"");
  ASSERT_TRUE(std::regex_search(svg, line, path)) << svg;
  const std::string drawn = line[1];
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 'L'), 2);
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 'M'), 1);
}

}  // namespace
}  // namespace fewstep
