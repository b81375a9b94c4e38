#include "envs/mujoco/mujoco_model.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <numeric>

#include "core/error.h"

namespace fewstep {
namespace {

std::atomic<int64_t> warning_count = 0;
std::mutex warning_mutex;
std::string warning_text;  // guarded by warning_mutex

// MuJoCo calls this from any thread, and ends the program when an error returns from it.
void HandleLog(const mjLogMessage* message) {
  if (message->level == mjLOG_ERROR) {
    internal::CheckFailed(message->file ? message->file : "mujoco", message->line, "MuJoCo error",
                          message->subject);
  }
  if (message->level == mjLOG_WARNING) {
    warning_count.fetch_add(1, std::memory_order_relaxed);
    const std::lock_guard lock(warning_mutex);
    warning_text = message->subject;
  }
}

void DropTextures(mjSpec* spec) {
  // materials first: a material must not name a texture that is gone
  for (mjsElement* element = mjs_firstElement(spec, mjOBJ_MATERIAL); element;
       element = mjs_nextElement(spec, element)) {
    for (int role = 0; role < mjNTEXROLE; ++role) {
      mjs_setInStringVec(mjs_asMaterial(element)->textures, role, "");
    }
  }
  while (mjsElement* element = mjs_firstElement(spec, mjOBJ_TEXTURE)) mjs_delete(spec, element);
}

// Behind a model without a sky there would be black.
void AddSky(mjSpec* spec) {
  for (mjsElement* element = mjs_firstElement(spec, mjOBJ_TEXTURE); element;
       element = mjs_nextElement(spec, element)) {
    if (mjs_asTexture(element)->type == mjTEXTURE_SKYBOX) return;
  }
  mjsTexture* sky = mjs_addTexture(spec, nullptr);
  sky->type = mjTEXTURE_SKYBOX;
  sky->builtin = mjBUILTIN_GRADIENT;
  constexpr double kAbove[] = {0.16, 0.21, 0.28}, kBelow[] = {0.36, 0.42, 0.49};
  std::copy_n(kAbove, 3, sky->rgb1);
  std::copy_n(kBelow, 3, sky->rgb2);
  constexpr int kSize = 64;
  sky->width = kSize;
  sky->height = 6 * kSize;
}

// On a plane of one colour nothing is seen to move past: squares of two shades of it.
void AddGround(mjSpec* spec) {
  for (mjsElement* element = mjs_firstElement(spec, mjOBJ_GEOM); element;
       element = mjs_nextElement(spec, element)) {
    mjsGeom* geom = mjs_asGeom(element);
    if (geom->type != mjGEOM_PLANE || *mjs_getString(geom->material) != 0) continue;
    const std::string name = fmt::format("fewstep ground {}", mjs_getId(element));
    mjsTexture* texture = mjs_addTexture(spec, nullptr);
    mjs_setName(texture->element, name.c_str());
    texture->type = mjTEXTURE_2D;
    texture->builtin = mjBUILTIN_CHECKER;
    for (int i = 0; i < 3; ++i) {
      texture->rgb1[i] = geom->rgba[i];
      texture->rgb2[i] = 0.8 * geom->rgba[i];
    }
    constexpr int kSize = 64;
    texture->width = texture->height = kSize;
    mjsMaterial* material = mjs_addMaterial(spec, nullptr);
    mjs_setName(material->element, name.c_str());
    mjs_setInStringVec(material->textures, mjTEXROLE_RGB, name.c_str());
    material->texuniform = 1;
    // a square is as long as robots of the model's size can be told by
    material->texrepeat[0] = material->texrepeat[1] = 1;
    material->rgba[3] = geom->rgba[3];
    mjs_setString(geom->material, name.c_str());
    // the colour is the texture's from now on
    constexpr float kDefault[] = {0.5f, 0.5f, 0.5f, 1};
    std::copy_n(kDefault, 4, geom->rgba);
  }
}

// As the compiler takes them from a model.
double MeanInertia(const mjModel* model) noexcept {
  return std::accumulate(model->dof_M0, model->dof_M0 + model->nv, 0.0) /
         static_cast<double>(model->nv);
}

double MeanMass(const mjModel* model) noexcept {
  return std::accumulate(model->body_mass + 1, model->body_mass + model->nbody, 0.0) /
         static_cast<double>(model->nbody - 1);
}

// Which statistics the compiler has taken from the model, rather than from its <statistic>.
struct TakenStatistics {
  bool meaninertia, meanmass;
};
TakenStatistics StatisticsOf(const mjModel* model) noexcept {
  return {model->stat.meaninertia == MeanInertia(model), model->stat.meanmass == MeanMass(model)};
}

void Derive(mjModel* model, mjData* data, const TakenStatistics& taken) noexcept {
  mj_setConst(model, data);
  if (taken.meaninertia) model->stat.meaninertia = MeanInertia(model);
  if (taken.meanmass) model->stat.meanmass = MeanMass(model);
}

// MuJoCo's view of files in memory.
class VirtualFiles {
 public:
  VirtualFiles(const ModelFiles& files, const std::string& name) {
    mj_defaultVFS(&vfs_);
    for (const auto& [path, bytes] : files) {
      if (mj_addBufferVFS(&vfs_, path.c_str(), bytes.data(), static_cast<int>(bytes.size())) == 0) {
        continue;
      }
      mj_deleteVFS(&vfs_);
      throw Error(ErrorKind::kData, fmt::format("MuJoCo cannot take the file '{}'", path),
                  {.file = name});
    }
  }
  ~VirtualFiles() { mj_deleteVFS(&vfs_); }
  VirtualFiles(const VirtualFiles&) = delete;
  VirtualFiles& operator=(const VirtualFiles&) = delete;
  const mjVFS* get() const { return &vfs_; }

