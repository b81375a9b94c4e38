#include "tests/fuzz/fuzz.h"

#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace fewstep {
namespace {

// libFuzzer reads counters in this section as it does those of the compiler.
constexpr size_t kCounters = 256;
__attribute__((section("__libfuzzer_extra_counters"))) std::array<uint8_t, kCounters> counters;

}  // namespace

void NoteError(const Error& error) {
  // the last clause says why; without numbers and what is quoted, which differ from file to file
  const std::string_view what = error.what();
  uint32_t hash = 0;
  bool quoted = false;
  for (const char c : what.substr(what.rfind(": ") + 1)) {
    if (c == '\'') quoted = !quoted;
    if (!quoted && std::isalpha(static_cast<unsigned char>(c)) != 0) {
      hash = hash * 31 + static_cast<unsigned char>(c);
    }
  }
  counters[hash % kCounters] = 1;
}

std::string FileOf(std::string_view input, const std::string& name) {
  static const std::string folder = [] {
    std::string path = std::filesystem::temp_directory_path() / "fewstep_fuzz_XXXXXX";
    FEWSTEP_CHECK(mkdtemp(path.data()) != nullptr, "cannot create {}", path);
    return path;
  }();
  std::string path = folder + "/" + name;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(input.data(), static_cast<std::streamsize>(input.size()));
  file.close();
  FEWSTEP_CHECK(file.good(), "cannot write {}", path);
  return path;
}

}  // namespace fewstep
