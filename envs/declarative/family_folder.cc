#include "envs/declarative/family_folder.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"

namespace fewstep::declarative {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostBytes = uint64_t{256} << 20;
constexpr size_t kMostFiles = 2000;
// what MuJoCo reads, and no compiled model
constexpr std::string_view kExtensions[] = {".xml", ".mjcf", ".stl", ".obj", ".msh",
                                            ".png", ".skn",  ".hf",  ".bin", ".ktx"};

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// The model and all other files below the folder that a model may name, in the order of their
// names.
ModelFiles ReadFiles(const fs::path& folder) {
  ModelFiles files;
  uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().filename().string().starts_with('.')) {
      if (it->is_directory()) it.disable_recursion_pending();
      continue;
    }
    const std::string extension = Lower(it->path().extension().string());
    if (std::ranges::find(kExtensions, extension) == std::end(kExtensions)) continue;
    if (!it->is_regular_file()) continue;
    bytes += it->file_size();
    if (bytes > kMostBytes || files.size() == kMostFiles) {
      throw Error(ErrorKind::kData,
                  fmt::format("the files of its model are more than {} or {} MB", kMostFiles,
                              kMostBytes >> 20),
                  {.file = folder.string()});
    }
    files[it->path().lexically_relative(folder).generic_string()] = ReadFile(it->path().string());
  }
  if (error) {
    throw Error(ErrorKind::kData, fmt::format("cannot read this folder: {}", error.message()),
                {.file = folder.string()});
  }
  return files;
}

// Line of the `position`th character, from 1.
int LineOf(std::string_view text, size_t position) {
  return 1 + static_cast<int>(std::ranges::count(text.substr(0, position), '\n'));
}

// Every file="..." of an XML text must be one of the folder's: another would be read from wherever
// the program runs, and would be missing in the definition's hash.
void CheckNamedFiles(const std::string& name, std::string_view text, const ModelFiles& files,
                     const std::string& folder) {
  std::set<std::string> base_names;
  for (const auto& [path, bytes] : files) {
    base_names.insert(fs::path(path).filename().string());
  }
  for (size_t at = text.find("file"); at != std::string_view::npos;
       at = text.find("file", at + 4)) {
    // file, fileright, fileup, ... = "value"
    size_t end = at;
    while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end]))) ++end;
    size_t equals = text.find_first_not_of(" \t\r\n", end);
    if (equals == std::string_view::npos || text[equals] != '=') continue;
    const size_t quote = text.find_first_not_of(" \t\r\n", equals + 1);
    if (quote == std::string_view::npos || (text[quote] != '"' && text[quote] != '\'')) continue;
    const size_t close = text.find(text[quote], quote + 1);
    if (close == std::string_view::npos) continue;
    const std::string value(text.substr(quote + 1, close - quote - 1));
    const fs::path path(value);
    const bool leaves = path.is_absolute() || std::ranges::find(path, "..") != path.end();
    if (!leaves && base_names.contains(path.filename().string())) continue;
    std::vector<std::string> known;
    for (const auto& [other, bytes] : files) known.push_back(other);
    throw Error(ErrorKind::kData,
                leaves ? fmt::format("'{}' lies outside of the family's folder", value)
                       : fmt::format("there is no file '{}' in the family's folder{}", value,
                                     DidYouMean(value, known)),
                {.file = folder + "/" + name,
                 .line = LineOf(text, at),
                 .remedy = "What a model names must lie in its folder"});
  }
}

}  // namespace

std::string FamilyFolder::HashedText() const {
  std::string text = config.Canonical();
  const auto add = [&text](std::string_view name, std::string_view bytes) {
    text += fmt::format("\n{} {} {}\n", name, name.size(), bytes.size());
    text += bytes;
  };
  add(file.simulation.model, mjcf);
  for (const auto& [name, bytes] : files) add(name, bytes);
  return text;
}

bool IsFamilyFolder(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(fs::path(path) / kFamilyFileName, ignored);
}

FamilyFolder ReadFamilyFolder(const std::string& path) {
  FamilyFolder folder;
  folder.path = path;
  while (folder.path.size() > 1 && folder.path.ends_with('/')) folder.path.pop_back();
  const std::string toml_path = folder.toml_path();
  std::error_code error;
  if (!IsFamilyFolder(folder.path)) {
    throw Error(
        ErrorKind::kUsage, fmt::format("there is no {} in it", kFamilyFileName),
        {.file = folder.path, .remedy = "fewstep new family NAME writes a folder to start from"});
  }
  if (fs::file_size(toml_path, error) > (uint64_t{1} << 20)) {
    throw Error(ErrorKind::kUsage, "it is too large for the definition of a family",
                {.file = toml_path});
  }
  folder.toml = ReadFile(toml_path);
  folder.config = Config::ParseText(folder.toml, toml_path);
  folder.config.ReadAll(folder.file);

  // the model
  const std::string& model = folder.file.simulation.model;
  const fs::path model_path(model);
  ErrorContext where = folder.config.Where("simulation", "model");
  if (Lower(model_path.extension().string()) == ".mjb") {
    where.remedy = "Give the MJCF it was compiled from";
    throw Error(ErrorKind::kData,
                "a compiled model is not accepted: MuJoCo does not check what it loads", where);
  }
  if (model_path.is_absolute() || std::ranges::find(model_path, "..") != model_path.end()) {
    throw Error(ErrorKind::kData, fmt::format("'{}' lies outside of the family's folder", model),
                where);
  }
  folder.files = ReadFiles(folder.path);
  const auto found = folder.files.find(model);
  if (found == folder.files.end()) {
    std::vector<std::string> known;
    for (const auto& [name, bytes] : folder.files) known.push_back(name);
    where.remedy = "The model is an .xml file in the folder";
    throw Error(
        ErrorKind::kData,
        fmt::format("there is no model '{}' in {}{}", model, folder.path, DidYouMean(model, known)),
        where);
  }
  folder.mjcf = std::move(found->second);
  folder.files.erase(found);
  CheckNamedFiles(model, folder.mjcf, folder.files, folder.path);
  for (const auto& [name, bytes] : folder.files) {
    const std::string extension = Lower(fs::path(name).extension().string());
    if (extension == ".xml" || extension == ".mjcf") {
      CheckNamedFiles(name, bytes, folder.files, folder.path);
    }
  }
  return folder;
}

void WriteFamilyFolder(const FamilyFolder& folder, const std::string& destination) {
  const auto write = [&](const std::string& name, const std::string& bytes) {
    const fs::path path = fs::path(destination) / name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) {
      throw Error(ErrorKind::kRuntime, fmt::format("cannot make the folder: {}", error.message()),
                  {.file = path.parent_path().string()});
    }
    WriteFileAtomically(path.string(), bytes);
  };
  write(folder.file.simulation.model, folder.mjcf);
  for (const auto& [name, bytes] : folder.files) write(name, bytes);
  // last: a folder without it is none
  write(kFamilyFileName, folder.toml);
}

}  // namespace fewstep::declarative
