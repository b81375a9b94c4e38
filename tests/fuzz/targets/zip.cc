// Zip archives: every member that has a name can be read or is refused, and names stay inside.
#include "data/formats/file_tree.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fewstep;
  constexpr uint64_t kMost = uint64_t{1} << 20;
  const std::string path = FileOf(Text(data, size), "input.zip");
  Decode([&] {
    const FileTree tree(path);
    for (const FileTree::File& file : tree.files()) {
      FEWSTEP_CHECK(!PathParts(file.path).empty() && !file.path.starts_with('/'), "'{}'",
                    file.path);
      Decode([&] {
        const size_t bytes = tree.Read(file, kMost).size();
        FEWSTEP_CHECK(bytes <= kMost, "{} bytes", bytes);
      });
    }
  });
  return 0;
}
