#include "envs/outside_families.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "envs/declarative/declarative_family.h"
#include "envs/plugin/plugin_library.h"

namespace fewstep {
namespace {

namespace fs = std::filesystem;

bool IsFamily(const std::string& path) {
  return declarative::IsFamilyFolder(path) || plugin::IsLibrary(path);
}

// The families directly inside a folder, in the order of their names.
std::vector<std::string> FamiliesIn(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (IsFamily(it->path().string())) paths.push_back(it->path().string());
  }
  std::ranges::sort(paths);
  return paths;
}

}  // namespace

std::vector<std::pair<std::string, FamilyEntry>> FamilyOpener::Open(const std::string& path) const {
  if (plugin::IsLibrary(path)) return plugin::EntriesOf(plugin::OpenLibrary(path));
  return {declarative::OpenFamilyFolder(path, guard)};
}

void AddFamilies(const std::string& path, const FamilyOpener& opener, Clash clash,
                 FamilyCatalog& catalog) {
  std::vector<std::string> paths = {path};
  if (!IsFamily(path)) paths = FamiliesIn(path);
  std::error_code error;
  if (paths.empty()) {
    throw Error(ErrorKind::kUsage,
                fs::exists(path, error) ? "there is no family here, nor in its folders"
                                        : "there is nothing here",
                {.file = path,
                 .remedy = "A family is a folder with a family.toml, or a plug-in: a file *.so"});
  }
  for (const std::string& family : paths) {
    for (auto& [name, entry] : opener.Open(family)) {
      if (clash == Clash::kRefuse && catalog.Contains(name)) {
        throw Error(
            ErrorKind::kUsage,
            fmt::format("there is a family '{}' already ({})", name, catalog.Get(name).origin),
            {.file = family, .remedy = "Give it another name, or say --override to use this one"});
      }
      catalog.Replace(name, std::move(entry));
    }
  }
}

void AddFamiliesIfAny(const std::string& path, const FamilyOpener& opener, FamilyCatalog& catalog) {
  std::vector<std::string> paths = {path};
  if (!IsFamily(path)) paths = FamiliesIn(path);
  for (const std::string& family : paths) {
    try {
      AddFamilies(family, opener, Clash::kRefuse, catalog);
    } catch (const std::exception& problem) {
      catalog.NoteProblem(family, problem.what());
    }
  }
}

std::string UserPlugins() {
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  const fs::path base = data && *data   ? fs::path(data)
                        : home && *home ? fs::path(home) / ".local/share"
                                        : fs::path();
  return base.empty() ? "" : (base / "fewstep/plugins").string();
}

}  // namespace fewstep
