#include "data/formats/csv_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"

namespace fewstep {

size_t CsvTable::Column(const std::string& name) const {
  const auto found = std::ranges::find(columns, name);
  if (found == columns.end()) {
    throw Error(ErrorKind::kUsage, fmt::format("no column '{}'{}", name, DidYouMean(name, columns)),
                {.file = path, .remedy = fmt::format("It has {}", fmt::join(columns, ", "))});
  }
  return static_cast<size_t>(found - columns.begin());
}

double CsvTable::Number(size_t row, size_t column) const {
  const std::string& text = rows[row][column];
  double value = 0;
  const size_t first = std::min(text.find_first_not_of(" \t"), text.size());
  const size_t last = text.find_last_not_of(" \t") + 1;
  const auto [end, code] = std::from_chars(text.data() + first, text.data() + last, value);
  if (first >= last || code != std::errc() || end != text.data() + last || !std::isfinite(value)) {
    throw Error(ErrorKind::kData, fmt::format("'{}' is not a finite number", text),
                {.file = path, .line = lines[row], .key = columns[column]});
  }
  return value;
}

CsvTable ReadCsvTable(const std::string& path) {
  return ParseCsvTable(ReadFile(path, kMostCsvBytes), path);
}

CsvTable ParseCsvTable(const std::string& text, const std::string& path) {
  CsvTable table;
  table.path = path;
  const auto fail = [&](int line, std::string_view why) {
    throw Error(ErrorKind::kData, why, {.file = path, .line = line});
  };
  const bool mark = text.starts_with("\xef\xbb\xbf");
  int line = 1;
  size_t at = mark ? 3 : 0;
  while (at < text.size()) {
    // a record
    const int begin = line;
    std::vector<std::string> fields(1);
    bool quoted = false, was_quoted = false, any = false;
    for (; at < text.size(); ++at) {
      const char c = text[at];
      if (quoted) {
        if (c == '\n') ++line;
        if (c != '"') {
          fields.back() += c;
        } else if (at + 1 < text.size() && text[at + 1] == '"') {
          fields.back() += '"';
          ++at;
        } else {
          quoted = false;
        }
      } else if (c == '\n') {
        ++at;
        break;
      } else if (c == ',') {
        constexpr size_t kMostColumns = 100'000;
        const size_t most = table.columns.empty() ? kMostColumns : table.columns.size();
        if (fields.size() == most) {
          fail(begin, fmt::format("more than {} fields{}", most,
                                  table.columns.empty() ? "" : ", as many as the header has"));
        }
        fields.emplace_back();
        any = true;
        was_quoted = false;
      } else if (c == '"' && fields.back().empty() && !was_quoted) {
        quoted = was_quoted = any = true;
      } else if (c == '\r' && (at + 1 == text.size() || text[at + 1] == '\n')) {
        continue;
      } else if (was_quoted) {
        fail(line, "text behind a quoted field");
      } else {
        fields.back() += c;
        any = true;
      }
    }
    if (quoted) fail(begin, "a quote that is not closed");
    ++line;
    if (!any) continue;  // an empty line
    if (table.columns.empty()) {
      table.columns = std::move(fields);
      std::vector<std::string> sorted = table.columns;
      std::ranges::sort(sorted);
      const auto twice = std::ranges::adjacent_find(sorted);
      if (twice != sorted.end()) fail(begin, fmt::format("two columns are called '{}'", *twice));
      continue;
    }
    if (fields.size() != table.columns.size()) {
      fail(begin,
           fmt::format("{} fields, and the header has {}", fields.size(), table.columns.size()));
    }
    table.rows.push_back(std::move(fields));
    table.lines.push_back(begin);
  }
  if (table.columns.empty()) fail(1, "it has no header");
  return table;
}

}  // namespace fewstep
