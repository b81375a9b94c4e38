// TensorBoard event files: TFRecord frames (length, masked CRC-32C, data, masked CRC-32C) around
// protocol-buffer messages of type tensorflow.Event (event.proto, summary.proto).
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fewstep {

// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected), as in RFC 3720 section 12.1.
uint32_t Crc32c(std::string_view data);

// Writes scalars to a new event file. Not thread-safe. Every function throws Error(kRuntime) with
// the file when the disk refuses.
class TensorBoardWriter {
 public:
  // Starts the next event file of `directory`, which is made when missing; files that are there are
  // never touched, and names sort in the order of creation, as TensorBoard reads them. A resumed
  // run passes the first step that it will write again: TensorBoard then drops every value of the
  // earlier files at that step or later.
  explicit TensorBoardWriter(const std::filesystem::path& directory,
                             std::optional<int64_t> resumed_step = std::nullopt);

  // The destructor hands the rest to the system and ignores failures: call Flush to hear of them.
  ~TensorBoardWriter() = default;
  TensorBoardWriter(TensorBoardWriter&&) = default;
  TensorBoardWriter& operator=(TensorBoardWriter&&) = default;

  // One value of the curve `tag`. TensorBoard stores single precision. `wall_time` is in seconds
  // since 1970. The value is visible to a reader after Flush at the latest.
  void Scalar(std::string_view tag, int64_t step, double value, double wall_time);
  // The same with the present time.
  void Scalar(std::string_view tag, int64_t step, double value);

  void Flush();

  const std::filesystem::path& path() const { return path_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  void WriteRecord(const std::string& event);

  std::filesystem::path path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  size_t unflushed_ = 0;  // bytes since the last Flush
};

}  // namespace fewstep
