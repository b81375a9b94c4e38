// Named entries, registered explicitly by BuiltinFamilies and BuiltinAgents: registries that static
// initialisers fill vanish when they are linked from a static library.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace fewstep {

// Maps names to entries, in alphabetical order. Not thread-safe while entries are added; const
// access from any number of threads.
template <typename Entry>
class Registry {
 public:
  // `what` names the kind of entry in messages: "task family", "agent".
  explicit Registry(std::string what) : what_(std::move(what)) {}

  // Throws Error(kUsage) when the name is taken.
  void Add(std::string name, Entry entry) {
    const auto [position, added] = entries_.emplace(std::move(name), std::move(entry));
    if (!added) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("{} '{}' is registered twice", what_, position->first));
    }
  }

  // Adds it, in place of one that has the name.
  void Replace(std::string name, Entry entry) {
    entries_.insert_or_assign(std::move(name), std::move(entry));
  }

  // Throws Error(kUsage) naming the nearest known entry.
  const Entry& Get(std::string_view name) const {
    const auto found = entries_.find(name);
    if (found == entries_.end()) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("unknown {} '{}'{}", what_, name, DidYouMean(name, Names())),
                  {.remedy = fmt::format("Known: {}", fmt::join(Names(), ", "))});
    }
    return found->second;
  }

  bool Contains(std::string_view name) const { return entries_.contains(name); }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : entries_) names.push_back(name);
    return names;
  }

 private:
  std::string what_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace fewstep
