// IDX: what is read is as large as its shape says.
#include "data/formats/idx.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fewstep;
  for (const size_t dimensions : {1, 3}) {
    Decode([&] {
      const IdxArray array = ParseIdx(Bytes(data, size), dimensions, "input");
      size_t product = 1;
      for (const int64_t length : array.shape) product *= static_cast<size_t>(length);
      FEWSTEP_CHECK(array.shape.size() == dimensions && array.values.size() == product, "{} {}",
                    array.shape, array.values.size());
    });
  }
  return 0;
}
