#include "envs/mujoco/mujoco_model.h"

#include <atomic>
#include <mutex>

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

ModelPtr CompileModel(std::string_view mjcf, const std::string& name, Textures textures) {
  InitializeMujoco();
  char message[1000] = "";
  const std::string text(mjcf);
  const SpecPtr spec(mj_parseXMLString(text.c_str(), nullptr, message, sizeof(message)));
  if (!spec) throw Error(ErrorKind::kData, message, {.file = name});

  if (textures == Textures::kDrop) DropTextures(spec.get());
  ModelPtr model(mj_compile(spec.get(), nullptr));
  if (!model) throw Error(ErrorKind::kData, mjs_getError(spec.get()), {.file = name});
  return model;
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
