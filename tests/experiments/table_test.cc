#include "experiments/table.h"

#include <gtest/gtest.h>

namespace fewstep {
namespace {

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

TEST(TableDeathTest, RefusesRowsOfOtherLength) {
  Table table({{"a"}, {"b"}});
  EXPECT_DEATH(table.AddRow({"1"}), "1 cells for 2 columns");
}

}  // namespace
}  // namespace fewstep
