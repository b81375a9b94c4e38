// The files of a data set, in a folder or still packed in a zip archive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/archive.h"

namespace fewstep {

// One thread at a time.
class FileTree {
 public:
  // `path` is a folder or a zip archive. Links in a folder are not followed. Throws
  // Error(kData) when it cannot be read, when a name in an archive would lead out of it ("../x",
  // "/x"), or for more files than kMostFiles.
  explicit FileTree(std::string path);

  static constexpr size_t kMostFiles = 20'000'000;

  struct File {
    std::string path;   // within the tree, with '/'
    size_t member = 0;  // of the archive
  };
  const std::vector<File>& files() const { return files_; }  // ordered by path
  std::vector<std::byte> Read(const File& file, uint64_t max_bytes) const;
  // For messages: "images.zip:a/b.png".
  std::string NameOf(const File& file) const;

 private:
  std::string path_;
  std::unique_ptr<ZipReader> archive_;  // null: a folder
  std::vector<File> files_;
};

// The parts of a path between its '/'.
std::vector<std::string> PathParts(const std::string& path);

}  // namespace fewstep
