// Facts that a result depends on: versions, source revision, machine.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fewstep {

std::string Version();        // "0.1.0"
std::string GitRevision();    // "1a2b3c4" or "1a2b3c4-dirty", "unknown" outside a repository
std::string MujocoVersion();  // of the library that is loaded
std::string LibTorchVersion();
std::string CompilerVersion();
std::string CpuModel();
int64_t MemoryMegabytes();

// The above as (name, value), in this order.
std::vector<std::pair<std::string, std::string>> BuildFacts();

}  // namespace fewstep
