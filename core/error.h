// Errors. What the user supplied and is wrong throws Error, which main() turns into an exit code;
// what we got wrong ourselves aborts through FEWSTEP_CHECK with the condition and its values.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace fewstep {

// The numeric value is the exit code of the program.
enum class ErrorKind {
  kRuntime = 1,  // the machine refused: disk full, out of memory, no GPU
  kUsage = 2,    // command line or configuration
  kData = 3,     // a file that was read: checkpoint, actions, data set
  kPlugin = 4,   // a task family whose definition makes no sense: its author's mistake
};

struct ErrorContext {
  std::string file{};    // path, empty when none
  int line = 0;          // 1-based, 0 when unknown
  std::string key{};     // configuration key or tensor name
  std::string remedy{};  // what to do, one sentence
};

// The one exception type of fewstep. what() is the whole message:
// "FILE:LINE: key 'KEY': MESSAGE. REMEDY".
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string_view message, ErrorContext context = {});

  ErrorKind kind() const { return kind_; }
  const ErrorContext& context() const { return context_; }

 private:
  ErrorKind kind_;
  ErrorContext context_;
};

// The member of `known` nearest to `name` within edit distance 3; "" when there is none.
std::string Nearest(std::string_view name, const std::vector<std::string>& known);

// "; did you mean 'x'?" or "".
std::string DidYouMean(std::string_view name, const std::vector<std::string>& known);

namespace internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& detail);
}  // namespace internal
}  // namespace fewstep

// Aborts when an invariant of ours is broken. The message is a fmt format string.
#define FEWSTEP_CHECK(condition, ...)                                  \
  do {                                                                 \
    if (!(condition)) [[unlikely]] {                                   \
      ::fewstep::internal::CheckFailed(__FILE__, __LINE__, #condition, \
                                       ::fmt::format(__VA_ARGS__));    \
    }                                                                  \
  } while (false)
