#include "core/append_file.h"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <span>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/error.h"

namespace fewstep {
namespace {

using internal::RetryInterrupted;

// The offset just after the last newline among the first `size` bytes. Returns 0 or an errno.
int FindEndOfLines(int fd, uint64_t size, uint64_t& end) {
  std::array<char, 4096> block;
  while (size > 0) {
    const uint64_t begin = size - std::min<uint64_t>(size, block.size());
    const ssize_t count = RetryInterrupted(
        [&] { return pread(fd, block.data(), size - begin, static_cast<off_t>(begin)); });
    if (count < 0) return errno;
    if (static_cast<uint64_t>(count) != size - begin) return EIO;
    const std::string_view text(block.data(), static_cast<size_t>(count));
    if (const size_t newline = text.rfind('\n'); newline != std::string_view::npos) {
      end = begin + newline + 1;
      return 0;
    }
    size = begin;
  }
  end = 0;
  return 0;
}

}  // namespace

AppendFile::AppendFile(std::string path) : path_(std::move(path)) {
  file_ = internal::OpenFile(AT_FDCWD, path_, O_RDWR | O_CREAT | O_APPEND);
  struct stat status;
  if (!file_.valid() || fstat(file_.get(), &status) != 0) {
    internal::ThrowIoError(path_, "open the log", errno, 0);
  }
  if (int error = internal::SyncDirectoryOf(path_)) {
    internal::ThrowIoError(path_, "sync its directory to the disk", error, 0);
  }

  // cut off a line that a killed process did not finish
  const uint64_t present = static_cast<uint64_t>(status.st_size);
  if (int error = FindEndOfLines(file_.get(), present, size_)) {
    internal::ThrowIoError(path_, "read the log", error, present);
  }
  if (size_ != present) Resize(size_);
}

void AppendFile::WriteLine(std::string_view line) {
  FEWSTEP_CHECK(line.find('\n') == std::string_view::npos, "a line of '{}' has a newline", path_);
  if (torn_) Resize(size_);
  const std::string text = fmt::format("{}\n", line);
  if (int error = internal::WriteFully(file_.get(), std::as_bytes(std::span(text)))) {
    // keep whole lines only; if this fails too, the next line or the next opening does it
    torn_ = ftruncate(file_.get(), static_cast<off_t>(size_)) != 0;
    internal::ThrowIoError(path_, "append a line", error, text.size());
  }
  size_ += text.size();
}

void AppendFile::Sync() {
  if (int error = internal::SyncDescriptor(file_.get())) {
    internal::ThrowIoError(path_, "sync the log to the disk", error, size_);
  }
}

void AppendFile::TruncateTo(uint64_t offset) {
  uint64_t line_end = 0;
  if (offset <= size_) {
    if (int error = FindEndOfLines(file_.get(), offset, line_end)) {
      internal::ThrowIoError(path_, "read the log", error, offset);
    }
  }
  if (offset > size_ || line_end != offset) {
    throw Error(ErrorKind::kData,
                fmt::format("the log has {} bytes and no line that begins at byte {}, where the "
                            "checkpoint continues it",
                            size_, offset),
                {.file = path_,
                 .remedy = "It was changed after the checkpoint was saved; restore it or start a "
                           "new run"});
  }
  Resize(offset);
}

void AppendFile::Resize(uint64_t size) {
  if (RetryInterrupted([&] { return ftruncate(file_.get(), static_cast<off_t>(size)); }) != 0) {
    internal::ThrowIoError(path_, "cut the log to its last whole line", errno, size);
  }
  size_ = size;
  torn_ = false;
}

}  // namespace fewstep
