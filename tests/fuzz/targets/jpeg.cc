// JPEG, baseline and progressive.
#include "tests/fuzz/pictures.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fewstep::DecodePicture(fewstep::Bytes(data, size));
  return 0;
}
