#include "core/metrics.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace fewstep {
namespace {

using Json = nlohmann::ordered_json;

std::string Quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string CsvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

Metrics ParseLine(const std::string& text, const ErrorContext& where) {
  // the parser keeps the last of two equal keys silently: refuse the second one
  std::vector<std::string> keys;
  const auto refuse_duplicates = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key) {
      const std::string& key = parsed.get_ref<const std::string&>();
      if (std::ranges::find(keys, key) != keys.end()) {
        ErrorContext context = where;
        context.key = key;
        throw Error(ErrorKind::kData, "this name appears twice in one line", context);
      }
      keys.push_back(key);
    }
    return true;
  };
  Json object;
  try {
    object = Json::parse(text, refuse_duplicates);
  } catch (const Json::exception&) {
    throw Error(ErrorKind::kData, "this line is not valid JSON", where);
  }
  if (!object.is_object()) throw Error(ErrorKind::kData, "expected one JSON object a line", where);

  Metrics metrics;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_number() && !value.is_null()) {
      ErrorContext context = where;
      context.key = key;
      throw Error(ErrorKind::kData, "expected a number or null", context);
    }
    metrics.Add(key,
                value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return metrics;
}

}  // namespace

void Metrics::Add(std::string name, double value) {
  FEWSTEP_CHECK(!Has(name), "metric '{}' added twice", name);
  entries_.emplace_back(std::move(name), value);
}

void Metrics::Append(const Metrics& other, std::string_view prefix) {
  for (const auto& [name, value] : other.entries_) Add(std::string(prefix) + name, value);
}

double Metrics::Get(std::string_view name) const {
  const double* value = Find(name);
  FEWSTEP_CHECK(value != nullptr, "no metric '{}'", name);
  return *value;
}

double Metrics::GetOr(std::string_view name, double fallback) const {
  const double* value = Find(name);
  return value != nullptr ? *value : fallback;
}

const double* Metrics::Find(std::string_view name) const {
  const auto entry = std::ranges::find(entries_, name, &Entry::first);
  return entry != entries_.end() ? &entry->second : nullptr;
}

std::vector<size_t> ShownPoints(size_t points) {
  constexpr size_t kShort = 12;
  std::vector<size_t> shown;
  if (points <= kShort) {
    for (size_t point = 0; point < points; ++point) shown.push_back(point);
    return shown;
  }
  shown.push_back(0);
  for (size_t decade = 1; decade < points; decade *= 10) {
    for (const size_t digit : {1, 2, 5}) {
      if (digit * decade + 1 < points) shown.push_back(digit * decade);
    }
  }
  shown.push_back(points - 1);
  return shown;
}

std::string JsonLine(int64_t iteration, const Metrics& metrics) {
  FEWSTEP_CHECK(!metrics.Has("iteration"), "'iteration' is the name of the first field");
  std::string line = fmt::format("{{\"iteration\":{}", iteration);
  for (const auto& [name, value] : metrics.entries()) {
    line += fmt::format(",{}:{}", Quoted(name),
                        std::isfinite(value) ? fmt::format("{}", value) : "null");
  }
  return line + '}';
}

std::vector<Metrics> ReadJsonLines(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw Error(ErrorKind::kRuntime, fmt::format("cannot open: {}", std::strerror(errno)),
                {.file = path.string()});
  }
  std::vector<Metrics> lines;
  std::string text;
  for (int number = 1; std::getline(in, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    lines.push_back(ParseLine(text, {.file = path.string(), .line = number}));
  }
  if (in.bad()) {
    throw Error(ErrorKind::kRuntime, fmt::format("cannot read: {}", std::strerror(errno)),
                {.file = path.string()});
  }
  return lines;
}

std::string CsvHeader(std::span<const std::string> columns) {
  std::string line = "iteration";
  for (const std::string& column : columns) line += ',' + CsvCell(column);
  return line;
}

std::string CsvRow(int64_t iteration, const Metrics& metrics,
                   std::span<const std::string> columns) {
  std::string line = fmt::format("{}", iteration);
  for (const std::string& column : columns) {
    line += ',';
    if (metrics.Has(column)) line += fmt::format("{}", metrics.Get(column));
  }
  return line;
}

}  // namespace fewstep
