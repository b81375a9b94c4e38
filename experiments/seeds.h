// Several seeds of one recipe, reported together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/evaluation.h"

namespace fewstep {

struct SeedResult {
  int64_t seed = 0;
  std::string path;
  AdaptationCurve curve;
};

// "1..3" or "1,2,5". Throws Error(kUsage).
std::vector<int64_t> ParseSeeds(const std::string& text);

// Prints and writes BASE.{json,md,svg} and BASE-learning.svg: the learning curves of all runs, the
// interquartile mean over seeds and tasks after each unit of adaptation with stratified bootstrap
// intervals, and every seed's mean.
void ReportSeeds(const std::vector<SeedResult>& results, const std::string& base, bool json);

// One evaluation on stdout, with what the reader must know.
void PrintCurve(const AdaptationCurve& curve, int64_t iteration);

}  // namespace fewstep
