// Tables of numbers in CSV files that a user supplies.
#pragma once

#include <string>
#include <vector>

namespace fewstep {

// Rows of `columns` finite numbers each, separated by commas; a first line that is not numbers is a
// header, empty lines are skipped. Throws Error(kData) naming file, line and what was expected.
std::vector<std::vector<double>> ReadCsv(const std::string& path, size_t columns);

}  // namespace fewstep
