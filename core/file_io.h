// The system calls behind atomic_file and append_file: interruptions and short writes handled,
// failures worded once. Linux and other POSIX systems.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fewstep::internal {

// Owns a file descriptor; closes it in the destructor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Closes now. Returns 0 or the errno; the descriptor is gone either way.
  int Close();

 private:
  int fd_ = -1;
};

// Repeats a system call that a signal interrupted, but not for ever: a file system that answers
// EINTR a hundred times in a row is reported.
template <typename Call>
auto RetryInterrupted(Call call) {
  auto result = call();
  for (int retry = 0; result < 0 && errno == EINTR && retry < 100; ++retry) result = call();
  return result;
}

// Opens a file relative to `directory` (AT_FDCWD for none), close-on-exec. Invalid on failure, with
// errno set.
FileDescriptor OpenFile(int directory, const std::string& name, int flags);

// Writes all of `bytes` at the descriptor's position. Returns 0 or the errno.
int WriteFully(int fd, std::span<const std::byte> bytes);

// fsync. Returns 0 or the errno.
int SyncDescriptor(int fd);

// fsync of a directory: makes names created, renamed or removed in it durable. Returns 0 or the
// errno; a file system that cannot sync directories (EINVAL) counts as done.
int SyncDirectory(int fd);

// The same for the directory that holds `path`.
int SyncDirectoryOf(const std::string& path);

// "dir" for "dir/name", "." for "name".
std::string DirectoryOf(const std::string& path);

// Throws Error(kRuntime): `path`: cannot `action` (`bytes` bytes): errno text. Remedy. With a full
// disk the remedy states how many bytes are free at this moment.
[[noreturn]] void ThrowIoError(const std::string& path, std::string_view action, int error,
                               uint64_t bytes);

}  // namespace fewstep::internal
