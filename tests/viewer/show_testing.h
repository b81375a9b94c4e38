// Shows of scripted agents.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envs/family_catalog.h"
#include "tests/viewer/scripted_adaptation.h"
#include "viewer/family_subject.h"
#include "viewer/show.h"

namespace fewstep {

inline std::unique_ptr<TaskFamily> ShortFamily(const std::string& name, int horizon) {
  FamilyOptions options;
  options.horizon = horizon;
  return BuiltinFamilies().Make(name, options);
}

inline std::unique_ptr<Subject> ScriptedSubject(const TaskFamily& family,
                                                std::shared_ptr<Script> script,
                                                std::string name = "script") {
  return MakeFamilySubject(std::move(name), family,
                           std::make_unique<ScriptedAdaptation>(family.spec(), std::move(script)),
                           /*task_seed=*/7);
}

inline std::unique_ptr<Show> ScriptedShow(const TaskFamily& family, ShowOptions options = {},
                                          std::shared_ptr<Script> script = nullptr) {
  if (!script) script = std::make_shared<Script>();
  std::vector<std::unique_ptr<Subject>> subjects;
  subjects.push_back(ScriptedSubject(family, std::move(script)));
  return std::make_unique<Show>(std::move(subjects), std::move(options), Rng(3));
}

// The same, adapted to the first held-out task.
inline std::unique_ptr<Show> ReadyShow(const TaskFamily& family, ShowOptions options = {},
                                       std::shared_ptr<Script> script = nullptr) {
  auto show = ScriptedShow(family, std::move(options), std::move(script));
  show->NextTask();
  show->WaitUntilAdapted(/*until_done=*/true);
  return show;
}

}  // namespace fewstep
