// The readers of published data sets, each in a file of its own.
#pragma once

#include <string>
#include <vector>

#include "data/data_catalog.h"
#include "data/formats/image.h"

namespace fewstep {

void AddOmniglot(DataCatalog& catalog);
void AddMnist(DataCatalog& catalog);
void AddCifar(DataCatalog& catalog);
void AddFolder(DataCatalog& catalog);
void AddTable(DataCatalog& catalog);
void AddGlyphs(DataCatalog& catalog);

// An entry of a data set with options of its own type.
template <typename Own>
DataEntry DataEntryOf(
    std::string summary, std::string source, std::string files,
    std::function<std::unique_ptr<ExampleSet>(const Own&, const std::string& directory)> make) {
  return {.summary = std::move(summary),
          .source = std::move(source),
          .files = std::move(files),
          .make_options = []() -> std::unique_ptr<Options> { return std::make_unique<Own>(); },
          .make =
              [make = std::move(make)](const Options& options, const std::string& directory) {
                return make(dynamic_cast<const Own&>(options), directory);
              }};
}

// What every set of pictures can be asked for.
struct PictureOptions : Options {
  int64_t size = 0;  // side in pixels
  Resize resize = Resize::kNearest;
  void Visit(FieldVisitor& visitor) override;
};

// The first of `places` that exists, in `directory`. Throws Error(kUsage) that says what was looked
// for and how a data directory is named.
std::string FindData(const std::string& what, const std::string& directory,
                     const std::vector<std::string>& places);

// Throws Error(kUsage) when so many examples of this shape do not fit into memory; `key` is what
// makes them smaller.
void CheckMemory(double examples, const ExampleShape& shape, const std::string& key);

// A path that a user gives: from the data directory, or from /.
std::string PlaceOf(const std::string& path, const std::string& directory);

// The first `train`, the next `validation`, the next `test` of the order
// that a fixed stream shuffles `classes` classes into.
struct ClassSplit {
  std::vector<int> train, validation, test;
};
ClassSplit ShuffledSplit(int classes, int train, int validation, int test);
// Classes of a user's own data that are held out, where these do not say themselves.
struct HeldOutClasses : Options {
  int64_t validation = 0, test = 0;
  void Visit(FieldVisitor& visitor) override;
  // By a fixed chance. Throws Error(kUsage) with `path` when none is left to train on.
  ClassSplit Of(int classes, const std::string& path) const;
};
void SetSplits(ExampleSet& set, ClassSplit split, const std::string& source);

}  // namespace fewstep
