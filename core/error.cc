#include "core/error.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace fewstep {
namespace {

std::string Compose(std::string_view message, const ErrorContext& context) {
  std::string text;
  if (!context.file.empty()) {
    text += context.line > 0 ? fmt::format("{}:{}: ", context.file, context.line)
                             : fmt::format("{}: ", context.file);
  }
  if (!context.key.empty()) text += fmt::format("'{}': ", context.key);
  text += message;
  if (!context.remedy.empty()) text += fmt::format(". {}", context.remedy);
  return text;
}

// Levenshtein distance, one row at a time.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
    }
  }
  return row[b.size()];
}

}  // namespace

Error::Error(ErrorKind kind, std::string_view message, ErrorContext context)
    : std::runtime_error(Compose(message, context)), kind_(kind), context_(std::move(context)) {}

std::string Nearest(std::string_view name, const std::vector<std::string>& known) {
  // two slips (a swap of letters counts as two), three in long names, one in very short ones
  const size_t limit = name.size() <= 3 ? 1 : name.size() < 9 ? 2 : 3;
  std::string best;
  size_t best_distance = limit + 1;
  for (const std::string& candidate : known) {
    size_t distance = EditDistance(name, candidate);
    // a missing version ("half-cheetah-dir" for "half-cheetah-dir@promp") is near as well
    if (!name.empty() && candidate.starts_with(name)) distance = std::min(distance, limit);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view name, const std::vector<std::string>& known) {
  const std::string nearest = Nearest(name, known);
  return nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest);
}

namespace internal {

void CheckFailed(const char* file, int line, const char* condition, const std::string& detail) {
  std::fprintf(stderr, "fewstep: internal error at %s:%d: %s (%s)\n", file, line, condition,
               detail.c_str());
  std::abort();
}

}  // namespace internal
}  // namespace fewstep
