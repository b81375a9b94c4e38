// The folder of a declarative family: family.toml, its model and what the model names.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/config.h"
#include "envs/declarative/family_file.h"
#include "envs/mujoco/mujoco_model.h"

namespace fewstep::declarative {

inline constexpr const char* kFamilyFileName = "family.toml";

struct FamilyFolder {
  std::string path;
  std::string toml;  // family.toml as it stands
  Config config;     // the same, parsed
  FamilyFile file;   // the same, read
  std::string mjcf;  // the model
  ModelFiles files;  // what the model names, by its path in the folder

  std::string toml_path() const { return path + "/" + kFamilyFileName; }
  std::string model_path() const { return path + "/" + file.simulation.model; }

  // What the definition's hash is over: the meaning of family.toml, and the model and its files
  // byte by byte.
  std::string HashedText() const;
};

// Whether `path` is a folder with a family.toml.
bool IsFamilyFolder(const std::string& path);

// Throws Error(kUsage) with file, line and key on a bad family.toml; Error(kData) on a model that
// is missing, too large, compiled (.mjb) or names files outside of the folder.
FamilyFolder ReadFamilyFolder(const std::string& path);

// Writes the same folder at `destination`, which is made: what ReadFamilyFolder reads, no more.
// Throws Error(kRuntime).
void WriteFamilyFolder(const FamilyFolder& folder, const std::string& destination);

}  // namespace fewstep::declarative
