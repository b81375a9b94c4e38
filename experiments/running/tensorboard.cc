#include "experiments/running/tensorboard.h"

#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <type_traits>

#include <fmt/format.h>

#include "core/file_io.h"

namespace fewstep {
namespace {

// Field numbers of event.proto and summary.proto.
constexpr int kEventWallTime = 1, kEventStep = 2, kEventFileVersion = 3, kEventSummary = 5,
              kEventSessionLog = 7;
constexpr int kSummaryValue = 1, kValueTag = 1, kValueSimpleValue = 2;
constexpr int kSessionLogStatus = 1, kSessionLogStart = 1;

constexpr std::array<uint32_t, 256> MakeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0u);
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = MakeCrcTable();

// TFRecord masks its checksums, so that a checksum of data with embedded checksums stays useful.
uint32_t MaskedCrc(std::string_view data) { return std::rotr(Crc32c(data), 15) + 0xA282EAD8u; }

template <typename Unsigned>
void AppendLittleEndian(std::string& out, Unsigned value) {
  static_assert(std::is_unsigned_v<Unsigned>);
  for (size_t i = 0; i < sizeof(value); ++i) out += static_cast<char>((value >> (8 * i)) & 0xFF);
}

// The protocol-buffer wire format: a key (field number and wire type), then the payload.
enum WireType { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

void AppendVarint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7F) | 0x80);
  out += static_cast<char>(value);
}

void AppendKey(std::string& out, int field, WireType type) {
  AppendVarint(out, static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(type));
}

void AppendInteger(std::string& out, int field, int64_t value) {
  AppendKey(out, field, kVarint);
  AppendVarint(out, static_cast<uint64_t>(value));
}

void AppendDouble(std::string& out, int field, double value) {
  AppendKey(out, field, kFixed64);
  AppendLittleEndian(out, std::bit_cast<uint64_t>(value));
}

void AppendFloat(std::string& out, int field, float value) {
  AppendKey(out, field, kFixed32);
  AppendLittleEndian(out, std::bit_cast<uint32_t>(value));
}

void AppendBytes(std::string& out, int field, std::string_view value) {
  AppendKey(out, field, kLengthDelimited);
  AppendVarint(out, value.size());
  out += value;
}

std::string EventHeader(double wall_time, int64_t step) {
  std::string event;
  AppendDouble(event, kEventWallTime, wall_time);
  AppendInteger(event, kEventStep, step);
  return event;
}

double Now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since_epoch).count();
}

}  // namespace

uint32_t Crc32c(std::string_view data) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char c : data) crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF];
  return ~crc;
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& directory,
                                     std::optional<int64_t> resumed_step) {
  std::error_code code;
  std::filesystem::create_directories(directory, code);
  if (code) internal::ThrowIoError(directory, "make the directory", code.value(), 0);

  // the first free number; "x" refuses a file that appeared in between
  for (int number = 0; file_ == nullptr; ++number) {
    path_ = directory / fmt::format("events.out.tfevents.{:06}.fewstep", number);
    file_.reset(std::fopen(path_.c_str(), "wbx"));
    if (file_ == nullptr && errno != EEXIST) {
      internal::ThrowIoError(path_, "create the event file", errno, 0);
    }
  }

  // version 2 makes TensorBoard honour the session log that follows
  std::string version = EventHeader(Now(), 0);
  AppendBytes(version, kEventFileVersion, "brain.Event:2");
  WriteRecord(version);
  if (resumed_step.has_value()) {
    std::string session_log;
    AppendInteger(session_log, kSessionLogStatus, kSessionLogStart);
    std::string event = EventHeader(Now(), *resumed_step);
    AppendBytes(event, kEventSessionLog, session_log);
    WriteRecord(event);
  }
  Flush();
}

void TensorBoardWriter::Scalar(std::string_view tag, int64_t step, double value, double wall_time) {
  std::string summary_value;
  AppendBytes(summary_value, kValueTag, tag);
  AppendFloat(summary_value, kValueSimpleValue, static_cast<float>(value));
  std::string summary;
  AppendBytes(summary, kSummaryValue, summary_value);
  std::string event = EventHeader(wall_time, step);
  AppendBytes(event, kEventSummary, summary);
  WriteRecord(event);
}

void TensorBoardWriter::Scalar(std::string_view tag, int64_t step, double value) {
  Scalar(tag, step, value, Now());
}

void TensorBoardWriter::Flush() {
  if (std::fflush(file_.get()) != 0) {
    internal::ThrowIoError(path_, "write the event file", errno, unflushed_);
  }
  unflushed_ = 0;
}

void TensorBoardWriter::WriteRecord(const std::string& event) {
  std::string record;
  AppendLittleEndian(record, static_cast<uint64_t>(event.size()));
  AppendLittleEndian(record, MaskedCrc(record));
  record += event;
  AppendLittleEndian(record, MaskedCrc(event));
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) != record.size()) {
    internal::ThrowIoError(path_, "write the event file", errno, record.size());
  }
  unflushed_ += record.size();
}

}  // namespace fewstep
