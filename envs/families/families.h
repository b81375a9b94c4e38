// The families that are compiled in. Each stands in a file of its name.
#pragma once

#include <memory>

#include "envs/task_family.h"

namespace fewstep {

std::unique_ptr<TaskFamily> MakeBanditBernoulliRl2(const FamilyOptions& options);
std::unique_ptr<TaskFamily> MakeBanditGaussianMaml(const FamilyOptions& options);
std::unique_ptr<TaskFamily> MakeHalfCheetahDirPromp(const FamilyOptions& options);
std::unique_ptr<TaskFamily> MakeHalfCheetahVelPromp(const FamilyOptions& options);
std::unique_ptr<TaskFamily> MakeHalfCheetahVelRllab(const FamilyOptions& options);
std::unique_ptr<TaskFamily> MakeHalfCheetahVelTristan(const FamilyOptions& options);
std::unique_ptr<TaskFamily> MakePointCornerPromp(const FamilyOptions& options);
std::unique_ptr<TaskFamily> MakePointNavMaml(const FamilyOptions& options);
std::unique_ptr<TaskFamily> MakeTabularMdpRl2(const FamilyOptions& options);

}  // namespace fewstep
