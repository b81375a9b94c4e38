// Tables of vectors: CSV, with splits, targets and without, and safetensors.
#include "tests/fuzz/sets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fewstep;
  constexpr size_t kHeaderAt = 8;
  const bool tensors = size > kHeaderAt && data[kHeaderAt] == '{';
  static const Reader csv("table", "input.csv", ""), safetensors("table", "input.safetensors", ""),
      with_splits("table", "input.csv", "split_column = \"split\"\nstandardize = false"),
      with_targets("table", "input.csv", "targets = \"x\""),
      tensors_with_targets("table", "input.safetensors", "targets = \"y\"");
  if (tensors) {
    safetensors.Read(Text(data, size));
    tensors_with_targets.Read(Text(data, size));
  } else {
    csv.Read(Text(data, size));
    with_splits.Read(Text(data, size));
    with_targets.Read(Text(data, size));
  }
  return 0;
}
