#include "experiments/reports/table.h"

#include <sstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fewstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Table Sample() {
  Table table({{"split"}, {"return", Align::kRight}, {"note"}});
  table.AddRow({"train", "−12.5 ± 3.0", "a|b"});
  table.AddRow({"ood", "1", ""});
  return table;
}

TEST(Table, TextAlignsByCodePoints) {
  EXPECT_EQ(Sample().Text(),
            "split       return  note\n"
            "─────  ───────────  ────\n"
            "train  −12.5 ± 3.0  a|b\n"
            "ood              1\n");
}

TEST(Table, MarkdownEscapesAndAligns) {
  EXPECT_EQ(Sample().Markdown(),
            "| split |      return | note |\n"
            "| ----- | ----------: | ---- |\n"
            "| train | −12.5 ± 3.0 | a\\|b |\n"
            "| ood   |           1 |      |\n");
  Table lines({{"x"}});
  lines.AddRow({"a\nb"});
  EXPECT_EQ(lines.Markdown(), "| x      |\n| ------ |\n| a<br>b |\n");
}

TEST(Table, WithoutRows) {
  EXPECT_EQ(Table({{"a"}, {"b", Align::kRight}}).Text(), "a  b\n─  ─\n");
  EXPECT_EQ(Table({{"a"}, {"b", Align::kRight}}).Markdown(), "| a   |   b |\n| --- | --: |\n");
}

TEST(WrapText, BreaksAtBlanks) {
  EXPECT_THAT(WrapText("", 5), ElementsAre(""));
  EXPECT_THAT(WrapText("one two", 7), ElementsAre("one two"));
  EXPECT_THAT(WrapText("one two", 6), ElementsAre("one", "two"));
  EXPECT_THAT(WrapText("one two", 3), ElementsAre("one", "two"));
  EXPECT_THAT(WrapText("a b c d e", 3), ElementsAre("a b", "c d", "e"));
  EXPECT_THAT(WrapText("one   two", 5), ElementsAre("one", "two"));
  EXPECT_THAT(WrapText("   ", 2), ElementsAre(""));
}

TEST(WrapText, BreaksWordsThatAreLonger) {
  EXPECT_THAT(WrapText("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(WrapText("a bcdefgh i", 3), ElementsAre("a", "bcd", "efg", "h i"));
  EXPECT_THAT(WrapText("  abcdef", 4), ElementsAre("  ab", "cdef"));
}

TEST(WrapText, CountsCodePoints) {
  EXPECT_THAT(WrapText("±±± ±±", 3), ElementsAre("±±±", "±±"));
  EXPECT_THAT(WrapText("−12 ± 3", 5), ElementsAre("−12 ±", "3"));
  EXPECT_THAT(WrapText("─────", 2), ElementsAre("──", "──", "─"));
  EXPECT_THAT(WrapText("\x80\x80\x80 a", 1), ElementsAre("\x80\x80\x80", "a"));
}

TEST(Table, LastColumnGivesWayToTheWidth) {
  Table table({{"key"}, {"value", Align::kRight}, {"meaning"}});
  table.AddRow({"rate", "0.1", "How far a gradient step ± goes, in one iteration."});
  table.AddRow({"steps", "12", "How many."});
  EXPECT_EQ(table.Text(38),
            "key    value  meaning\n"
            "─────  ─────  ────────────────────────\n"
            "rate     0.1  How far a gradient step\n"
            "              ± goes, in one\n"
            "              iteration.\n"
            "steps     12  How many.\n");
  // 20 is the narrowest, and there is one for all widths at which everything fits
  EXPECT_THAT(table.Text(34), HasSubstr("  ────────────────────\n"));
  EXPECT_EQ(table.Text(33), table.Text());
  EXPECT_EQ(table.Text(63), table.Text());
  EXPECT_NE(table.Text(62), table.Text());
}

TEST(Table, EveryLineFits) {
  Table table({{"name"}, {"a number", Align::kRight}, {"text"}});
  const std::string word(100, 'x');
  table.AddRow({"some", "1", fmt::format("{} ± {}", word, word.substr(30))});
  table.AddRow(
      {"more", "−2", "words of — several — lengths, one after another, until it is enough"});
  for (size_t width = 40; width < 160; ++width) {
    std::istringstream lines(table.Text(width));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_THAT(WrapText(line, width), ElementsAre(line)) << width;
    }
  }
}

TEST(Table, NamesOfColumnsGiveWayFirst) {
  Table table({{"agent"}, {"difference / s.e.", Align::kRight}, {"of it all", Align::kRight}});
  table.AddRow({"thompson", "+1.5", "0.973 ± 0.001"});
  EXPECT_EQ(table.Text(35),
            "agent     difference      of it all\n"
            "              / s.e.\n"
            "────────  ──────────  ─────────────\n"
            "thompson        +1.5  0.973 ± 0.001\n");
  EXPECT_EQ(table.Text(34), table.Text());
}

TEST(Table, ColumnsToTheRightAreNeverBroken) {
  Table table({{"a"}, {"b", Align::kRight}});
  table.AddRow({"x", "a long cell of many words that is aligned to the right"});
  EXPECT_EQ(table.Text(40), table.Text());
}

TEST(TableDeathTest, RefusesRowsOfOtherLength) {
  Table table({{"a"}, {"b"}});
  EXPECT_DEATH(table.AddRow({"1"}), "1 cells for 2 columns");
}

}  // namespace
}  // namespace fewstep
