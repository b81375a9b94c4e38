// Folders of pictures in an archive: every line of the input is the path of one.
#include "tests/data/packing.h"
#include "tests/fuzz/sets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fewstep;
  static const std::string picture = Png(2, 1, 1, {0, 255});
  static const Reader folder("folder", "input.zip", "size = 2");
  ZipMembers members;
  const std::string_view text = Text(data, size);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    members.push_back({std::string(text.substr(at, end - at)), picture});
    at = end + 1;
  }
  folder.Read(Zip(members));
  return 0;
}
