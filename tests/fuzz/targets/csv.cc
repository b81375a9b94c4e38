// CSV: what was read, written with every field quoted, is read again.
#include <algorithm>

#include "data/formats/csv_table.h"
#include "tests/fuzz/fuzz.h"

namespace fewstep {
namespace {

void Write(const std::vector<std::string>& fields, std::string& out) {
  for (const std::string& field : fields) {
    out += '"';
    for (const char c : field) out.append(c == '"' ? 2 : 1, c);
    out += "\",";
  }
  out.back() = '\n';
}

}  // namespace
}  // namespace fewstep

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fewstep;
  Decode([&] {
    const CsvTable table = ParseCsvTable(std::string(Text(data, size)), "input");
    std::string again;
    Write(table.columns, again);
    for (const auto& row : table.rows) {
      FEWSTEP_CHECK(row.size() == table.columns.size(), "{} fields", row.size());
      Write(row, again);
    }
    const CsvTable same = ParseCsvTable(again, "again");
    FEWSTEP_CHECK(same.columns == table.columns && same.rows == table.rows, "{}", again);
    FEWSTEP_CHECK(std::ranges::is_sorted(table.lines), "lines");
    const size_t last = table.columns.size() - 1;
    FEWSTEP_CHECK(table.Column(table.columns[last]) == last, "{} columns", last + 1);
    for (size_t column = 0; column <= last; ++column) {
      for (size_t row = 0; row < table.rows.size(); ++row) {
        Decode([&] { table.Number(row, column); });
      }
    }
  });
  return 0;
}
