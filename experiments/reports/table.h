// Tables for people: aligned text for the terminal, Markdown for reports. Cells are UTF-8; every
// code point counts one column (enough for the signs that reports use, such as ± and –).
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace fewstep {

enum class Align { kLeft, kRight };

struct TableColumn {
  std::string name;
  Align align = Align::kLeft;
};

// No limit to the length of a line.
inline constexpr size_t kAnyWidth = std::numeric_limits<size_t>::max();

// Lines of at most `width` code points, broken at blanks, and inside a word where it alone is
// longer. At least one line; blanks at a break are left out.
std::vector<std::string> WrapText(std::string_view text, size_t width);

// A value type; not thread-safe.
class Table {
 public:
  explicit Table(std::vector<TableColumn> columns);

  // One cell a column.
  void AddRow(std::vector<std::string> cells);

  // Header, a rule, rows; two spaces between columns, no spaces at line ends, every line ends in a
  // line break. Where that is wider than `width`, first the names of columns, then the last column
  // if it is aligned to the left, are broken into lines under each other; the last column keeps
  // kNarrowest code points. A table that does not fit even so stays as wide as it is.
  std::string Text(size_t width = kAnyWidth) const;
  // A GitHub-flavoured Markdown table, padded so that its source reads as a table too. Bars are
  // escaped and line breaks inside cells become <br>.
  std::string Markdown() const;

  int rows() const { return static_cast<int>(rows_.size()); }

  static constexpr size_t kNarrowest = 20;

 private:
  // The widths of columns with which Text() fits into `width`.
  std::vector<size_t> FittedWidths(size_t width) const;

  std::vector<TableColumn> columns_;
  std::vector<std::vector<std::string>> rows_;  // [rows][columns]
};

}  // namespace fewstep
