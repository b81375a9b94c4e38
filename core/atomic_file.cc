#include "core/atomic_file.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <mutex>
#include <signal.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "core/error.h"
#include "core/file_io.h"

namespace fewstep {
namespace {

using internal::FileDescriptor;
using internal::OpenFile;
using internal::RetryInterrupted;

constexpr std::string_view kMark = ".tmp.";

// Writers of one process take turns, so that a temporary with our own process id that we find is
// one of a dead process with the same id, as happens in containers.
std::mutex& WriteMutex() {
  static std::mutex mutex;
  return mutex;
}

std::string TemporaryName(const std::string& name) {
  return fmt::format(".{}{}{}", name, kMark, getpid());
}

// True when `file` is a temporary, of a name with this prefix, whose process is gone.
bool IsStaleTemporary(std::string_view file, std::string_view name_prefix) {
  const size_t mark = file.rfind(kMark);
  if (mark == std::string_view::npos || mark == 0 || !file.starts_with('.')) return false;
  if (!file.substr(1, mark - 1).starts_with(name_prefix)) return false;
  const std::string_view digits = file.substr(mark + kMark.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (error != std::errc() || end != digits.data() + digits.size() || pid <= 0) return false;
  return pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH);
}

void RemoveStaleTemporariesLocked(const std::string& directory, std::string_view name_prefix) {
  std::error_code ignored;
  std::vector<std::filesystem::path> stale;
  for (std::filesystem::directory_iterator it(directory, ignored), end; !ignored && it != end;
       it.increment(ignored)) {
    if (IsStaleTemporary(it->path().filename().native(), name_prefix)) stale.push_back(it->path());
  }
  for (const auto& path : stale) std::filesystem::remove(path, ignored);
}

using Parts = std::span<const std::span<const std::byte>>;

size_t SizeOf(Parts parts) {
  size_t size = 0;
  for (const std::span<const std::byte> part : parts) size += part.size();
  return size;
}

// Compares the file behind `fd` with `parts`, a block at a time. Returns 0, an errno, or EIO when
// the contents differ.
int CompareContent(int fd, Parts parts) {
  std::vector<std::byte> block(std::min<size_t>(SizeOf(parts) + 1, size_t{1} << 20));
  off_t at = 0;
  const auto read_at_most = [&](size_t size) {
    return RetryInterrupted([&] { return pread(fd, block.data(), size, at); });
  };
  for (std::span<const std::byte> part : parts) {
    while (!part.empty()) {
      const ssize_t count = read_at_most(std::min(block.size(), part.size()));
      if (count < 0) return errno;
      if (count == 0) return EIO;
      const auto size = static_cast<size_t>(count);
      if (std::memcmp(block.data(), part.data(), size) != 0) return EIO;
      part = part.subspan(size);
      at += count;
    }
  }
  // the file must end here
  const ssize_t count = read_at_most(1);
  return count < 0 ? errno : count == 0 ? 0 : EIO;
}

// Where a write went wrong; error 0 means that it did not.
struct Outcome {
  int error = 0;
  std::string_view action = "write the file";
};

// Steps 1 and 2 of the contract: the temporary on the device, verified, closed.
Outcome WriteTemporary(int directory, const std::string& name, Parts parts) {
  FileDescriptor file = OpenFile(directory, name, O_RDWR | O_CREAT | O_EXCL);
  if (!file.valid()) return {errno, "create a temporary file"};
  for (const std::span<const std::byte> part : parts) {
    if (int error = internal::WriteFully(file.get(), part)) return {error};
  }
  if (int error = internal::SyncDescriptor(file.get())) return {error, "sync the file to the disk"};
  // ask the kernel to forget its copy, so that the comparison sees what the device holds
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (int error = CompareContent(file.get(), parts)) return {error, "read back what was written"};
  return {file.Close(), "close the file"};
}

}  // namespace

void WriteFileAtomically(const std::string& path, Parts parts) {
  const size_t size = SizeOf(parts);
  const std::string directory_name = internal::DirectoryOf(path);
  const std::string name = std::filesystem::path(path).filename().string();
  FEWSTEP_CHECK(!name.empty(), "path '{}' names no file", path);
  const std::lock_guard<std::mutex> lock(WriteMutex());
  RemoveStaleTemporariesLocked(directory_name, name);

  // every step is relative to one open directory, which is also the one that is synced
  const FileDescriptor directory = OpenFile(AT_FDCWD, directory_name, O_RDONLY | O_DIRECTORY);
  if (!directory.valid()) internal::ThrowIoError(path, "open its directory", errno, size);
  const std::string temporary = TemporaryName(name);
  Outcome outcome = WriteTemporary(directory.get(), temporary, parts);
  if (outcome.error == 0 && RetryInterrupted([&] {
                              return renameat(directory.get(), temporary.c_str(), directory.get(),
                                              name.c_str());
                            }) != 0) {
    outcome = {errno, "put the new file in place"};
  }

  // remove the temporary before the error is worded: it states how much space is free
  if (outcome.error != 0) {
    unlinkat(directory.get(), temporary.c_str(), 0);
    internal::ThrowIoError(path, outcome.action, outcome.error, size);
  }
  if (int error = internal::SyncDirectory(directory.get())) {
    internal::ThrowIoError(path, "sync its directory to the disk", error, size);
  }
}

void WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes) {
  WriteFileAtomically(path, Parts(&bytes, 1));
}

void WriteFileAtomically(const std::string& path, std::string_view text) {
  WriteFileAtomically(path, std::as_bytes(std::span(text)));
}

void RemoveStaleTemporaries(const std::string& directory, std::string_view name_prefix) {
  const std::lock_guard<std::mutex> lock(WriteMutex());
  RemoveStaleTemporariesLocked(directory, name_prefix);
}

std::string ReadFile(const std::string& path, uint64_t max_bytes) {
  // O_NONBLOCK: opening a pipe must not wait for its other end before we can refuse it
  const FileDescriptor file = OpenFile(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  struct stat status;
  if (!file.valid() || fstat(file.get(), &status) != 0) {
    throw Error(ErrorKind::kData,
                fmt::format("cannot open the file: {}", std::system_category().message(errno)),
                {.file = path, .remedy = "Check the path and the permissions"});
  }
  if (!S_ISREG(status.st_mode)) {
    throw Error(ErrorKind::kData, "not a regular file", {.file = path});
  }
  if (static_cast<uint64_t>(status.st_size) > max_bytes) {
    throw Error(ErrorKind::kData,
                fmt::format("the file has {} bytes, more than the {} allowed here", status.st_size,
                            max_bytes),
                {.file = path});
  }

  // read what the file has now; one that shrinks meanwhile gives what is left
  std::string content(static_cast<size_t>(status.st_size), '\0');
  size_t offset = 0;
  while (offset < content.size()) {
    const ssize_t count = RetryInterrupted(
        [&] { return read(file.get(), content.data() + offset, content.size() - offset); });
    if (count < 0) internal::ThrowIoError(path, "read the file", errno, content.size());
    if (count == 0) break;
    offset += static_cast<size_t>(count);
  }
  content.resize(offset);
  return content;
}

}  // namespace fewstep
