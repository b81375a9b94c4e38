// Where task families come from. A catalogue is made once, before the command line is read, and
// handed down to whatever names a family.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/registry.h"
#include "envs/task_family.h"

namespace fewstep {

inline constexpr const char* kBuiltIn = "built in";

struct FamilyEntry {
  std::string origin = kBuiltIn;  // or the path of what brought it
  std::string library_hash = {};  // of the file at `origin`, where that is a plug-in
  // The family's keys in a recipe with their defaults: those that all have, then its own.
  std::function<std::unique_ptr<FamilyOptions>()> make_options;
  // Throws Error(kUsage) on options that the family refuses.
  std::function<std::unique_ptr<TaskFamily>(const FamilyOptions&)> make;
  // Writes what the family is defined by into a folder, which is made, so that it can be opened
  // there; null for what is compiled in. Throws Error(kRuntime).
  std::function<void(const std::string& folder)> save = nullptr;
};

// An entry of a family with options of its own type. Options of another type give those that every
// family has.
template <typename Own>
FamilyEntry EntryOf(std::function<std::unique_ptr<TaskFamily>(const Own&)> make) {
  return {
      .make_options = []() -> std::unique_ptr<FamilyOptions> { return std::make_unique<Own>(); },
      .make =
          [make = std::move(make)](const FamilyOptions& options) {
            if (const auto* own = dynamic_cast<const Own*>(&options)) return make(*own);
            Own own;
            static_cast<FamilyOptions&>(own) = options;
            return make(own);
          }};
}

// Not thread-safe while families are added; const access from any number of threads.
class FamilyCatalog {
 public:
  // Throws Error(kUsage) when the name is taken, Error(kPlugin) when a function is missing.
  void Add(std::string name, FamilyEntry entry);
  // The same in place of a family that has the name.
  void Replace(std::string name, FamilyEntry entry);
  // Notes that the family at `path` cannot be used: told to whoever asks for a name in vain.
  void NoteProblem(std::string path, std::string message);

  bool Contains(std::string_view name) const { return families_.Contains(name); }
  std::vector<std::string> Names() const { return families_.Names(); }
  // Path and message of what could not be used.
  const std::vector<std::pair<std::string, std::string>>& problems() const { return problems_; }
  // These throw Error(kUsage), naming the nearest family, when there is none of this name.
  const FamilyEntry& Get(std::string_view name) const { return families_.Get(name); }
  std::unique_ptr<FamilyOptions> MakeOptions(std::string_view name) const;

  // A family with options that MakeOptions made: what its author wrote, with the options applied
  // that every family has. Throws Error(kPlugin) when the author's definition makes no sense.
  std::unique_ptr<TaskFamily> Make(std::string_view name, const FamilyOptions& options) const;
  // As it was published.
  std::unique_ptr<TaskFamily> Make(std::string_view name) const {
    return Make(name, *MakeOptions(name));
  }

 private:
  Registry<FamilyEntry> families_{"task family"};
  std::vector<std::pair<std::string, std::string>> problems_;
};

// Every family that is compiled in.
FamilyCatalog BuiltinFamilies();

}  // namespace fewstep
