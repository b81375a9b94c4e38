// safetensors: what was read, written with its checksums, is read again.
#include "core/safetensors.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fewstep;
  Decode([&] {
    const TensorFile file = Parse(Bytes(data, size), "input", {.require_checksums = false});
    const std::string again = Serialize(file);
    FEWSTEP_CHECK(Parse(std::as_bytes(std::span(again)), "again") == file, "another file");
  });
  return 0;
}
