#include "core/error.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace fewstep {
namespace {

// What a hostile file holds must not reach the terminal as a command, nor a NUL end the message.
std::string Printable(std::string_view text) {
  std::string printable;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7F) {
      printable += fmt::format("\\x{:02x}", byte);
    } else {
      printable += c;
    }
  }
  return printable;
}

std::string Compose(std::string_view message, const ErrorContext& context) {
  std::string text;
  if (!context.file.empty()) {
    text += context.line > 0 ? fmt::format("{}:{}: ", context.file, context.line)
                             : fmt::format("{}: ", context.file);
  }
  if (!context.key.empty()) text += fmt::format("'{}': ", context.key);
  text += message;
  if (!context.remedy.empty()) {
    text += fmt::format("{} {}", message.ends_with('?') ? "" : ".", context.remedy);
  }
  return Printable(text);
}

// Letters left out, added, replaced or swapped with their neighbour (optimal string alignment),
// three rows at a time.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

Error::Error(ErrorKind kind, std::string_view message, ErrorContext context)
    : std::runtime_error(Compose(message, context)), kind_(kind), context_(std::move(context)) {}

std::string Nearest(std::string_view name, const std::vector<std::string>& known) {
  // two slips, three in long names, one in very short ones
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
