// A log that grows by whole lines: metrics.jsonl, timing.jsonl, *.csv. A checkpoint stores size(),
// and a resumed run cuts the log back to it, so that no line is written twice.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/file_io.h"

namespace fewstep {

// Not thread-safe. One object a file. Failures throw Error(kRuntime) with path, reason and remedy.
class AppendFile {
 public:
  // Opens `path` for appending, or creates it. A last line without its newline, left by a process
  // that was killed, is cut off. The directory must exist.
  explicit AppendFile(std::string path);

  // Appends `line` and a newline; `line` itself contains none. It is with the operating system when
  // this returns (it survives the death of the process), and on the disk after Sync(). When the
  // write fails, the part of the line already written is cut off again.
  void WriteLine(std::string_view line);

  // Waits until every line is on the disk. Call it before saving a checkpoint with size().
  void Sync();

  // Cuts the log back to `offset` bytes: an earlier size(). Throws Error(kData) when the file is
  // shorter than that, or `offset` is not the beginning of a line: then it is not the same log.
  void TruncateTo(uint64_t offset);

  uint64_t size() const { return size_; }  // bytes, whole lines
  const std::string& path() const { return path_; }

 private:
  void Resize(uint64_t size);

  std::string path_;
  internal::FileDescriptor file_;
  uint64_t size_ = 0;  // bytes in whole lines
  bool torn_ = false;  // part of a line may follow them
};

}  // namespace fewstep
