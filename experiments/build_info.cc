#include "experiments/build_info.h"

#include <fstream>
#include <unistd.h>

#include <fmt/format.h>
#include <mujoco/mujoco.h>
#include <torch/version.h>

#include "core/memory.h"
#include "git_revision.h"

namespace fewstep {

std::string Version() { return FEWSTEP_VERSION; }
std::string GitRevision() { return FEWSTEP_GIT_REVISION; }
std::string MujocoVersion() { return mj_versionString(); }
std::string LibTorchVersion() { return TORCH_VERSION; }

std::string CompilerVersion() {
#if defined(__clang__)
  return fmt::format("clang {}", __clang_version__);
#else
  return fmt::format("gcc {}", __VERSION__);
#endif
}

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

int64_t MemoryMegabytes() { return static_cast<int64_t>(UsableMemory() / (1 << 20)); }

std::vector<std::pair<std::string, std::string>> BuildFacts() {
  return {{"fewstep", Version()},
          {"revision", GitRevision()},
          {"mujoco", MujocoVersion()},
          {"libtorch", LibTorchVersion()},
          {"compiler", CompilerVersion()},
          {"cpu", CpuModel()},
          {"processors", fmt::format("{}", sysconf(_SC_NPROCESSORS_ONLN))},
          {"memory_mb", fmt::format("{}", MemoryMegabytes())}};
}

}  // namespace fewstep
