// Named numbers of one iteration or one evaluation, and their two files: JSON lines (one object a
// line) and CSV. Bytes depend only on names and values: doubles are written in the shortest form
// that reads back to the same double.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fewstep {

// Keeps the order in which the names were added. A value type; not thread-safe.
class Metrics {
 public:
  using Entry = std::pair<std::string, double>;

  // Adds a name that is not there yet.
  void Add(std::string name, double value);
  // Adds every entry of `other`, each name with `prefix` before it.
  void Append(const Metrics& other, std::string_view prefix = {});

  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  // The value of a name that is there.
  double Get(std::string_view name) const;
  double GetOr(std::string_view name, double fallback) const;

  const std::vector<Entry>& entries() const { return entries_; }
  bool operator==(const Metrics&) const = default;

 private:
  const double* Find(std::string_view name) const;

  std::vector<Entry> entries_;
};

// Which of many points a table has room for: all of up to twelve; of more 0, 1, 2, 5, 10, 20, 50,
// ... and the last.
std::vector<size_t> ShownPoints(size_t points);

// {"iteration":3,"name":value,...} without a line break. NaN and infinities, which JSON lacks,
// become null. No metric may be called "iteration".
std::string JsonLine(int64_t iteration, const Metrics& metrics);

// Reads what JsonLine wrote, one Metrics a line, "iteration" first; null becomes NaN and empty
// lines are skipped. Throws Error(kRuntime) when the file cannot be read and Error(kData) with file
// and line when a line is not a flat object of numbers.
std::vector<Metrics> ReadJsonLines(const std::filesystem::path& path);

// "iteration" and the columns, quoted as in RFC 4180 where needed; without a line break.
std::string CsvHeader(std::span<const std::string> columns);
// The values of the named columns; a metric that is missing leaves its cell empty, one that is not
// among the columns is left out. Non-finite values are written as nan, inf and -inf.
std::string CsvRow(int64_t iteration, const Metrics& metrics, std::span<const std::string> columns);

}  // namespace fewstep
