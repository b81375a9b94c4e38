#include "data/formats/archive.h"

#include <algorithm>
#include <zip.h>
#include <zlib.h>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"

namespace fewstep {

struct ZipReader::Handle {
  zip_t* archive;
  ~Handle() { zip_discard(archive); }
};

ZipReader::ZipReader(std::string path) : path_(std::move(path)) {
  int code = 0;
  zip_t* archive = zip_open(path_.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (archive == nullptr) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string why = zip_error_strerror(&error);
    zip_error_fini(&error);
    throw Error(ErrorKind::kData, fmt::format("not a readable zip archive: {}", why),
                {.file = path_});
  }
  handle_.reset(new Handle{archive});
  const zip_int64_t members = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < members; ++i) {
    const char* name = zip_get_name(archive, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_GUESS);
    names_.emplace_back(name != nullptr ? name : "");
  }
}

ZipReader::~ZipReader() = default;

std::vector<std::byte> ZipReader::Read(size_t member, uint64_t max_bytes) const {
  zip_t* archive = handle_->archive;
  const auto fail = [&](std::string_view why) {
    throw Error(ErrorKind::kData, fmt::format("cannot be read: {}", why),
                {.file = fmt::format("{}:{}", path_, names_[member])});
  };
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_stat_index(archive, member, 0, &stat) != 0) fail(zip_strerror(archive));
  if (stat.size > max_bytes)
    fail(fmt::format("{} bytes; at most {} are read", stat.size, max_bytes));
  const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen_index(archive, member, 0),
                                                               zip_fclose);
  if (!file) fail(zip_strerror(archive));
  std::vector<std::byte> bytes(stat.size);
  size_t at = 0;
  while (at < bytes.size()) {
    const zip_int64_t read = zip_fread(file.get(), bytes.data() + at, bytes.size() - at);
    if (read < 0) fail(zip_file_strerror(file.get()));
    if (read == 0) fail("it ends early");
    at += static_cast<size_t>(read);
  }
  // reading past the end has the checksum compared
  std::byte more;
  if (zip_fread(file.get(), &more, 1) != 0) fail("its checksum or its size is wrong");
  return bytes;
}

bool IsGzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::vector<std::byte> Gunzip(std::span<const std::byte> bytes, uint64_t max_bytes,
                              const std::string& name) {
  const auto fail = [&](std::string_view why) {
    throw Error(ErrorKind::kData, fmt::format("cannot be unpacked: {}", why), {.file = name});
  };
  z_stream stream = {};
  constexpr int kGzip = 16;
  if (inflateInit2(&stream, MAX_WBITS + kGzip) != Z_OK) {
    throw Error(ErrorKind::kRuntime, "no memory to unpack", {.file = name});
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> release(&stream, inflateEnd);

  std::vector<std::byte> out;
  std::vector<std::byte> part(size_t{1} << 16);
  size_t at = 0;  // what was handed over
  bool complete = false;
  while (true) {
    if (stream.avail_in == 0) {
      const size_t next = std::min<size_t>(bytes.size() - at, size_t{1} << 20);
      if (next == 0) break;
      // zlib reads without changing
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data() + at));
      stream.avail_in = static_cast<uInt>(next);
      at += next;
    }
    // a further member
    if (complete && inflateReset(&stream) != Z_OK) fail("it is damaged");
    complete = false;
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END) {
      fail(stream.msg != nullptr ? stream.msg : "it is damaged");
    }
    const size_t got = part.size() - stream.avail_out;
    if (out.size() + got > max_bytes) fail(fmt::format("more than {} bytes", max_bytes));
    out.insert(out.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(got));
    complete = result == Z_STREAM_END;
  }
  if (!complete) fail("it ends early");
  return out;
}

std::vector<std::byte> ReadMaybeGzip(const std::string& path, uint64_t max_bytes) {
  const std::string text = ReadFile(path, max_bytes);
  const auto bytes = std::as_bytes(std::span(text));
  if (IsGzip(bytes)) return Gunzip(bytes, max_bytes, path);
  return {bytes.begin(), bytes.end()};
}

}  // namespace fewstep
