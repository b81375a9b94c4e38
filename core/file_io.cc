#include "core/file_io.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/error.h"

namespace fewstep::internal {
namespace {

std::string FreeBytes(const std::string& directory) {
  struct statvfs state;
  if (statvfs(directory.c_str(), &state) != 0) return "an unknown number of";
  return std::to_string(static_cast<uint64_t>(state.f_bavail) * state.f_frsize);
}

// One sentence on what the user can do about `error`.
std::string Remedy(const std::string& path, int error, uint64_t bytes) {
  const std::string directory = DirectoryOf(path);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return fmt::format("Free space or choose another directory: {} bytes are needed, {} are free",
                         bytes, FreeBytes(directory));
    case EACCES:
    case EPERM:
    case EROFS:
      return fmt::format("Make '{}' writable for this user or choose another directory", directory);
    case ENOENT:
    case ENOTDIR:
      return fmt::format("Create the directory '{}' first", directory);
    case EFBIG:
      return fmt::format("Raise the file size limit (ulimit -f): {} bytes are needed", bytes);
    case EMFILE:
    case ENFILE:
      return "Raise the limit of open files (ulimit -n)";
    default:
      return fmt::format("Check the device that holds '{}' or choose another directory", directory);
  }
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

int FileDescriptor::Close() {
  if (fd_ < 0) return 0;
  // never repeated: after EINTR Linux has released the descriptor, and it may be someone else's
  const int result = close(std::exchange(fd_, -1));
  return result == 0 || errno == EINTR ? 0 : errno;
}

FileDescriptor OpenFile(int directory, const std::string& name, int flags) {
  return FileDescriptor(
      RetryInterrupted([&] { return openat(directory, name.c_str(), flags | O_CLOEXEC, 0666); }));
}

int WriteFully(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = RetryInterrupted([&] { return write(fd, bytes.data(), bytes.size()); });
    if (written < 0) return errno;
    if (written == 0) return EIO;  // no progress and no reason: do not loop for ever
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return 0;
}

int SyncDescriptor(int fd) {
  return RetryInterrupted([&] { return fsync(fd); }) == 0 ? 0 : errno;
}

int SyncDirectory(int fd) {
  const int error = SyncDescriptor(fd);
  return error == EINVAL ? 0 : error;
}

int SyncDirectoryOf(const std::string& path) {
  const FileDescriptor directory = OpenFile(AT_FDCWD, DirectoryOf(path), O_RDONLY | O_DIRECTORY);
  return directory.valid() ? SyncDirectory(directory.get()) : errno;
}

std::string DirectoryOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

void ThrowIoError(const std::string& path, std::string_view action, int error, uint64_t bytes) {
  throw Error(
      ErrorKind::kRuntime,
      fmt::format("cannot {} ({} bytes): {}", action, bytes, std::system_category().message(error)),
      {.file = path, .remedy = Remedy(path, error, bytes)});
}

}  // namespace fewstep::internal
