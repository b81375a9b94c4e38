// Shared libraries with task families, through the C interface of fewstep/plugin.h.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "envs/family_catalog.h"
#include "fewstep/plugin.h"

namespace fewstep::plugin {

// A library that was loaded and fits; it is never unloaded, since objects of it may outlive whoever
// opened it.
struct Library {
  std::string path;
  std::string hash;  // 16 hexadecimal digits over the file
  const fewstep_plugin_info* info = nullptr;
};

// Whether `path` looks like one: a file named *.so.
bool IsLibrary(const std::string& path);

// Loads it. Throws Error(kPlugin) naming the file on one that cannot be loaded, was built for
// another interface or another MuJoCo, lacks a symbol or describes no family properly. Nothing of
// the library but one constant is read before its version is known to fit.
std::shared_ptr<const Library> OpenLibrary(const std::string& path);

// Its families by their names. Making one throws Error(kPlugin) when its author's functions fail.
std::vector<std::pair<std::string, FamilyEntry>> EntriesOf(
    const std::shared_ptr<const Library>& library);

// Says on stderr, when the program crashes from now on, in which library that happened, or which
// were loaded; then the program ends as it would have.
void NameLibrariesInCrashes();

}  // namespace fewstep::plugin
