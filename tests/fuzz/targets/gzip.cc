// gzip: never more than is allowed.
#include "data/formats/archive.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fewstep;
  constexpr uint64_t kMost = uint64_t{1} << 20;
  Decode([&] {
    const size_t unpacked = Gunzip(Bytes(data, size), kMost, "input").size();
    FEWSTEP_CHECK(IsGzip(Bytes(data, size)) && unpacked <= kMost, "{} bytes", unpacked);
  });
  return 0;
}
