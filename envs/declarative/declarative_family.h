// Task families without a compiler: a folder with family.toml and an MJCF model. A family of it is
// like any other, simulated by envs/mujoco/.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "envs/declarative/family_folder.h"
#include "envs/declarative/model_guard.h"
#include "envs/family_catalog.h"
#include "envs/mujoco/mujoco_family.h"

namespace fewstep::declarative {

// What the folder defines, without options. Throws Error(kUsage) with file, line and key, or
// Error(kData) on a bad model. Compiles the model in this process: check it by a ModelGuard first.
MujocoDefinition Define(const FamilyFolder& folder);

// The family's name and its entry in a catalogue. The folder is read now; its model is compiled,
// by the guard first, when a family is made.
std::pair<std::string, FamilyEntry> OpenFamilyFolder(const std::string& path,
                                                     const ModelGuard& guard);

}  // namespace fewstep::declarative
