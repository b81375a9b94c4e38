#include "experiments/running/progress.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vector>

#include "core/clock.h"
#include "core/error.h"

namespace fewstep {
namespace {

constexpr double kPlainShare = 0.05;  // of the iterations between two plain lines
constexpr int kUnlimitedWidth = std::numeric_limits<int>::max();
constexpr std::string_view kReset = "\x1b[0m", kBold = "\x1b[1m", kDim = "\x1b[2m",
                           kGreen = "\x1b[32m";
constexpr std::string_view kEraseLine = "\r\x1b[K";

bool EnvironmentIs(const char* name, std::string_view value) {
  const char* found = std::getenv(name);
  return found != nullptr && value == found;
}

bool EnvironmentIsSet(const char* name) {
  const char* found = std::getenv(name);
  return found != nullptr && *found != '\0';
}

// Columns of the terminal, asked anew every time: windows are resized.
int TerminalWidth(int file_descriptor) {
  winsize size{};
  const bool known = ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

void WriteAll(int file_descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(file_descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<size_t>(written));
  }
}

std::string FormatRate(double per_second) {
  if (!std::isfinite(per_second)) return "-";
  if (per_second >= 1e6) return fmt::format("{:.2f}M", per_second / 1e6);
  if (per_second >= 1e3) return fmt::format("{:.1f}k", per_second / 1e3);
  return fmt::format("{:.0f}", per_second);
}

std::string Bar(double share, int width) {
  const int filled = static_cast<int>(share * width);
  return '[' + std::string(static_cast<size_t>(filled), '#') +
         std::string(static_cast<size_t>(width - filled), '-') + ']';
}

}  // namespace

std::string FormatDuration(double seconds) {
  if (!(seconds >= 0.0 && seconds < 1e9)) return "-:--";
  const int64_t whole = std::llround(seconds);
  const int64_t hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, rest)
                   : fmt::format("{}:{:02}", minutes, rest);
}

Progress::Progress(int64_t first, int64_t total, ProgressOptions options)
    : first_(first), total_(total), options_(std::move(options)), printed_iteration_(first) {
  FEWSTEP_CHECK(first >= 0 && total >= first, "first = {}, total = {}", first, total);
  if (!options_.clock) options_.clock = SteadySeconds;
  live_ =
      !options_.quiet && isatty(options_.file_descriptor) == 1 && !EnvironmentIs("TERM", "dumb");
  color_ = live_ && !EnvironmentIsSet("NO_COLOR");
  start_ = last_time_ = options_.clock();
  // the first live line appears at once, the first plain line after an interval
  printed_time_ = live_ ? start_ - options_.live_interval : start_;
}

void Progress::Update(const ProgressUpdate& update) {
  last_ = update;
  last_time_ = options_.clock();
  pending_ = true;

  // the last iteration always shows
  const double waited = last_time_ - printed_time_;
  const double passed = static_cast<double>(update.iteration - printed_iteration_);
  const bool due = live_ ? waited >= options_.live_interval
                         : waited >= options_.plain_interval ||
                               passed >= kPlainShare * static_cast<double>(total_);
  if (due || update.iteration >= total_) Print();
}

void Progress::Finish() {
  if (pending_) Print();
  if (on_line_) WriteAll(options_.file_descriptor, "\n");
  on_line_ = false;
}

void Progress::Clear() {
  if (on_line_) WriteAll(options_.file_descriptor, kEraseLine);
  on_line_ = false;
}

void Progress::Print() {
  pending_ = false;
  printed_iteration_ = last_.iteration;
  printed_time_ = last_time_;
  if (options_.quiet) return;
  if (live_) {
    // one column stays free: a full line would wrap on some terminals
    const int width = TerminalWidth(options_.file_descriptor) - 1;
    WriteAll(options_.file_descriptor, std::string(kEraseLine) + Line(width, color_));
    on_line_ = true;
  } else {
    WriteAll(options_.file_descriptor, Line(kUnlimitedWidth, false) + '\n');
  }
}

std::string Progress::Line(int width, bool color) const {
  const double elapsed = last_time_ - start_;
  const double done = static_cast<double>(last_.iteration - first_);
  const double left = done > 0.0 ? elapsed / done * static_cast<double>(total_ - last_.iteration)
                                 : std::numeric_limits<double>::quiet_NaN();
  const double share =
      total_ > 0 ? static_cast<double>(last_.iteration) / static_cast<double>(total_) : 1.0;

  // the counter lines up over the whole run
  struct Piece {
    std::string text;
    std::string_view style;
  };
  const std::string total = fmt::format("{}", total_);
  const std::string count = fmt::format("{} {:>{}}/{} {:>3.0f}%", options_.item, last_.iteration,
                                        total.size(), total, std::floor(100.0 * share));
  std::vector<Piece> pieces = {{count, kBold}};
  if (!last_.summary.empty()) pieces.push_back({last_.summary, kGreen});
  pieces.push_back({FormatDuration(left) + " left", {}});
  if (!options_.effort_unit.empty()) {
    const std::string rate = FormatRate(last_.effort / elapsed);
    pieces.push_back({fmt::format("{} {}/s", rate, options_.effort_unit), {}});
  }
  pieces.push_back({FormatDuration(elapsed) + " elapsed", kDim});

  // what does not fit is left out from the end; a counter wider than the terminal is cut
  std::string line;
  int used = 0;
  bool complete = true;
  for (const Piece& piece : pieces) {
    const std::string text = (used > 0 ? "  " : "") + piece.text;
    const int size = static_cast<int>(text.size());
    complete = size <= width - used;
    if (!complete && used > 0) break;
    const std::string shown = text.substr(0, static_cast<size_t>(std::max(width, 0)));
    line +=
        color && !piece.style.empty() ? fmt::format("{}{}{}", piece.style, shown, kReset) : shown;
    used += size;
  }

  // when all of it fits, a bar fills what is left of the terminal
  constexpr int kMinimumBar = 10, kMaximumBar = 30, kFrame = 4;
  if (complete && width != kUnlimitedWidth && width - used >= kMinimumBar + kFrame) {
    line += "  " + Bar(std::min(share, 1.0), std::min(width - used - kFrame, kMaximumBar));
  }
  return line;
}

}  // namespace fewstep
