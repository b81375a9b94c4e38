#include "data/data_catalog.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/memory.h"
#include "core/rng.h"
#include "data/sets/sets.h"

namespace fewstep {

DataCatalog BuiltinData() {
  DataCatalog catalog("data set");
  AddOmniglot(catalog);
  AddMnist(catalog);
  AddCifar(catalog);
  AddFolder(catalog);
  AddTable(catalog);
  AddGlyphs(catalog);
  return catalog;
}

std::string DataDirectory(const std::string& option) {
  if (!option.empty()) return option;
  const char* variable = std::getenv("FEWSTEP_DATA_DIR");
  return variable != nullptr ? variable : "";
}

void PictureOptions::Visit(FieldVisitor& v) {
  v.Field("size", size,
          {.help = "Side of a picture; others are resized to it.",
           .unit = "pixels",
           .min = 1,
           .max = 4096});
  v.Choice(
      "resize", resize, kResizeNames,
      {.help = "nearest: the pixel in the middle; smooth: the mean of what a new pixel covers, "
               "weighted by a triangle."});
}

std::string FindData(const std::string& what, const std::string& directory,
                     const std::vector<std::string>& places) {
  if (directory.empty()) {
    throw Error(ErrorKind::kUsage, fmt::format("no folder with {}", what),
                {.remedy = "Name the folder that holds data sets: --data-dir DIR or "
                           "$FEWSTEP_DATA_DIR; drawn glyphs need none: data.name = \"glyphs\""});
  }
  for (const std::string& place : places) {
    std::string path = fmt::format("{}/{}", directory, place);
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  throw Error(ErrorKind::kUsage, fmt::format("no {} in it", what),
              {.file = directory, .remedy = fmt::format("Looked for {}", fmt::join(places, ", "))});
}

void CheckMemory(double examples, const ExampleShape& shape, const std::string& key) {
  const double bytes =
      examples * static_cast<double>(shape.size()) * (shape.picture ? 1 : sizeof(float));
  RequireMemory(bytes, fmt::format("{:.0f} examples of {}", examples, shape.Text()), key);
}

std::string PlaceOf(const std::string& path, const std::string& directory) {
  return path.starts_with('/') || directory.empty() ? path : directory + "/" + path;
}

ClassSplit ShuffledSplit(int classes, int train, int validation, int test) {
  FEWSTEP_CHECK(train + validation + test <= classes, "{} classes for {} + {} + {}", classes, train,
                validation, test);
  std::vector<int> order(static_cast<size_t>(classes));
  std::iota(order.begin(), order.end(), 0);
  Rng(0).Fork("class split").Shuffle(order);
  const auto part = [&](int first, int count) {
    return std::vector<int>(order.begin() + first, order.begin() + first + count);
  };
  return {part(0, train), part(train, validation), part(train + validation, test)};
}

void HeldOutClasses::Visit(FieldVisitor& v) {
  constexpr double kMany = 1e6;
  v.Field("validation_classes", validation,
          {.help = "Where the data have no splits of their own: classes for validation, by a fixed "
                   "chance.",
           .unit = "classes",
           .min = 0,
           .max = kMany});
  v.Field("test_classes", test,
          {.help = "The same for test; 0: a fifth of them, and at least 2.",
           .unit = "classes",
           .min = 0,
           .max = kMany});
}

ClassSplit HeldOutClasses::Of(int classes, const std::string& path) const {
  const int64_t tested = test > 0 ? test : std::max(2, classes / 5);
  if (validation + tested >= classes) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} classes, of which {} are for validation and {} for test", classes,
                            validation, tested),
                {.file = path, .key = "test_classes", .remedy = "Leave some to train on"});
  }
  return ShuffledSplit(classes, static_cast<int>(classes - validation - tested),
                       static_cast<int>(validation), static_cast<int>(tested));
}

void SetSplits(ExampleSet& set, ClassSplit split, const std::string& source) {
  set.SetSplit(DataSplit::kTrain, std::move(split.train), source);
  set.SetSplit(DataSplit::kValidation, std::move(split.validation), source);
  set.SetSplit(DataSplit::kTest, std::move(split.test), source);
}

}  // namespace fewstep
