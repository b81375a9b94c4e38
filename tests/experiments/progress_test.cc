#include "experiments/running/progress.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <limits>
#include <optional>
#include <pty.h>
#include <sstream>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"

namespace fewstep {
namespace {

// Everything that has arrived so far.
std::string Drain(int file_descriptor) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(file_descriptor, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A pipe or a pseudo-terminal, and a clock that the test moves.
class ProgressTest : public testing::Test {
 protected:
  ~ProgressTest() override {
    // other cases run in this process
    for (const auto& [name, value] : environment_) {
      value ? setenv(name, value->c_str(), 1) : unsetenv(name);
    }
  }

  void OpenPipe() {
    ASSERT_EQ(pipe(ends_), 0) << "no pipe";
    Nonblocking();
  }

  void OpenTerminal(unsigned short columns) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = columns;
    ASSERT_EQ(openpty(&ends_[0], &ends_[1], nullptr, nullptr, &size), 0) << "no pseudo-terminal";
    Nonblocking();
  }

  void SetUp() override {
    for (const char* name : {"TERM", "NO_COLOR"}) {
      const char* value = std::getenv(name);
      environment_.emplace_back(name, value ? std::optional<std::string>(value) : std::nullopt);
    }
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
  }

  void TearDown() override {
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }

  ProgressOptions Options() {
    ProgressOptions options;
    options.file_descriptor = ends_[1];
    options.effort_unit = "steps";
    options.clock = [this] { return now_; };
    return options;
  }

  std::string Output() { return Drain(ends_[0]); }

  std::vector<std::pair<const char*, std::optional<std::string>>> environment_;
  double now_ = 1000.0;
  int ends_[2] = {-1, -1};  // read here, write here

 private:
  void Nonblocking() { fcntl(ends_[0], F_SETFL, fcntl(ends_[0], F_GETFL) | O_NONBLOCK); }
};

constexpr const char* kReturns = "return -312.4 -> -120.9";

TEST(FormatDuration, Forms) {
  EXPECT_EQ(FormatDuration(0.0), "0:00");
  EXPECT_EQ(FormatDuration(59.6), "1:00");
  EXPECT_EQ(FormatDuration(3599.0), "59:59");
  EXPECT_EQ(FormatDuration(3600.0 * 27 + 61), "27:01:01");
  EXPECT_EQ(FormatDuration(std::numeric_limits<double>::quiet_NaN()), "-:--");
  EXPECT_EQ(FormatDuration(-1.0), "-:--");
}

TEST_F(ProgressTest, PlainLinesEveryTwentiethOfTheRun) {
  OpenPipe();
  {
    Progress progress(0, 100, Options());
    EXPECT_FALSE(progress.live());
    for (int i = 1; i <= 100; ++i) {
      now_ += 0.5;
      progress.Update({i, 1000.0 * i, fmt::format("return -300.0 -> {:.1f}", -100.0 - i)});
    }
  }
  const std::vector<std::string> lines = Lines(Output());
  ASSERT_EQ(lines.size(), 20u);
  EXPECT_EQ(
      lines[0],
      "iteration   5/100   5%  return -300.0 -> -105.0  0:48 left  2.0k steps/s  0:03 elapsed");
  EXPECT_EQ(
      lines[19],
      "iteration 100/100 100%  return -300.0 -> -200.0  0:00 left  2.0k steps/s  0:50 elapsed");
}

TEST_F(ProgressTest, PlainLinesEveryTenSecondsWhenIterationsAreSlow) {
  OpenPipe();
  Progress progress(0, 1000, Options());
  for (int i = 1; i <= 12; ++i) {
    now_ += 4.0;
    progress.Update({i, 1.0 * i, kReturns});
  }
  // after 12, 24, 36 and 48 seconds; nothing is held back by then
  EXPECT_EQ(Lines(Output()).size(), 4u);
  progress.Finish();
  EXPECT_EQ(Output(), "");
}

TEST_F(ProgressTest, FinishPrintsWhatWasHeldBack) {
  OpenPipe();
  {
    Progress progress(0, 1000, Options());
    now_ += 1.0;
    progress.Update({1, 10, kReturns});
    EXPECT_EQ(Output(), "");
  }
  EXPECT_EQ(Count(Output(), "iteration    1/1000"), 1);
}

TEST_F(ProgressTest, AResumedRunEstimatesFromItsOwnIterations) {
  OpenPipe();
  Progress progress(80, 100, Options());
  now_ += 30.0;
  progress.Update({90, 600, "return - -> -1.0"});
  EXPECT_EQ(Output(),
            "iteration  90/100  90%  return - -> -1.0  0:30 left  20 steps/s  0:30 elapsed\n");
}

TEST_F(ProgressTest, ATerminalLineRewritesItselfWithinTheWidth) {
  for (const int columns : {40, 80, 100, 132}) {
    SCOPED_TRACE(columns);
    setenv("NO_COLOR", "1", 1);
    OpenTerminal(static_cast<unsigned short>(columns));
    {
      Progress progress(0, 500, Options());
      EXPECT_TRUE(progress.live());
      for (int i = 1; i <= 3; ++i) {
        now_ += 1.0;
        progress.Update({i, 12345.0 * i, kReturns});
      }
      // too soon after the third: held back
      now_ += 0.01;
      progress.Update({4, 12345.0 * 4, kReturns});
    }
    const std::string output = Output();
    // three updates and the last one from the destructor, then the line is left
    EXPECT_EQ(Count(output, "\r\x1b[K"), 4);
    EXPECT_EQ(Count(output, "\n"), 1);
    EXPECT_TRUE(output.ends_with("\n"));
    EXPECT_EQ(Count(output, "\x1b["), 4) << "NO_COLOR leaves only the erasing";
    EXPECT_NE(output.find("iteration   4/500   0%"), std::string::npos);
    EXPECT_EQ(Count(output, "["), columns == 132 ? 8 : 4) << "a bar where there is room";
    size_t longest = 0;
    for (size_t at = output.find("\x1b[K"); at != std::string::npos;
         at = output.find("\x1b[K", at + 1)) {
      longest = std::max(longest, output.find_first_of("\r\n", at) - at - 3);
    }
    EXPECT_LT(longest, static_cast<size_t>(columns));
    TearDown();
  }
  ends_[0] = ends_[1] = -1;
}

TEST_F(ProgressTest, ANarrowTerminalCutsTheCounter) {
  OpenTerminal(12);
  setenv("NO_COLOR", "1", 1);
  Progress progress(0, 500, Options());
  progress.Update({1, 1, kReturns});
  EXPECT_EQ(Output(), "\r\x1b[Kiteration  ");
}

TEST_F(ProgressTest, ColoursAndClearing) {
  OpenTerminal(80);
  Progress progress(0, 500, Options());
  progress.Update({1, 1, kReturns});
  EXPECT_GE(Count(Output(), "\x1b[0m"), 2);
  progress.Clear();
  EXPECT_EQ(Output(), "\r\x1b[K");
  progress.Clear();
  EXPECT_EQ(Output(), "");
  progress.Finish();
  EXPECT_EQ(Output(), "");
}

TEST_F(ProgressTest, ADumbTerminalGetsPlainLines) {
  OpenTerminal(80);
  setenv("TERM", "dumb", 1);
  Progress progress(0, 1, Options());
  EXPECT_FALSE(progress.live());
  progress.Update({1, 1, kReturns});
  EXPECT_EQ(Count(Output(), "\x1b"), 0);
}

TEST_F(ProgressTest, QuietPrintsNothing) {
  OpenTerminal(80);
  ProgressOptions options = Options();
  options.quiet = true;
  {
    Progress progress(0, 2, options);
    now_ += 100.0;
    progress.Update({1, 1, kReturns});
    progress.Update({2, 2, kReturns});
  }
  EXPECT_EQ(Output(), "");
}

TEST_F(ProgressTest, AClosedReaderIsIgnored) {
  OpenPipe();
  const auto previous = std::signal(SIGPIPE, SIG_IGN);
  close(ends_[0]);
  ends_[0] = -1;
  Progress progress(0, 1, Options());
  progress.Update({1, 1, kReturns});
  progress.Finish();
  std::signal(SIGPIPE, previous);
}

}  // namespace
}  // namespace fewstep
