// Tables of numbers in CSV files that a user supplies.
#pragma once

#include <string>
#include <vector>

namespace fewstep {

// Rows of `columns` finite numbers each, separated by commas. A first line of `columns` names, none
// of them a number, is a header; empty lines and a byte order mark are skipped. Throws Error(kData)
// naming file, line and what was expected.
std::vector<std::vector<double>> ReadCsv(const std::string& path, size_t columns);

}  // namespace fewstep
