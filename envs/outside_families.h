// Task families that are not compiled in: folders with a family.toml, and plug-ins, which are
// shared libraries.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "envs/declarative/model_guard.h"
#include "envs/family_catalog.h"

namespace fewstep {

// How families from outside are opened; handed down with the catalogue they are added to.
struct FamilyOpener {
  declarative::ModelGuard guard;

  // The family of a folder, or those of a library, by their names. Throws Error when they cannot be
  // opened. Opening a library runs what it has to say.
  std::vector<std::pair<std::string, FamilyEntry>> Open(const std::string& path) const;
};

enum class Clash { kRefuse, kReplace };

// Adds the family at `path`, or those in the folder `path`. Throws Error(kUsage) when there is none
// and on a name that is taken, unless it may be replaced, or what Open throws.
void AddFamilies(const std::string& path, const FamilyOpener& opener, Clash clash,
                 FamilyCatalog& catalog);

// The same for a place that is always looked at: one that is missing is no error, and families that
// cannot be opened are noted in the catalogue.
void AddFamiliesIfAny(const std::string& path, const FamilyOpener& opener, FamilyCatalog& catalog);

// "~/.local/share/fewstep/plugins", or under XDG_DATA_HOME.
std::string UserPlugins();
// Names of the environment variable whose paths, apart by ':', are looked at as well.
inline constexpr const char* kPluginsVariable = "FEWSTEP_PLUGINS";

}  // namespace fewstep