 private:
  mjVFS vfs_;
};

}  // namespace

void InitializeMujoco() {
  static const bool initialized = [] {
    if (mj_version() != mjVERSION_HEADER) {
      throw Error(ErrorKind::kRuntime,
                  fmt::format("the MuJoCo library that was loaded has version {}, but this program "
                              "was built for {}",
                              mj_version(), mjVERSION_HEADER),
                  {.remedy = "Run the program with the library it was built with"});
    }
    mju_setLogHandler(HandleLog);
    return true;
  }();
  static_cast<void>(initialized);
}

int64_t MujocoWarningCount() { return warning_count.load(std::memory_order_relaxed); }

std::string LastMujocoWarning() {
  const std::lock_guard lock(warning_mutex);
  return warning_text;
}

ModelPtr CompileModel(std::string_view mjcf, const ModelFiles& files, const std::string& name,
                      Textures textures) {
  InitializeMujoco();
  const VirtualFiles virtual_files(files, name);
  char message[1000] = "";
  const std::string text(mjcf);
  const SpecPtr spec(
      mj_parseXMLString(text.c_str(), virtual_files.get(), message, sizeof(message)));
  if (!spec) throw Error(ErrorKind::kData, message, {.file = name});

  if (textures == Textures::kDrop) {
    DropTextures(spec.get());
  } else {
    AddSky(spec.get());
    AddGround(spec.get());
  }
  ModelPtr model(mj_compile(spec.get(), virtual_files.get()));
  if (!model) throw Error(ErrorKind::kData, mjs_getError(spec.get()), {.file = name});
  return model;
}

void RefreshConstants(const mjModel* nominal, mjModel* model, mjData* data) noexcept {
  Derive(model, data, StatisticsOf(nominal));
}

void ScaleTotalMass(mjModel* model, mjData* data, double mass) noexcept {
  const TakenStatistics taken = StatisticsOf(model);
  mj_setTotalmass(model, mass);
  Derive(model, data, taken);
}

DataPtr MakeData(const mjModel* model) {
  DataPtr data(mj_makeData(model));
  if (!data) throw Error(ErrorKind::kRuntime, "no memory for a simulation");
  return data;
}

ModelPtr CopyModel(const mjModel* model) {
  ModelPtr copy(mj_copyModel(nullptr, model));
  if (!copy) throw Error(ErrorKind::kRuntime, "no memory for a model");
  return copy;
}

BatchPtr MakeBatch(const mjModel* model, int num_simulations, int num_threads) {
  // checked here because MuJoCo ends the program on bad arguments
  if (num_simulations < 1 || num_threads < 1) {
    throw Error(ErrorKind::kUsage, fmt::format("cannot simulate {} environments on {} threads",
                                               num_simulations, num_threads));
  }
  mjBatchConfig config;
  mjb_defaultConfig(&config);
  config.nthread = num_threads;
  char message[1000] = "";
  BatchPtr batch(mjb_makeBatch(model, num_simulations, &config, message, sizeof(message)));
  if (!batch) throw Error(ErrorKind::kRuntime, message);
  return batch;
}

}  // namespace fewstep
