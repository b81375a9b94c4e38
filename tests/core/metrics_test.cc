#include "core/metrics.h"

#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/rng.h"

namespace fewstep {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// A file with the given text, named after the running test.
std::filesystem::path WriteFile(const std::string& text) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const auto path = std::filesystem::path(testing::TempDir()) /
                    fmt::format("fewstep_{}_{}.jsonl", test->test_suite_name(), test->name());
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

void ExpectDataError(const std::string& text, int line, const std::string& part) {
  const auto path = WriteFile(text);
  try {
    ReadJsonLines(path);
    ADD_FAILURE() << "accepted: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_EQ(error.context().file, path.string());
    EXPECT_EQ(error.context().line, line) << text;
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

TEST(Metrics, KeepsOrderAndPrefixes) {
  Metrics inner;
  inner.Add("loss", 2.0);
  Metrics metrics;
  metrics.Add("z", 1.0);
  metrics.Append(inner, "train/");
  ASSERT_EQ(metrics.entries().size(), 2u);
  EXPECT_EQ(metrics.entries()[0].first, "z");
  EXPECT_EQ(metrics.Get("train/loss"), 2.0);
  EXPECT_EQ(metrics.GetOr("missing", -1.0), -1.0);
  EXPECT_FALSE(metrics.Has("loss"));
}

TEST(MetricsDeathTest, RefusesTwiceAndMissing) {
  Metrics metrics;
  metrics.Add("a", 1.0);
  EXPECT_DEATH(metrics.Add("a", 2.0), "added twice");
  EXPECT_DEATH(metrics.Get("b"), "no metric 'b'");
}

TEST(Metrics, JsonLineBytes) {
  Metrics metrics;
  metrics.Add("return/pre", -0.1);
  metrics.Add("one", 1.0);
  metrics.Add("large", 1e300);
  metrics.Add("nan", kNaN);
  metrics.Add("inf", -kInfinity);
  metrics.Add("quote\"\n", 0.5);
  EXPECT_EQ(JsonLine(7, metrics),
            "{\"iteration\":7,\"return/pre\":-0.1,\"one\":1,\"large\":1e+300,\"nan\":null,"
            "\"inf\":null,\"quote\\\"\\n\":0.5}");
}

// Doubles of every exponent come back with the same bits.
TEST(Metrics, JsonLinesRoundTrip) {
  Rng rng(11);
  std::string text;
  std::vector<Metrics> written;
  for (int line = 0; line < 200; ++line) {
    Metrics metrics;
    for (int i = 0; i < 10; ++i) {
      double value = std::bit_cast<double>(rng.NextU64());
      if (!std::isfinite(value)) value = std::numeric_limits<double>::denorm_min();
      metrics.Add(fmt::format("m{}", i), value);
    }
    text += JsonLine(line, metrics) + '\n';
    Metrics expected;
    expected.Add("iteration", line);
    expected.Append(metrics);
    written.push_back(expected);
  }
  EXPECT_EQ(ReadJsonLines(WriteFile(text)), written);
}

TEST(Metrics, ReadsNullAsNaNAndSkipsEmptyLines) {
  const auto lines = ReadJsonLines(WriteFile("{\"iteration\":1,\"a\":null}\n\n  \n{\"b\":2}"));
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_TRUE(std::isnan(lines[0].Get("a")));
  EXPECT_EQ(lines[1].Get("b"), 2.0);
}

TEST(Metrics, ErrorsNameFileAndLine) {
  ExpectDataError("{\"a\":1}\n{\"a\":", 2, "not valid JSON");
  ExpectDataError("{\"a\":1}\n\n[1]\n", 3, "one JSON object");
  ExpectDataError("{\"a\":\"x\"}\n", 1, "'a': expected a number");
  ExpectDataError("{\"a\":{\"b\":1}}\n", 1, "'a': expected a number");
  ExpectDataError("{\"a\":1,\"a\":2}\n", 1, "twice");
  ExpectDataError("{\"a\":1e999}\n", 1, "not valid JSON");
  ExpectDataError("{\"a\":NaN}\n", 1, "not valid JSON");
  EXPECT_THROW(ReadJsonLines("/nonexistent/metrics.jsonl"), Error);
  EXPECT_THROW(ReadJsonLines(testing::TempDir()), Error);
}

TEST(Metrics, CsvQuotesNamesAndLeavesMissingCellsEmpty) {
  const std::vector<std::string> columns = {"a", "with,comma", "b\"q", "nan", "inf"};
  Metrics metrics;
  metrics.Add("inf", kInfinity);
  metrics.Add("a", 0.1);
  metrics.Add("nan", kNaN);
  metrics.Add("with,comma", -2.0);
  metrics.Add("not a column", 3.0);
  EXPECT_EQ(CsvHeader(columns), "iteration,a,\"with,comma\",\"b\"\"q\",nan,inf");
  EXPECT_EQ(CsvRow(12, metrics, columns), "12,0.1,-2,,nan,inf");
}

TEST(ShownPoints, AreAllOfAFewAndSomeOfMany) {
  EXPECT_EQ(ShownPoints(0), std::vector<size_t>{});
  EXPECT_EQ(ShownPoints(3), (std::vector<size_t>{0, 1, 2}));
  EXPECT_EQ(ShownPoints(12).size(), 12u);
  EXPECT_EQ(ShownPoints(101), (std::vector<size_t>{0, 1, 2, 5, 10, 20, 50, 100}));
}

}  // namespace
}  // namespace fewstep
