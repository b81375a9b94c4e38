// Comma-separated values with a header (RFC 4180): quoted fields, doubled quotes, either end of
// line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fewstep {

struct CsvTable {
  std::string path;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // [rows][columns]
  std::vector<int> lines;                      // [rows] of the file, from 1

  // The place of a column. Throws Error(kUsage) with the nearest name.
  size_t Column(const std::string& name) const;
  // A field as a finite number. Throws Error(kData) with file, line and column.
  double Number(size_t row, size_t column) const;
};

// Every row has as many fields as the header; columns have different names. A table in memory is
// larger than its file, which is refused above kMostCsvBytes. Throws Error(kData).
inline constexpr uint64_t kMostCsvBytes = uint64_t{1} << 30;
CsvTable ReadCsvTable(const std::string& path);
CsvTable ParseCsvTable(const std::string& text, const std::string& path);

}  // namespace fewstep
