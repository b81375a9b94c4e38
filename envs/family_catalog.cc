#include "envs/family_catalog.h"

#include <utility>

#include "envs/families/families.h"
#include "envs/single_task.h"

namespace fewstep {

namespace {

void CheckEntry(const std::string& name, const FamilyEntry& entry) {
  if (entry.make && entry.make_options) return;
  throw Error(ErrorKind::kPlugin, fmt::format("the family '{}' cannot be made", name),
              {.remedy = "Its entry needs make_options and make"});
}

}  // namespace

void FamilyCatalog::Add(std::string name, FamilyEntry entry) {
  CheckEntry(name, entry);
  families_.Add(std::move(name), std::move(entry));
}

void FamilyCatalog::Replace(std::string name, FamilyEntry entry) {
  CheckEntry(name, entry);
  families_.Replace(std::move(name), std::move(entry));
}

void FamilyCatalog::NoteProblem(std::string path, std::string message) {
  problems_.emplace_back(std::move(path), std::move(message));
}

std::unique_ptr<FamilyOptions> FamilyCatalog::MakeOptions(std::string_view name) const {
  return Get(name).make_options();
}

std::unique_ptr<TaskFamily> FamilyCatalog::Make(std::string_view name,
                                                const FamilyOptions& options) const {
  std::unique_ptr<TaskFamily> family = Get(name).make(options);
  if (family == nullptr) {
    throw Error(ErrorKind::kPlugin, fmt::format("the family '{}' was not made", name));
  }
  if (family->spec().name != name) {
    throw Error(ErrorKind::kPlugin,
                fmt::format("the family '{}' calls itself '{}'", name, family->spec().name));
  }
  if (family->spec().task_observed != options.observe_task) {
    throw Error(ErrorKind::kPlugin,
                fmt::format("the family '{}' does not heed the option observe_task", name));
  }
  if (!options.task.empty()) return WithSingleTask(std::move(family), options.task);
  return family;
}

FamilyCatalog BuiltinFamilies() {
  FamilyCatalog catalog;
  AddBandits(catalog);
  AddHalfCheetah(catalog);
  AddPoints(catalog);
  AddTabularMdps(catalog);
  return catalog;
}

}  // namespace fewstep
