#include "experiments/reports/table.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"

namespace fewstep {
namespace {

// Code points: every byte that does not continue one.
size_t Width(std::string_view text) {
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

size_t LongestWord(const std::string& text) {
  size_t longest = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    longest = std::max(longest, Width(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  return longest;
}

constexpr std::string_view kGap = "  ";

}  // namespace

std::vector<std::string> WrapText(std::string_view text, size_t width) {
  FEWSTEP_CHECK(width > 0 || text.empty(), "a line needs room");
  std::vector<std::string> lines;
  while (Width(text) > width) {
    // what fits: `width` code points, and the blank behind them if there is one
    size_t fits = 0;
    for (size_t points = 0; points < width; ++points) {
      do ++fits;
      while ((static_cast<unsigned char>(text[fits]) & 0xC0) == 0x80);
    }
    size_t end = text.rfind(' ', fits);
    if (end == std::string_view::npos || text.find_first_not_of(' ') > end) end = fits;
    const std::string_view line = text.substr(0, end);
    lines.emplace_back(line.substr(0, line.find_last_not_of(' ') + 1));
    text.remove_prefix(std::min(text.find_first_not_of(' ', end), text.size()));
  }
  if (!text.empty() || lines.empty()) lines.emplace_back(text);
  return lines;
}

Table::Table(std::vector<TableColumn> columns) : columns_(std::move(columns)) {
  FEWSTEP_CHECK(!columns_.empty(), "a table needs a column");
}

void Table::AddRow(std::vector<std::string> cells) {
  FEWSTEP_CHECK(cells.size() == columns_.size(), "{} cells for {} columns", cells.size(),
                columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<size_t> Table::FittedWidths(size_t width) const {
  // the widest cell decides, and the name unless it has to be broken
  std::vector<size_t> cells(columns_.size()), names, words;
  for (size_t c = 0; c < columns_.size(); ++c) {
    for (const auto& row : rows_) cells[c] = std::max(cells[c], Width(row[c]));
    names.push_back(std::max(cells[c], Width(columns_[c].name)));
    words.push_back(std::max(cells[c], LongestWord(columns_[c].name)));
  }
  const auto total = [](const std::vector<size_t>& widths) {
    return std::accumulate(widths.begin(), widths.end(), kGap.size() * (widths.size() - 1));
  };
  if (total(names) <= width) return names;
  if (total(words) <= width) return words;

  const size_t others = total(words) - words.back();
  if (columns_.back().align == Align::kLeft && others + kNarrowest <= width) {
    words.back() = width - others;
    return words;
  }
  return names;
}

std::string Table::Text(size_t width) const {
  const std::vector<size_t> widths = FittedWidths(width);
  std::string text;
  // as many lines as the cell that is broken most often
  const auto add_row = [&](const auto& cell) {
    std::vector<std::vector<std::string>> broken;
    size_t lines = 1;
    for (size_t c = 0; c < columns_.size(); ++c) {
      broken.push_back(WrapText(cell(c), widths[c]));
      lines = std::max(lines, broken.back().size());
    }
    for (size_t i = 0; i < lines; ++i) {
      std::string line;
      for (size_t c = 0; c < columns_.size(); ++c) {
        line += c > 0 ? kGap : "";
        line += Pad(i < broken[c].size() ? broken[c][i] : "", widths[c], columns_[c].align);
      }
      text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
    }
  };
  add_row([&](size_t c) { return columns_[c].name; });
  add_row([&](size_t c) { return Repeat("─", widths[c]); });
  for (const auto& row : rows_) {
    add_row([&](size_t c) { return row[c]; });
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
