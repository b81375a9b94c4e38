// Results on stdout. Messages go to stderr through core/log.h.
#pragma once

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json_fwd.hpp>

#include "experiments/reports/table.h"

namespace fewstep {

// Writes `text` to stdout at once. A reader that has gone (`fewstep list | head -1`) is no error;
// any other failure throws Error(kRuntime).
void Print(std::string_view text);

template <typename First, typename... Rest>
void Print(fmt::format_string<First, Rest...> format, First&& first, Rest&&... rest) {
  Print(std::string_view(
      fmt::format(format, std::forward<First>(first), std::forward<Rest>(rest)...)));
}

// Columns of the terminal that stdout is; kAnyWidth where it is none, or does not say.
size_t OutputWidth();

// The table as it fits stdout: what is printed is made here, what is saved by Table itself.
std::string FittedText(const Table& table);

// Indented, with a line break at the end; bytes that are not UTF-8 are replaced.
std::string ToText(const nlohmann::ordered_json& json);

}  // namespace fewstep
