// Tables for people: aligned text for the terminal, Markdown for reports. Cells are UTF-8; every
// code point counts one column (enough for the signs that reports use, such as ± and –).
#pragma once

#include <string>
#include <vector>

namespace fewstep {

enum class Align { kLeft, kRight };

struct TableColumn {
  std::string name;
  Align align = Align::kLeft;
};

// A value type; not thread-safe.
class Table {
 public:
  explicit Table(std::vector<TableColumn> columns);

  // One cell a column.
  void AddRow(std::vector<std::string> cells);

  // Header, a rule, rows; two spaces between columns, no spaces at line ends, every line ends in a
  // line break.
  std::string Text() const;
  // A GitHub-flavoured Markdown table, padded so that its source reads as a table too. Bars are
  // escaped and line breaks inside cells become <br>.
  std::string Markdown() const;

  int rows() const { return static_cast<int>(rows_.size()); }

 private:
  std::vector<TableColumn> columns_;
  std::vector<std::vector<std::string>> rows_;  // [rows][columns]
};

}  // namespace fewstep
