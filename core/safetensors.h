// Tensors with names in one file: the safetensors format, which Python reads with the package of
// that name, plus a checksum of the header and of every tensor in the metadata. Loading runs no
// code, and every length is checked before it is believed. Specification:
// docs/format_checkpoint.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error.h"

namespace fewstep {

// Element types of the format. kBool is one byte, 0 or 1; kF16 and kBF16 have no C++ type here.
enum class DType : uint8_t {
  kBool,
  kU8,
  kI8,
  kU16,
  kI16,
  kF16,
  kBF16,
  kU32,
  kI32,
  kF32,
  kU64,
  kI64,
  kF64,
};
std::string_view NameOf(DType dtype);  // as in the file: "F32"
size_t SizeOf(DType dtype);            // bytes of an element: 1, 2, 4 or 8

// The DType of a C++ type. Not defined for bool: use uint8_t.
template <typename T>
constexpr DType DTypeOf() {
  if constexpr (std::is_same_v<T, float>) {
    return DType::kF32;
  } else if constexpr (std::is_same_v<T, double>) {
    return DType::kF64;
  } else {
    static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>, "no DType for this type");
    constexpr bool kSigned = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1) return kSigned ? DType::kI8 : DType::kU8;
    if constexpr (sizeof(T) == 2) return kSigned ? DType::kI16 : DType::kU16;
    if constexpr (sizeof(T) == 4) return kSigned ? DType::kI32 : DType::kU32;
    if constexpr (sizeof(T) == 8) return kSigned ? DType::kI64 : DType::kU64;
  }
}

using Shape = std::vector<int64_t>;  // {} is a scalar

// The read-only bytes of a tensor, owned or borrowed. Copies share them.
class TensorBytes {
 public:
  TensorBytes() = default;
  // Takes the bytes over. NOLINTNEXTLINE(google-explicit-constructor)
  TensorBytes(std::vector<std::byte> bytes);
  // `owner` keeps `bytes` alive, and whoever holds it leaves them as they are.
  TensorBytes(std::span<const std::byte> bytes, std::shared_ptr<const void> owner)
      : view_(bytes), owner_(std::move(owner)) {}

  const std::byte* data() const { return view_.data(); }
  size_t size() const { return view_.size(); }
  std::span<const std::byte> view() const { return view_; }
  bool operator==(const TensorBytes& other) const;  // of what they hold

 private:
  std::span<const std::byte> view_;
  std::shared_ptr<const void> owner_;
};

// A named tensor: row-major, little-endian.
struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape{};
  TensorBytes bytes{};

  bool operator==(const TensorEntry&) const = default;
};

// The content of a file in memory: tensors in the order in which they were added, and metadata
// (text by key). A value type; not thread-safe for writing.
//
// The functions that add copy their input, but for AddEntry. A name is added once and is neither
// "header" nor "__metadata__", shapes are not negative, and metadata keys do not begin with
// "checksum:" (FEWSTEP_CHECK). The functions that read throw Error(kData), naming file and tensor,
// when the tensor is absent or has another type or shape. Spans and pointers that they return live
// until a tensor is added or the TensorFile dies.
class TensorFile {
 public:
  // `data` holds the product of `shape` elements of `dtype`.
  void Add(std::string name, DType dtype, Shape shape, const void* data);
  template <typename T>
  void Add(std::string name, Shape shape, std::span<const T> values);
  template <typename T>
  void AddScalar(std::string name, T value);              // shape {}
  void AddText(std::string name, std::string_view text);  // U8 [bytes]: any length, any bytes
  void AddEntry(TensorEntry entry);                       // as it is: its bytes may be borrowed

  const TensorEntry* Find(std::string_view name) const;  // nullptr when absent
  const TensorEntry& At(std::string_view name) const;
  template <typename T>
  std::span<const T> Values(std::string_view name) const;
  template <typename T>
  std::span<const T> Values(std::string_view name, const Shape& expected_shape) const;
  template <typename T>
  T Scalar(std::string_view name) const;
  std::string_view Text(std::string_view name) const;

