// PNG. Chunks have checksums, which hardly any change would survive: they are put right.
#include <algorithm>

#include "tests/data/packing.h"
#include "tests/fuzz/pictures.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned) {
  size = LLVMFuzzerMutate(data, size, max_size);
  const std::string png = fewstep::WithChecksums(std::string(fewstep::Text(data, size)));
  std::ranges::copy(png, data);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fewstep::DecodePicture(fewstep::Bytes(data, size));
  return 0;
}
