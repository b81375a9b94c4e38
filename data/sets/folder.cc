// Any folder or zip archive of PNG and JPEG pictures: a folder a class, CLASS/picture.png, or with
// splits SPLIT/CLASS/picture.png where SPLIT is train, validation (val) or test.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/error.h"
#include "data/formats/file_tree.h"
#include "data/sets/sets.h"

namespace fewstep {
namespace {

struct FolderOptions final : PictureOptions {
  FolderOptions() {
    size = 28;
    resize = Resize::kSmooth;
  }
  std::string path;
  bool grey = true, invert = false;
  int64_t validation_classes = 0, test_classes = 0;
  void Visit(FieldVisitor& v) override {
    v.Field(
        "path", path,
        {.help = "The folder or zip archive, from the data directory or from /: CLASS/*.png, or "
                 "train/CLASS/*.png, validation/CLASS/*.png, test/CLASS/*.png."});
    PictureOptions::Visit(v);
    v.Field("grey", grey, {.help = "One channel instead of three."});
    v.Field("invert", invert, {.help = "Black is 1 and white is 0: for ink on paper."});
    constexpr double kMany = 1e6;
    v.Field("validation_classes", validation_classes,
            {.help = "Of a folder without splits: classes for validation, by a fixed chance.",
             .unit = "classes",
             .min = 0,
             .max = kMany});
    v.Field("test_classes", test_classes,
            {.help = "The same for test; 0: a fifth of them, and at least 2.",
             .unit = "classes",
             .min = 0,
             .max = kMany});
  }
};

constexpr uint64_t kMostBytes = uint64_t{1} << 28;  // of a picture

std::unique_ptr<ExampleSet> ReadFolder(const FolderOptions& options, const std::string& directory) {
  if (options.path.empty()) {
    throw Error(ErrorKind::kUsage, "no folder of pictures is named",
                {.key = "path", .remedy = "Set data.path"});
  }
  const std::string path = PlaceOf(options.path, directory);
  const FileTree tree(path);
  const int side = static_cast<int>(options.size), channels = options.grey ? 1 : 3;
  const double scale = options.invert ? -1.0 / 255 : 1.0 / 255;
  auto set = std::make_unique<ExampleSet>(
      ExampleShape{.channels = channels, .height = side, .width = side}, scale,
      options.invert ? 1 : 0);

  const std::map<std::string, DataSplit> splits = {{"train", DataSplit::kTrain},
                                                   {"validation", DataSplit::kValidation},
                                                   {"val", DataSplit::kValidation},
                                                   {"test", DataSplit::kTest}};
  std::map<DataSplit, std::vector<int>> by_split;
  std::vector<int> without;
  std::string current;
  for (const FileTree::File& file : tree.files()) {
    std::vector<std::string> parts = PathParts(file.path);
    if (parts.size() < 2 || parts[0] == "__MACOSX" || parts.back().starts_with('.')) continue;
    parts.pop_back();
    const std::vector<std::byte> bytes = tree.Read(file, kMostBytes);
    if (!IsImage(bytes)) continue;
    const std::string name = fmt::format("{}", fmt::join(parts, "/"));
    if (name != current) {
      const auto split = parts.size() > 1 ? splits.find(parts[0]) : splits.end();
      const auto index = static_cast<int>(set->classes().size());
      (split != splits.end() ? by_split[split->second] : without).push_back(index);
      set->BeginClass(name);
      current = name;
    }
    const Image image = DecodeImage(bytes, channels, tree.NameOf(file));
    set->AddPicture(Resized(image, side, side, options.resize).pixels);
  }
  if (set->classes().empty()) {
    throw Error(ErrorKind::kData, "no PNG or JPEG pictures in folders of it",
                {.file = path, .remedy = "A folder a class: CLASS/picture.png"});
  }
  if (!by_split.empty() && !without.empty()) {
    throw Error(ErrorKind::kData,
                fmt::format("'{}' is in none of train, validation and test",
                            set->classes()[static_cast<size_t>(without[0])].name),
                {.file = path, .remedy = "Put all classes into splits, or none"});
  }
  if (!by_split.empty()) {
    for (const auto& [split, classes] : by_split) set->SetSplit(split, classes, path);
    return set;
  }
  SetSplits(*set,
            FractionSplit(static_cast<int>(without.size()), options.validation_classes,
                          options.test_classes, path),
            path);
  return set;
}

}  // namespace

void AddFolder(DataCatalog& catalog) {
  catalog.Add("folder",
              DataEntryOf<FolderOptions>("PNG and JPEG pictures of your own, a folder a class.",
                                         "your own files", "", ReadFolder));
}

}  // namespace fewstep
