// Tables of labelled vectors, from whatever they come: text embeddings, users, measurements. CSV
// with a header, or safetensors with "features" [N, D] and "labels" [N].
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/safetensors.h"
#include "data/formats/csv_table.h"
#include "data/sets/sets.h"

namespace fewstep {
namespace {

struct TableOptions final : Options {
  std::string path, label = "label", split_column;
  bool standardize = true;
  HeldOutClasses held_out;
  void Visit(FieldVisitor& v) override {
    v.Field("path", path,
            {.help = "The file, from the data directory or from /: CSV with a header, or "
                     "safetensors with features [N, D] and labels [N]."});
    v.Field("label", label, {.help = "Column of the CSV that names the class."});
    v.Field("split_column", split_column,
            {.help = "Column that says train, validation or test; the rows of a class must agree. "
                     "\"\": by a fixed chance."});
    v.Field("standardize", standardize,
            {.help = "Whether each number is shifted and scaled to mean 0 and variance 1 over the "
                     "training classes."});
    held_out.Visit(v);
  }
};

struct Rows {
  int64_t width = 0;
  std::vector<double> numbers;      // [N, width]
  std::vector<std::string> labels;  // [N]
  std::vector<std::string> splits;  // [N], or empty
};

Rows ReadCsv(const std::string& path, const TableOptions& options) {
  const CsvTable table = ReadCsvTable(path);
  const size_t label = table.Column(options.label);
  const bool has_split = !options.split_column.empty();
  const size_t split = has_split ? table.Column(options.split_column) : label;
  Rows rows;
  rows.width = static_cast<int64_t>(table.columns.size()) - (has_split ? 2 : 1);
  for (size_t row = 0; row < table.rows.size(); ++row) {
    for (size_t column = 0; column < table.columns.size(); ++column) {
      if (column == label || (has_split && column == split)) continue;
      rows.numbers.push_back(table.Number(row, column));
    }
    rows.labels.push_back(table.rows[row][label]);
    if (has_split) rows.splits.push_back(table.rows[row][split]);
  }
  return rows;
}

Rows ReadTensors(const std::string& path) {
  const TensorFile file = LoadTensorFile(path, {.require_checksums = false});
  const auto entry = [&](const char* name, size_t dimensions) -> const TensorEntry& {
    const TensorEntry& tensor = file.At(name);
    if (tensor.shape.size() != dimensions) {
      throw Error(ErrorKind::kData,
                  fmt::format("{} dimensions instead of {}", tensor.shape.size(), dimensions),
                  {.file = path, .key = name});
    }
    return tensor;
  };
  const TensorEntry& features = entry("features", 2);
  const TensorEntry& labels = entry("labels", 1);
  if (features.shape[0] != labels.shape[0]) {
    throw Error(ErrorKind::kData,
                fmt::format("{} labels for {} rows", labels.shape[0], features.shape[0]),
                {.file = path, .key = "labels"});
  }
  Rows rows;
  rows.width = features.shape[1];
  const auto copy = [&](const auto& values) { rows.numbers.assign(values.begin(), values.end()); };
  if (features.dtype == DType::kF64) {
    copy(file.Values<double>("features"));
  } else {
    copy(file.Values<float>("features"));
  }
  for (const double number : rows.numbers) {
    if (!std::isfinite(number)) {
      throw Error(ErrorKind::kData, "a number is not finite", {.file = path, .key = "features"});
    }
  }
  const auto name = [&](const auto& values) {
    for (const auto value : values) rows.labels.push_back(fmt::format("{}", value));
  };
  if (labels.dtype == DType::kI32) {
    name(file.Values<int32_t>("labels"));
  } else {
    name(file.Values<int64_t>("labels"));
  }
  return rows;
}

// Classes by the split that their rows name.
std::map<DataSplit, std::vector<int>> SplitsOf(const Rows& rows,
                                               const std::map<std::string, int>& classes,
                                               const std::string& path) {
  std::map<std::string, std::string> split_of;
  for (size_t row = 0; row < rows.labels.size(); ++row) {
    const auto [found, first] = split_of.emplace(rows.labels[row], rows.splits[row]);
    if (!first && found->second != rows.splits[row]) {
      throw Error(ErrorKind::kData,
                  fmt::format("class '{}' is in the splits '{}' and '{}'", rows.labels[row],
                              found->second, rows.splits[row]),
                  {.file = path});
    }
  }
  std::map<DataSplit, std::vector<int>> splits;
  for (const auto& [label, name] : split_of) {
    const std::optional<DataSplit> split = FindValue(kDataSplitNames, name);
    if (!split) {
      throw Error(ErrorKind::kData, fmt::format("'{}' is none of train, validation and test", name),
                  {.file = path});
    }
    splits[*split].push_back(classes.at(label));
  }
  return splits;
}

std::unique_ptr<ExampleSet> ReadTable(const TableOptions& options, const std::string& directory) {
  if (options.path.empty()) {
    throw Error(ErrorKind::kUsage, "no table is named", {.key = "path", .remedy = "Set data.path"});
  }
  const std::string path = PlaceOf(options.path, directory);
  const bool csv = !path.ends_with(".safetensors");
  if (!csv && !options.split_column.empty()) {
    throw Error(ErrorKind::kUsage, "safetensors have no column of splits",
                {.file = path, .key = "split_column"});
  }
  Rows rows = csv ? ReadCsv(path, options) : ReadTensors(path);
  if (rows.width < 1 || rows.labels.empty()) {
    throw Error(ErrorKind::kData, "it has no rows of numbers", {.file = path});
  }

  // classes in the order of their names, rows in that of the file
  std::map<std::string, std::vector<size_t>> rows_of;
  for (size_t row = 0; row < rows.labels.size(); ++row) rows_of[rows.labels[row]].push_back(row);
  std::map<std::string, int> classes;
  for (const auto& [label, of] : rows_of) classes.emplace(label, static_cast<int>(classes.size()));
  std::map<DataSplit, std::vector<int>> splits;
  if (!rows.splits.empty()) {
    splits = SplitsOf(rows, classes, path);
  } else {
    ClassSplit split = options.held_out.Of(static_cast<int>(classes.size()), path);
    splits = {{DataSplit::kTrain, split.train},
              {DataSplit::kValidation, split.validation},
              {DataSplit::kTest, split.test}};
  }
  const auto width = static_cast<size_t>(rows.width);
  if (options.standardize) {
    std::vector<const std::vector<size_t>*> of_training;
    std::vector<bool> is_training(classes.size());
    for (const int c : splits[DataSplit::kTrain]) is_training[static_cast<size_t>(c)] = true;
    for (const auto& [label, index] : classes) {
      if (is_training[static_cast<size_t>(index)]) of_training.push_back(&rows_of[label]);
    }
    for (size_t column = 0; column < width; ++column) {
      const auto mean_of = [&](const auto& function) {
        double sum = 0, count = 0;
        for (const auto* of : of_training) {
          for (const size_t row : *of) sum += function(rows.numbers[row * width + column]);
          count += static_cast<double>(of->size());
        }
        return count > 0 ? sum / count : 0;
      };
      const double mean = mean_of([](double value) { return value; });
      const double variance =
          mean_of([&](double value) { return (value - mean) * (value - mean); });
      // a column that is always the same says nothing: 0
      const double scale = variance > 0 ? 1 / std::sqrt(variance) : 0;
      for (size_t row = 0; row < rows.labels.size(); ++row) {
        double& value = rows.numbers[row * width + column];
        value = (value - mean) * scale;
      }
    }
  }
  auto set = std::make_unique<ExampleSet>(
      ExampleShape{.picture = false, .width = static_cast<int>(rows.width)}, 1, 0);
  for (const auto& [label, of] : rows_of) {
    set->BeginClass(label);
    for (const size_t row : of) {
      std::vector<float> numbers;
      for (size_t column = 0; column < width; ++column) {
        numbers.push_back(static_cast<float>(rows.numbers[row * width + column]));
        if (!std::isfinite(numbers.back())) {
          throw Error(ErrorKind::kData,
                      fmt::format("{} of class '{}' is too large for single precision",
                                  rows.numbers[row * width + column], label),
                      {.file = path});
        }
      }
      set->AddVector(numbers);
    }
  }
  for (auto& [split, of] : splits) set->SetSplit(split, std::move(of), path);
  return set;
}

}  // namespace

void AddTable(DataCatalog& catalog) {
  catalog.Add("table",
              DataEntryOf<TableOptions>("Labelled vectors of your own: CSV or safetensors.",
                                        "your own files", "", ReadTable));
}

}  // namespace fewstep
