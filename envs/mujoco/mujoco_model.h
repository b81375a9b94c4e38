// MuJoCo's objects with owners, its log, and the compilation of models.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <mujoco/mjbatch.h>
#include <mujoco/mujoco.h>

namespace fewstep {

struct MujocoDeleter {
  void operator()(mjModel* model) const { mj_deleteModel(model); }
  void operator()(mjData* data) const { mj_deleteData(data); }
  void operator()(mjSpec* spec) const { mj_deleteSpec(spec); }
  void operator()(mjBatch* batch) const { mjb_deleteBatch(batch); }
};
using ModelPtr = std::unique_ptr<mjModel, MujocoDeleter>;
using DataPtr = std::unique_ptr<mjData, MujocoDeleter>;
using SpecPtr = std::unique_ptr<mjSpec, MujocoDeleter>;
using BatchPtr = std::unique_ptr<mjBatch, MujocoDeleter>;

// Takes over MuJoCo's log, so that it neither prints nor writes a file: warnings are counted, an
// error outside of a simulation aborts with its text. Throws Error(kRuntime) when the library that
// was loaded is not the version that was compiled against. Cheap after the first call; the
// functions below call it.
void InitializeMujoco();

// Warnings since the start of the program, of every thread, and the text of the latest one.
int64_t MujocoWarningCount();
std::string LastMujocoWarning();

// What a model is compiled for: drawing keeps textures, and gives a model
// that has none a sky, and planes of one colour two shades of it.
enum class Textures { kKeep, kDrop };

// The files that a model may name, by their names relative to it.
using ModelFiles = std::map<std::string, std::string>;

// Compiles MJCF text. Without textures a model is smaller by what they hold and simulates the same.
// Throws Error(kData) with the compiler's message; `name` stands for the file in it.
ModelPtr CompileModel(std::string_view mjcf, const ModelFiles& files, const std::string& name,
                      Textures textures);

// mj_setConst, and the statistics that the compiler takes from masses, which it leaves alone:
// meaninertia and meanmass. A statistic that the MJCF sets by hand is kept as in `nominal`, which
// may be the same model. `data` is scratch. Errors of MuJoCo leave it by longjmp.
void RefreshConstants(const mjModel* nominal, mjModel* model, mjData* data) noexcept;

// Scales every mass and inertia by one factor, so that all bodies together have `mass` kg, and what
// follows from them: RefreshConstants. `data` is scratch.
void ScaleTotalMass(mjModel* model, mjData* data, double mass) noexcept;

// Throws Error(kRuntime) when memory runs out, or on a model that cannot be batched.
DataPtr MakeData(const mjModel* model);
ModelPtr CopyModel(const mjModel* model);
BatchPtr MakeBatch(const mjModel* model, int num_simulations, int num_threads);

}  // namespace fewstep
