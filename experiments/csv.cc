#include "experiments/csv.h"

#include <charconv>
#include <cmath>

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

bool ParseNumber(std::string_view text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

}  // namespace

std::vector<std::vector<double>> ReadCsv(const std::string& path, size_t columns) {
  const std::string text = ReadFile(path);
  std::vector<std::vector<double>> rows;
  int number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = Trim(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++number;
    if (line.empty()) continue;

    // the cells of one line
    std::vector<double> row;
    bool numbers = true;
    for (size_t cell = 0; cell <= line.size();) {
      const size_t comma = std::min(line.find(',', cell), line.size());
      double value = 0;
      const std::string_view word = Trim(line.substr(cell, comma - cell));
      if (!ParseNumber(word, value)) {
        numbers = false;
        if (number > 1) {
          throw Error(ErrorKind::kData, fmt::format("'{}' is not a finite number", word),
                      {.file = path, .line = number});
        }
      }
      row.push_back(value);
      cell = comma + 1;
    }
    if (!numbers) continue;  // header
    if (row.size() != columns) {
      throw Error(ErrorKind::kData,
                  fmt::format("expected {} numbers, found {}", columns, row.size()),
                  {.file = path, .line = number});
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace fewstep
