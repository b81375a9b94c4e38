#include "experiments/table.h"

#include <algorithm>

#include "core/error.h"

namespace fewstep {
namespace {

// Code points: every byte that does not continue one.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](unsigned char c) { return (c & 0xC0) != 0x80; }));
}

std::string Repeat(const char* text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i) result += text;
  return result;
}

std::string Pad(const std::string& text, size_t width, Align align) {
  const std::string space(width - std::min(width, Width(text)), ' ');
  return align == Align::kLeft ? text + space : space + text;
}

std::string MarkdownCell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') {
      escaped += "\\|";
    } else if (c == '\n') {
      escaped += "<br>";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace

Table::Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {
  FEWSTEP_CHECK(!columns_.empty(), "a table needs a column");
}

void Table::AddRow(std::vector<std::string> cells) {
  FEWSTEP_CHECK(cells.size() == columns_.size(), "{} cells for {} columns", cells.size(),
                columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::Text() const {
  // the widest cell decides
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    widths.push_back(Width(columns_[c].name));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], Width(row[c]));
  }

  std::string text;
  const auto add_line = [&](const auto& cell) {
    std::string line;
    for (size_t c = 0; c < columns_.size(); ++c) {
      line += (c > 0 ? "  " : "") + Pad(cell(c), widths[c], columns_[c].align);
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  };
  add_line([&](size_t c) { return columns_[c].name; });
  add_line([&](size_t c) { return Repeat("─", widths[c]); });
  for (const auto& row : rows_) {
    add_line([&](size_t c) { return row[c]; });
  }
  return text;
}

std::string Table::Markdown() const {
  // a rule needs three dashes
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    widths.push_back(std::max<size_t>(3, Width(MarkdownCell(columns_[c].name))));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], Width(MarkdownCell(row[c])));
  }

  std::string text;
  const auto add_line = [&](const auto& cell) {
    text += '|';
    for (size_t c = 0; c < columns_.size(); ++c) {
      text += ' ' + Pad(cell(c), widths[c], columns_[c].align) + " |";
    }
    text += '\n';
  };
  add_line([&](size_t c) { return MarkdownCell(columns_[c].name); });
  add_line([&](size_t c) {
    const bool right = columns_[c].align == Align::kRight;
    return std::string(widths[c] - (right ? 1 : 0), '-') + (right ? ":" : "");
  });
  for (const auto& row : rows_) {
    add_line([&](size_t c) { return MarkdownCell(row[c]); });
  }
  return text;
}

}  // namespace fewstep
