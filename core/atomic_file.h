// Files that are written whole: whoever looks, at any moment and after any crash, finds the old
// content or the new one, never a third thing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace fewstep {

// Replaces `path` by `bytes`, or creates it. The order of events:
//   1. a temporary ".<name>.tmp.<pid>" is created in the same directory (O_EXCL), written, synced;
//   2. it is read back from the device and compared;
//   3. it is renamed to `path`, and the directory is synced.
// On a failure of 1 or 2, or of the rename, the temporary is removed, `path` is as before, and
// Error(kRuntime) names path, reason, bytes needed and a remedy. When only the last sync fails,
// Error is thrown as well: `path` then holds the new content, complete and verified, but a power
// cut may bring the old one back.
// Under a file size limit (ulimit -f) the same holds if the program ignores SIGXFSZ.
// A symbolic link at `path` is replaced, not followed. The directory must exist. Any thread; calls
// of one process take turns. Two processes must not write the same path.
void WriteFileAtomically(const std::string& path, std::span<const std::byte> bytes);
// The same with the content in parts, one behind the other.
void WriteFileAtomically(const std::string& path,
                         std::span<const std::span<const std::byte>> parts);
void WriteFileAtomically(const std::string& path, std::string_view text);

// Removes temporaries in `directory` that a killed process left of files whose name begins with
// `name_prefix`. Temporaries of processes that live stay. WriteFileAtomically does this for the
// name that it writes. What cannot be removed is left, without an error. Any thread.
void RemoveStaleTemporaries(const std::string& directory, std::string_view name_prefix);

// The whole of a regular file. Throws Error(kData) when it is missing, unreadable, not a regular
// file or larger than `max_bytes`; Error(kRuntime) when the device fails while reading.
std::string ReadFile(const std::string& path, uint64_t max_bytes = uint64_t{1} << 40);

}  // namespace fewstep
