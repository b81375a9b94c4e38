// The C++ side of safetensors_peer.py.
//   write PATH         writes a known file
//   copy FROM TO       reads FROM on trust and writes it again
//   verify PATH        reads PATH with checksums required
//   judge PATH...      prints, a line each, "accept" or "refuse" for reading on trust
// Exit status: 0, or the kind of the Error (docs/format_checkpoint.md).
#include <cstdio>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "core/safetensors.h"

namespace fewstep {
namespace {

constexpr ReadOptions kOnTrust{.require_checksums = false};

// Values that the script computes by the same formulas.
TensorFile KnownFile() {
  std::vector<float> weights;
  for (int i = 0; i < 12; ++i) weights.push_back(0.25f * static_cast<float>(i) - 1.0f);
  TensorFile file;
  file.AddText("text", "caf\xc3\xa9\n");
  file.Add<float>("policy/weights", {3, 4}, weights);
  file.Add<double>("moments", {2}, std::vector<double>{1e300, -0.0});
  file.Add<int64_t>("steps", {3}, std::vector<int64_t>{-1, 0, INT64_MAX});
  file.Add<uint64_t>("seeds", {1}, std::vector<uint64_t>{UINT64_MAX});
  file.Add<int32_t>("empty", {0, 5}, std::vector<int32_t>{});
  file.AddScalar<uint8_t>("flag", 200);
  file.SetMetadata("config", "{\"name\": \"caf\xc3\xa9 \\\"quoted\\\"\"}\n");
  return file;
}

int Main(const std::vector<std::string>& arguments) {
  const std::string& action = arguments.at(0);
  if (action == "write") {
    WriteFileAtomically(arguments.at(1), Serialize(KnownFile()));
  } else if (action == "copy") {
    WriteFileAtomically(arguments.at(2), Serialize(LoadTensorFile(arguments.at(1), kOnTrust)));
  } else if (action == "verify") {
    LoadTensorFile(arguments.at(1));
  } else if (action == "judge") {
    for (size_t i = 1; i < arguments.size(); ++i) {
      try {
        LoadTensorFile(arguments[i], kOnTrust);
        std::puts("accept");
      } catch (const Error&) {
        std::puts("refuse");
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  try {
    return fewstep::Main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const fewstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return static_cast<int>(error.kind());
  }
}
