// Tables of labelled vectors, from whatever they come: text embeddings, users, measurements. CSV
// with a header, or safetensors with "features" [N, D] and "labels" [N]. With targets, of which
// safetensors have a tensor [N, O], a label names a task of regression instead of a class.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
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
  std::string path, label = "label", targets, split_column;
  bool standardize = true;
  HeldOutClasses held_out;
  void Visit(FieldVisitor& v) override {
    v.Field("path", path,
            {.help = "The file, from the data directory or from /: CSV with a header, or "
                     "safetensors with features [N, D] and labels [N]."});
    v.Field("label", label,
            {.help = "Column of the CSV that names the class, or the task of a regression."});
    v.Field("targets", targets,
            {.help = "Columns of the CSV that are predicted from the others, with commas between "
                     "them; of safetensors the tensor [N, O]. \"\": the class is."});
    v.Field("split_column", split_column,
            {.help = "Column that says train, validation or test; the rows of a class must agree. "
                     "\"\": by a fixed chance."});
    v.Field("standardize", standardize,
            {.help = "Whether each number, also a target, is shifted and scaled to mean 0 and "
                     "variance 1 over the training classes or tasks."});
    held_out.Visit(v);
  }
};

struct Rows {
  int64_t width = 0, targets = 0;   // the last `targets` numbers are
  std::vector<double> numbers;      // [N, width]
  std::vector<std::string> labels;  // [N]
  std::vector<std::string> splits;  // [N], or empty
};

// "a, b" -> "a", "b".
std::vector<std::string> NamesIn(const std::string& list) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin < list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const size_t first = std::min(list.find_first_not_of(' ', begin), end);
    const size_t last = end > first ? list.find_last_not_of(' ', end - 1) + 1 : first;
    names.push_back(list.substr(first, last - first));
    begin = end + 1;
  }
  return names;
}

Rows ReadCsv(const std::string& path, const TableOptions& options) {
  const CsvTable table = ReadCsvTable(path);
  const size_t label = table.Column(options.label);
  const bool has_split = !options.split_column.empty();
  const size_t split = has_split ? table.Column(options.split_column) : label;
  std::vector<size_t> targets;
  for (const std::string& name : NamesIn(options.targets)) {
    targets.push_back(table.Column(name));
    if (targets.back() == label || (has_split && targets.back() == split) ||
        std::ranges::count(targets, targets.back()) > 1) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("the column '{}' has another use", table.columns[targets.back()]),
                  {.file = path, .key = "targets"});
    }
  }
  std::vector<size_t> columns;  // of inputs, then of targets
  for (size_t column = 0; column < table.columns.size(); ++column) {
    const bool names = column == label || (has_split && column == split);
    if (!names && std::ranges::count(targets, column) == 0) columns.push_back(column);
  }
  columns.insert(columns.end(), targets.begin(), targets.end());
  Rows rows;
  rows.width = static_cast<int64_t>(columns.size());
  rows.targets = static_cast<int64_t>(targets.size());
  for (size_t row = 0; row < table.rows.size(); ++row) {
    for (const size_t column : columns) rows.numbers.push_back(table.Number(row, column));
    rows.labels.push_back(table.rows[row][label]);
    if (has_split) rows.splits.push_back(table.rows[row][split]);
  }
  return rows;
}

// Of the 16 bits of a number: IEEE 754's binary16, or bfloat16, the upper half of a float.
double OfHalf(uint16_t bits, bool brain) {
  if (brain) return static_cast<double>(std::bit_cast<float>(uint32_t{bits} << 16));
  constexpr int kFraction = 10, kBias = 15, kLargest = 31;
  const int exponent = bits >> kFraction & kLargest, fraction = bits & ((1 << kFraction) - 1);
  const double size = exponent == kLargest
                          ? std::numeric_limits<double>::infinity()
                          : std::ldexp(exponent == 0 ? fraction : fraction + (1 << kFraction),
                                       std::max(exponent, 1) - kBias - kFraction);
  return bits >> 15 != 0 ? -size : size;
}

// The numbers of a tensor [N, D], which must be finite.
std::vector<double> NumbersOf(const TensorFile& file, const std::string& name) {
  std::vector<double> numbers;
  const auto copy = [&](const auto& values) { numbers.assign(values.begin(), values.end()); };
  const TensorEntry& entry = file.At(name);
  if (entry.dtype == DType::kF16 || entry.dtype == DType::kBF16) {
    for (size_t i = 0; i < entry.bytes.size(); i += sizeof(uint16_t)) {
      uint16_t bits = 0;
      std::memcpy(&bits, entry.bytes.data() + i, sizeof(bits));
      numbers.push_back(OfHalf(bits, entry.dtype == DType::kBF16));
    }
  } else if (entry.dtype == DType::kF64) {
    copy(file.Values<double>(name));
  } else {
    copy(file.Values<float>(name));
  }
  for (const double number : numbers) {
    if (!std::isfinite(number)) {
      throw Error(ErrorKind::kData, "a number is not finite", {.file = file.path(), .key = name});
    }
  }
  return numbers;
}

Rows ReadTensors(const std::string& path, const std::string& targets) {
  const TensorFile file = LoadTensorFile(path, {.require_checksums = false});
  const auto entry = [&](const std::string& name, size_t dimensions) -> const TensorEntry& {
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
  rows.numbers = NumbersOf(file, "features");
  if (!targets.empty()) {
    const TensorEntry& of = entry(targets, 2);
    if (of.shape[0] != features.shape[0]) {
      throw Error(ErrorKind::kData,
                  fmt::format("{} targets for {} rows", of.shape[0], features.shape[0]),
                  {.file = path, .key = targets});
    }
    rows.targets = of.shape[1];
    const std::vector<double> inputs = std::move(rows.numbers), y = NumbersOf(file, targets);
    rows.numbers = {};
    for (int64_t row = 0; row < features.shape[0]; ++row) {
      const auto x = inputs.begin() + row * rows.width;
      rows.numbers.insert(rows.numbers.end(), x, x + rows.width);
      rows.numbers.insert(rows.numbers.end(), y.begin() + row * rows.targets,
                          y.begin() + (row + 1) * rows.targets);
    }
    rows.width += rows.targets;
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
  Rows rows = csv ? ReadCsv(path, options) : ReadTensors(path, options.targets);
  if (rows.width <= rows.targets || rows.labels.empty()) {
    throw Error(ErrorKind::kData,
                rows.targets > 0 ? "it has no rows of numbers beside the targets"
                                 : "it has no rows of numbers",
                {.file = path});
  }
  if (!options.targets.empty() && rows.targets == 0) {
    throw Error(ErrorKind::kData, "there are no numbers in the targets",
                {.file = path, .key = options.targets});
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
  set->SetTargets(static_cast<int>(rows.targets));
  for (auto& [split, of] : splits) set->SetSplit(split, std::move(of), path);
  return set;
}

}  // namespace

void AddTable(DataCatalog& catalog) {
  catalog.Add("table",
              DataEntryOf<TableOptions>("Labelled vectors, or rows to regress, of your own: CSV "
                                        "or safetensors.",
                                        "your own files", "", ReadTable));
}

}  // namespace fewstep
