// Several seeds of one recipe, reported together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/reports/learning_curve.h"
#include "experiments/running/evaluation.h"

namespace fewstep {

struct SeedResult {
  int64_t seed = 0;
  std::string path;
  int64_t iteration = 0;
  AdaptationCurve curve;
};

// "1..3" or "1,2,5". Throws Error(kUsage).
std::vector<int64_t> ParseSeeds(const std::string& text);

// Prints and writes BASE.{json,md,svg} and BASE-learning.svg: the learning curves of all runs, the
// mean and the interquartile mean over runs after each unit of adaptation with t intervals, and
// every run's own mean. Throws Error(kUsage) unless the results share their tasks.
void ReportSeeds(const std::vector<SeedResult>& results, const LearningCurve& learning_curve,
                 const std::string& base, bool json);
inline constexpr const char* kSeedReportFormat = "fewstep seeds 2";
inline constexpr size_t kShownRuns = 10;  // columns of a table; the JSON has all

}  // namespace fewstep
