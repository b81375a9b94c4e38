// What comes packed: zip archives, read in place, and gzip. Sizes that a file claims are checked
// before memory is taken, and what unpacks to more than allowed is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fewstep {

// One thread at a time. Nothing is ever written to the disk, so names cannot lead anywhere.
class ZipReader {
 public:
  // Throws Error(kData) when it is missing or damaged.
  explicit ZipReader(std::string path);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  const std::vector<std::string>& names() const { return names_; }  // of its members, in order

  // The content of a member of at most `max_bytes`. Throws Error(kData) when it is damaged, larger
  // or encrypted.
  std::vector<std::byte> Read(size_t member, uint64_t max_bytes) const;

 private:
  struct Handle;
  std::string path_;
  std::unique_ptr<Handle> handle_;
  std::vector<std::string> names_;
};

bool IsGzip(std::span<const std::byte> bytes);

// What was packed by gzip, all of its members. Throws Error(kData) with `name` when it is damaged,
// ends early or unpacks to more than `max_bytes`.
std::vector<std::byte> Gunzip(std::span<const std::byte> bytes, uint64_t max_bytes,
                              const std::string& name);

// A file of at most `max_bytes`, unpacked if it is gzip. Throws Error(kData).
std::vector<std::byte> ReadMaybeGzip(const std::string& path, uint64_t max_bytes);

}  // namespace fewstep
