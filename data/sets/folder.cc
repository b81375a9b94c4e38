// Any folder or zip archive of PNG and JPEG pictures: a folder a class, CLASS/picture.png, or with
// splits SPLIT/CLASS/picture.png where SPLIT is train, validation (val) or test; in whatever folder
// all of it lies.
#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

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
  HeldOutClasses held_out;
  void Visit(FieldVisitor& v) override {
    v.Field(
        "path", path,
        {.help = "The folder or zip archive, from the data directory or from /: CLASS/*.png, or "
                 "train/CLASS/*.png, validation/CLASS/*.png, test/CLASS/*.png. Symbolic links in "
                 "it are passed over."});
    PictureOptions::Visit(v);
    v.Field("grey", grey, {.help = "One channel instead of three."});
    v.Field("invert", invert, {.help = "Black is 1 and white is 0: for ink on paper."});
    held_out.Visit(v);
  }
};

constexpr uint64_t kMostBytes = uint64_t{1} << 28;  // of a picture

bool IsPictureName(const std::string& name) {
  std::string lower;
  for (const char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return !name.starts_with('.') &&
         (lower.ends_with(".png") || lower.ends_with(".jpg") || lower.ends_with(".jpeg"));
}

std::optional<DataSplit> SplitOf(const std::string& name) {
  const size_t end = name.find('/');
  if (end == std::string::npos) return std::nullopt;
  const std::string first = name.substr(0, end);
  return first == "val" ? DataSplit::kValidation : FindValue(kDataSplitNames, first);
}

// How many folders all files lie in together, so that each still lies in one of its own.
size_t CommonFolders(const std::vector<std::vector<std::string>>& folders) {
  size_t common = folders[0].size() - 1;
  for (const std::vector<std::string>& folder : folders) {
    common = std::min(common, folder.size() - 1);
    for (size_t i = 0; i < common; ++i) {
      if (folder[i] != folders[0][i]) common = i;
    }
  }
  // a split is not one of them
  for (size_t i = 0; i < common; ++i) {
    if (SplitOf(folders[0][i] + "/")) return i;
  }
  return common;
}

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

  // pictures by class; folders that hold everything are left out of their names
  std::map<std::string, std::vector<const FileTree::File*>> pictures;
  std::vector<std::vector<std::string>> folders;
  std::vector<const FileTree::File*> files;
  for (const FileTree::File& file : tree.files()) {
    std::vector<std::string> parts = PathParts(file.path);
    const std::string name = parts.back();
    parts.pop_back();
    if (parts.empty() || parts[0] == "__MACOSX" || !IsPictureName(name)) continue;
    folders.push_back(std::move(parts));
    files.push_back(&file);
  }
  if (files.empty()) {
    throw Error(ErrorKind::kData, "no PNG or JPEG pictures in folders of it",
                {.file = path, .remedy = "A folder a class: CLASS/picture.png"});
  }
  const size_t common = CommonFolders(folders);
  for (size_t i = 0; i < files.size(); ++i) {
    pictures[fmt::format("{}", fmt::join(folders[i].begin() + static_cast<std::ptrdiff_t>(common),
                                         folders[i].end(), "/"))]
        .push_back(files[i]);
  }
  CheckMemory(static_cast<double>(files.size()), set->shape(), "data.size");

  std::map<DataSplit, std::vector<int>> by_split;
  std::vector<int> without;
  for (const auto& [name, of_class] : pictures) {
    const auto split = SplitOf(name);
    const auto index = static_cast<int>(set->classes().size());
    (split ? by_split[*split] : without).push_back(index);
    set->BeginClass(name);
    for (const FileTree::File* file : of_class) {
      const Image image = DecodeImage(tree.Read(*file, kMostBytes), channels, tree.NameOf(*file));
      set->AddPicture(Resized(image, side, side, options.resize).pixels);
    }
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
  SetSplits(*set, options.held_out.Of(static_cast<int>(without.size()), path), path);
  return set;
}

}  // namespace

void AddFolder(DataCatalog& catalog) {
  catalog.Add("folder",
              DataEntryOf<FolderOptions>("PNG and JPEG pictures of your own, a folder a class.",
                                         "your own files", "", ReadFolder));
}

}  // namespace fewstep
