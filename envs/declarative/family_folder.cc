#include "envs/declarative/family_folder.h"

#include <algorithm>
#include <filesystem>

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

// The files below the folder that a model may name, in the order of their names. Links that lead
// out of it are not followed, nor are folders that are families or runs themselves.
ModelFiles ReadFiles(const fs::path& folder) {
  ModelFiles files;
  uint64_t bytes = 0;
  std::error_code error;
  const fs::path root = fs::weakly_canonical(folder, error);
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code unknown;
    const fs::path& path = it->path();
    const bool directory = it->is_directory(unknown);
    const auto holds = [&](const char* name) { return fs::exists(path / name, unknown); };
    if (path.filename().string().starts_with('.') ||
        (directory && (holds("run.toml") || holds(kFamilyFileName)))) {
      if (directory) it.disable_recursion_pending();
      continue;
    }
    const std::string extension = Lower(path.extension().string());
    if (std::ranges::find(kExtensions, extension) == std::end(kExtensions)) continue;
    if (!it->is_regular_file(unknown)) continue;
    const fs::path place = fs::weakly_canonical(path, unknown);
    if (std::mismatch(root.begin(), root.end(), place.begin(), place.end()).first != root.end()) {
      continue;
    }
    bytes += it->file_size(unknown);
    if (bytes > kMostBytes || files.size() == kMostFiles) {
      throw Error(
          ErrorKind::kData,
          fmt::format("the files in it are more than {} or {} MB", kMostFiles, kMostBytes >> 20),
          {.file = folder.string()});
    }
    files[path.lexically_relative(folder).generic_string()] = ReadFile(path.string());
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

// `text` with its comments blanked out, so that places stay.
std::string WithoutComments(std::string text) {
  for (size_t begin = text.find("<!--"); begin != std::string::npos;
       begin = text.find("<!--", begin)) {
    const size_t end = std::min(text.find("-->", begin), text.size());
    std::replace_if(
        text.begin() + static_cast<std::ptrdiff_t>(begin),
        text.begin() + static_cast<std::ptrdiff_t>(end), [](char c) { return c != '\n'; }, ' ');
  }
  return text;
}

// The files that an XML text names by file="..." (fileright, ...), by their names in the folder.
// Each must be there: another would be read from wherever the program runs, and would be missing in
// the definition's hash. MuJoCo takes a file by its last name, whatever folder it is named in.
std::vector<std::string> NamedFiles(const std::string& name, const std::string& xml,
                                    const ModelFiles& files, const std::string& folder) {
  const std::string text = WithoutComments(xml);
  std::vector<std::string> named;
  for (size_t at = text.find("file"); at != std::string::npos; at = text.find("file", at + 4)) {
    size_t end = at;
    while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end]))) ++end;
    const size_t equals = text.find_first_not_of(" \t\r\n", end);
    if (equals == std::string::npos || text[equals] != '=') continue;
    const size_t quote = text.find_first_not_of(" \t\r\n", equals + 1);
    if (quote == std::string::npos || (text[quote] != '"' && text[quote] != '\'')) continue;
    const size_t close = text.find(text[quote], quote + 1);
    if (close == std::string::npos) continue;
    const std::string value = text.substr(quote + 1, close - quote - 1);
    const fs::path path(value);
    const bool leaves = path.is_absolute() || std::ranges::find(path, "..") != path.end();
    const size_t before = named.size();
    std::vector<std::string> known;
    for (const auto& [other, bytes] : files) {
      known.push_back(other);
      if (!leaves && fs::path(other).filename() == path.filename()) named.push_back(other);
    }
    if (named.size() > before) continue;
    throw Error(ErrorKind::kData,
                leaves ? fmt::format("'{}' lies outside of the family's folder", value)
                       : fmt::format("there is no file '{}' in the family's folder{}", value,
                                     DidYouMean(value, known)),
                {.file = folder + "/" + name,
                 .line = LineOf(text, at),
                 .remedy = "What a model names must lie in its folder"});
  }
  return named;
}

// Those of `all` that the model names, and what they name in turn.
ModelFiles FilesOf(const std::string& model, const std::string& mjcf, const ModelFiles& all,
                   const std::string& folder) {
  ModelFiles files;
  std::vector<std::string> left = NamedFiles(model, mjcf, all, folder);
  while (!left.empty()) {
    const std::string name = left.back();
    left.pop_back();
    if (name == model || files.contains(name)) continue;
    const std::string& bytes = files[name] = all.at(name);
    const std::string extension = Lower(fs::path(name).extension().string());
    if (extension != ".xml" && extension != ".mjcf") continue;
    for (std::string& other : NamedFiles(name, bytes, all, folder))
      left.push_back(std::move(other));
  }
  return files;
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
  const ModelFiles all = ReadFiles(folder.path);
  const auto found = all.find(model);
  if (found == all.end()) {
    std::vector<std::string> known;
    for (const auto& [name, bytes] : all) known.push_back(name);
    where.remedy = "The model is an .xml file in the folder";
    throw Error(
        ErrorKind::kData,
        fmt::format("there is no model '{}' in {}{}", model, folder.path, DidYouMean(model, known)),
        where);
  }
  folder.mjcf = found->second;
  folder.files = FilesOf(model, folder.mjcf, all, folder.path);
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
