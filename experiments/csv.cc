#include "experiments/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"

namespace fewstep {
namespace {

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// True for anything that is written like a number: "nan" and "1e999" as well.
bool ParseNumber(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) value = std::nan("");
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

bool IsName(std::string_view text) {
  constexpr std::string_view kNumberBegins = "+-.0123456789";
  double number = 0;
  return !text.empty() && kNumberBegins.find(text[0]) == std::string_view::npos &&
         !ParseNumber(text, number);
}

std::vector<std::string_view> Cells(std::string_view line) {
  std::vector<std::string_view> cells;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t comma = std::min(line.find(',', begin), line.size());
    cells.push_back(Trim(line.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return cells;
}

}  // namespace

std::vector<std::vector<double>> ReadCsv(const std::string& path, size_t columns) {
  const std::string text = ReadFile(path);
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::vector<std::vector<double>> rows;
  int number = 0;
  bool first = true;
  for (size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
       begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = Trim(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++number;
    if (line.empty()) continue;

    const std::vector<std::string_view> cells = Cells(line);
    if (cells.size() != columns) {
      throw Error(ErrorKind::kData,
                  fmt::format("expected {} numbers, found {}", columns, cells.size()),
                  {.file = path, .line = number});
    }
    // a first line of names is a header; a slip in a row of numbers is not
    if (std::exchange(first, false) && std::ranges::all_of(cells, IsName)) continue;

    std::vector<double> row;
    double value = 0;
    for (const std::string_view cell : cells) {
      if (!ParseNumber(cell, value) || !std::isfinite(value)) {
        throw Error(ErrorKind::kData, fmt::format("'{}' is not a finite number", cell),
                    {.file = path, .line = number});
      }
      row.push_back(value);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace fewstep