  const std::vector<TensorEntry>& tensors() const { return tensors_; }

  void SetMetadata(std::string key, std::string value);  // UTF-8; replaces
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }
  const std::string& Metadata(std::string_view key) const;  // Error(kData) when absent

  // What was left out when it was read (ReadOptions::spare): an error's text for each tensor.
  const std::vector<std::string>& damaged() const { return damaged_; }
  void AddDamaged(std::string text) { damaged_.push_back(std::move(text)); }

  // Where it was read from, for error messages; "" when it was not.
  const std::string& path() const { return path_; }
  void set_path(std::string path) { path_ = std::move(path); }

  // The same tensors in the same order, bit for bit, and the same metadata.
  bool operator==(const TensorFile& other) const {
    return tensors_ == other.tensors_ && metadata_ == other.metadata_;
  }

 private:
  const TensorEntry& AtTyped(std::string_view name, DType dtype, const Shape* shape) const;

  std::vector<TensorEntry> tensors_;
  std::map<std::string, size_t, std::less<>> index_;  // name -> position in tensors_
  std::map<std::string, std::string, std::less<>> metadata_;
  std::vector<std::string> damaged_;
  std::string path_;
};

// The longest header that is written or read, in bytes.
inline constexpr uint64_t kMaxHeaderBytes = uint64_t{16} << 20;

// The bytes of the file, checksums included. Equal files give equal bytes. Throws Error(kData) when
// the header would exceed kMaxHeaderBytes or a name or a metadata text is not UTF-8.
std::string Serialize(const TensorFile& file);

// The same in parts, of which only the first is new: the others are the tensors' own bytes.
struct SerializedParts {
  std::string header;
  std::vector<std::span<const std::byte>> parts;  // the header, then tensors; while both live
};
SerializedParts SerializeInParts(const TensorFile& file);

// WriteFileAtomically of them: holds no second copy of the tensors in memory.
void SaveTensorFile(const TensorFile& file, const std::string& path);

struct ReadOptions {
  // True: a file without our checksums is refused. False: it is read on trust, as one written by
  // the Python package has to be. A file that has them is verified in both cases.
  bool require_checksums = true;
  // Tensors whose names begin so are left out where their checksums do not match; "": of none.
  std::string spare = {};
};

// The inverse of Serialize. Every rule of the format is enforced; what breaks one throws
// Error(kData) naming `path`, the tensor and the rule. Allocates in proportion to bytes.size(),
// whatever the header declares. The result's path() is `path`.
TensorFile Parse(std::span<const std::byte> bytes, const std::string& path,
                 const ReadOptions& options = {});

// ReadFile and Parse, without a second copy of the tensors: as long as one of them lives, all of
// the file is in memory.
TensorFile LoadTensorFile(const std::string& path, const ReadOptions& options = {});

// ---- implementation ----

template <typename T>
void TensorFile::Add(std::string name, Shape shape, std::span<const T> values) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  FEWSTEP_CHECK(count == static_cast<int64_t>(values.size()), "tensor '{}': {} values for shape {}",
                name, values.size(), shape);
  Add(std::move(name), DTypeOf<T>(), std::move(shape), values.data());
}

template <typename T>
void TensorFile::AddScalar(std::string name, T value) {
  Add(std::move(name), DTypeOf<T>(), {}, &value);
}

template <typename T>
std::span<const T> TensorFile::Values(std::string_view name) const {
  const TensorEntry& entry = AtTyped(name, DTypeOf<T>(), nullptr);
  return {reinterpret_cast<const T*>(entry.bytes.data()), entry.bytes.size() / sizeof(T)};
}

template <typename T>
std::span<const T> TensorFile::Values(std::string_view name, const Shape& expected_shape) const {
  const TensorEntry& entry = AtTyped(name, DTypeOf<T>(), &expected_shape);
  return {reinterpret_cast<const T*>(entry.bytes.data()), entry.bytes.size() / sizeof(T)};
}

template <typename T>
T TensorFile::Scalar(std::string_view name) const {
  return Values<T>(name, Shape{})[0];
}

}  // namespace fewstep
