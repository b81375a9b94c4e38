#include "core/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <optional>
#include <utility>

// gcc 12 warns falsely about its own AVX-512 intrinsics; every variant gives the same digits.
#ifdef __AVX512F__
#define XXH_VECTOR XXH_AVX2
#endif
#define XXH_INLINE_ALL
#include <nlohmann/json.hpp>
#include <xxhash.h>

#include "core/atomic_file.h"
#include "core/safetensors_header.h"

namespace fewstep {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::string_view kChecksumKey = "checksum:";
constexpr std::string_view kReservedName = "header";  // "checksum:header" is the header's own
constexpr uint64_t kLengthBytes = 8;                  // the header's length, in front of it

// A header with checksums begins with these bytes; the 32 digits of its own checksum follow.
constexpr std::string_view kHeaderPrefix = R"({"__metadata__":{"checksum:header":")";
constexpr size_t kDigits = 32;
constexpr size_t kDigitsAt = kLengthBytes + kHeaderPrefix.size();

// XXH3 of 128 bits, as 32 lower-case hexadecimal digits, most significant first.
std::string Digest(const void* data, size_t size) {
  const XXH128_hash_t hash = XXH3_128bits(data, size);
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

// The checksum of length and header with the 32 digits of the checksum itself read as '0'.
std::string HeaderDigest(std::string length_and_header) {
  std::fill_n(length_and_header.begin() + kDigitsAt, kDigits, '0');
  return Digest(length_and_header.data(), length_and_header.size());
}

// The bytes that a tensor of this shape takes; nothing when they exceed 2^64 or an extent is
// negative.
std::optional<uint64_t> ByteSize(DType dtype, const Shape& shape) {
  uint64_t size = SizeOf(dtype);
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(extent), &size))
      return std::nullopt;
  }
  return size;
}

std::string Quote(const std::string& text) { return nlohmann::json(text).dump(); }

[[noreturn]] void Fail(const std::string& path, const std::string& tensor,
                       const std::string& message) {
  throw Error(ErrorKind::kData, message, {.file = path, .key = tensor});
}

// The header text behind the length: form and limits, and the checksum when there is one.
std::string_view TakeHeader(std::string_view file, const std::string& path, ReadOptions options) {
  // the length is believed only after it was compared with the limit and with the file
  if (file.size() < kLengthBytes) {
    Fail(path, "",
         fmt::format("the file has {} bytes; the header's length alone has 8", file.size()));
  }
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    Fail(path, "",
         fmt::format("the header's length {} exceeds the limit of {} bytes", length,
                     kMaxHeaderBytes));
  }
  if (length > file.size() - kLengthBytes) {
    Fail(path, "",
         fmt::format("the header's length {} exceeds the {} bytes that follow it", length,
                     file.size() - kLengthBytes));
  }
  const std::string_view text = file.substr(kLengthBytes, length);
  if (!text.starts_with('{')) Fail(path, "", "the header does not begin with '{'");

  // the checksum comes before the parser: a damaged header is not interpreted
  if (text.starts_with(kHeaderPrefix) && text.size() >= kHeaderPrefix.size() + kDigits) {
    if (HeaderDigest(std::string(file.substr(0, kLengthBytes + length))) !=
        file.substr(kDigitsAt, kDigits)) {
      Fail(path, "", "the header is damaged: its checksum does not match");
    }
  } else if (options.require_checksums) {
    throw Error(ErrorKind::kData, "the header is damaged or has no checksum of its own",
                {.file = path, .remedy = "A file of another program has none; import it on trust"});
  }
  return text;
}

// Tensors tile the data: sorted by offset, each begins where the one before it ends.
void CheckOffsets(const std::vector<internal::TensorInfo>& tensors, uint64_t data_size,
                  const std::string& path) {
  std::vector<const internal::TensorInfo*> sorted;
  for (const auto& tensor : tensors) sorted.push_back(&tensor);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return a->offsets < b->offsets; });
  uint64_t end = 0;
  for (const internal::TensorInfo* tensor : sorted) {
    const auto [begin, tensor_end] = tensor->offsets;
    if (begin > tensor_end) {
      Fail(path, tensor->name, fmt::format("data_offsets: {} is after {}", begin, tensor_end));
    }
    if (begin != end) {
      Fail(path, tensor->name,
           fmt::format("data_offsets: begins at {}, where the tensor before it ends at {}: {}",
                       begin, end, begin < end ? "an overlap" : "a hole"));
    }
    const std::optional<uint64_t> size = ByteSize(tensor->dtype, tensor->shape);
    if (!size) {
      Fail(path, tensor->name,
           fmt::format("shape {} of {} exceeds 2^64 bytes", tensor->shape, NameOf(tensor->dtype)));
    }
    if (*size != tensor_end - begin) {
      Fail(path, tensor->name,
           fmt::format("shape {} of {} takes {} bytes, data_offsets span {}", tensor->shape,
                       NameOf(tensor->dtype), *size, tensor_end - begin));
    }
    if (tensor_end > data_size) {
      Fail(path, tensor->name,
           fmt::format("the file ends {} bytes before this tensor does: it is truncated",
                       tensor_end - data_size));
    }
    end = tensor_end;
  }
  if (end != data_size) {
    Fail(path, "", fmt::format("{} bytes after the last tensor", data_size - end));
  }
}

}  // namespace

TensorBytes::TensorBytes(std::vector<std::byte> bytes) {
  const auto own = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  view_ = *own;
  owner_ = own;
}

bool TensorBytes::operator==(const TensorBytes& other) const {
  return std::ranges::equal(view_, other.view_);
}

void TensorFile::Add(std::string name, DType dtype, Shape shape, const void* data) {
  const std::optional<uint64_t> size = ByteSize(dtype, shape);
  FEWSTEP_CHECK(size.has_value(), "tensor '{}': shape {}", name, shape);
  const auto* begin = static_cast<const std::byte*>(data);
  AddEntry(
      {std::move(name), dtype, std::move(shape), std::vector<std::byte>(begin, begin + *size)});
}

void TensorFile::AddText(std::string name, std::string_view text) {
  Add(std::move(name), DType::kU8, {static_cast<int64_t>(text.size())}, text.data());
}

void TensorFile::AddEntry(TensorEntry entry) {
  FEWSTEP_CHECK(ByteSize(entry.dtype, entry.shape) == entry.bytes.size(),
                "tensor '{}': {} bytes for shape {} of {}", entry.name, entry.bytes.size(),
                entry.shape, NameOf(entry.dtype));
  FEWSTEP_CHECK(entry.name != "__metadata__" && entry.name != kReservedName, "reserved name '{}'",
                entry.name);
  const bool is_new = index_.emplace(entry.name, tensors_.size()).second;
  FEWSTEP_CHECK(is_new, "tensor '{}' is added twice", entry.name);
  tensors_.push_back(std::move(entry));
}

const TensorEntry* TensorFile::Find(std::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

const TensorEntry& TensorFile::At(std::string_view name) const {
  const TensorEntry* entry = Find(name);
  if (entry == nullptr) {
    std::vector<std::string> known;
    for (const TensorEntry& tensor : tensors_) known.push_back(tensor.name);
    Fail(path_, std::string(name),
         fmt::format("there is no tensor of this name{}", DidYouMean(name, known)));
  }
  return *entry;
}

const TensorEntry& TensorFile::AtTyped(std::string_view name, DType dtype,
                                       const Shape* shape) const {
  const TensorEntry& entry = At(name);
  if (entry.dtype != dtype || (shape != nullptr && entry.shape != *shape)) {
    Fail(path_, entry.name,
         fmt::format("the file has {} {}, wanted is {} {}", NameOf(entry.dtype), entry.shape,
                     NameOf(dtype), shape != nullptr ? *shape : entry.shape));
  }
  return entry;
}

std::string_view TensorFile::Text(std::string_view name) const {
  const std::span<const uint8_t> bytes = Values<uint8_t>(name);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void TensorFile::SetMetadata(std::string key, std::string value) {
  FEWSTEP_CHECK(!key.starts_with(kChecksumKey), "reserved metadata key '{}'", key);
  metadata_[std::move(key)] = std::move(value);
}

const std::string& TensorFile::Metadata(std::string_view key) const {
  const auto it = metadata_.find(key);
  if (it == metadata_.end()) Fail(path_, std::string(key), "there is no metadata of this name");
  return it->second;
}

SerializedParts SerializeInParts(const TensorFile& file) {
  // The data are laid out by falling element size: behind a header whose length is a multiple of
  // 8, every tensor is aligned for readers that map the file.
  const std::vector<TensorEntry>& tensors = file.tensors();
  std::vector<size_t> layout(tensors.size());
  std::iota(layout.begin(), layout.end(), size_t{0});
  std::stable_sort(layout.begin(), layout.end(), [&](size_t a, size_t b) {
    return SizeOf(tensors[a].dtype) > SizeOf(tensors[b].dtype);
  });
  std::vector<uint64_t> begin(tensors.size());
  uint64_t data_size = 0;
  for (const size_t i : layout) {
    begin[i] = data_size;
    data_size += tensors[i].bytes.size();
  }

  // metadata first, and in it the header's checksum, so that its digits have a fixed place
  std::string header(kHeaderPrefix);
  header.append(kDigits, '0').append("\"");
  try {
    for (const TensorEntry& tensor : tensors) {
      header += fmt::format(",{}:\"{}\"", Quote(std::string(kChecksumKey) + tensor.name),
                            Digest(tensor.bytes.data(), tensor.bytes.size()));
    }
    for (const auto& [key, value] : file.metadata()) {
      header += fmt::format(",{}:{}", Quote(key), Quote(value));
    }
    header += "}";
    for (size_t i = 0; i < tensors.size(); ++i) {
      const TensorEntry& tensor = tensors[i];
      header += fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                            Quote(tensor.name), NameOf(tensor.dtype), fmt::join(tensor.shape, ","),
                            begin[i], begin[i] + tensor.bytes.size());
    }
    header += "}";
  } catch (const nlohmann::json::exception& error) {
    Fail(file.path(), "", fmt::format("a name or a metadata text is not UTF-8: {}", error.what()));
  }
  header.append((kLengthBytes - header.size() % kLengthBytes) % kLengthBytes, ' ');
  if (header.size() > kMaxHeaderBytes) {
    throw Error(
        ErrorKind::kData,
        fmt::format("the header would have {} bytes, more than {}", header.size(), kMaxHeaderBytes),
        {.file = file.path(), .remedy = "Store long texts as tensors"});
  }

  // length, header, its checksum, data
  const uint64_t length = header.size();
  SerializedParts serialized{.header = std::string(kLengthBytes, '\0'), .parts = {}};
  std::memcpy(serialized.header.data(), &length, kLengthBytes);
  serialized.header += header;
  serialized.header.replace(kDigitsAt, kDigits, HeaderDigest(serialized.header));
  serialized.parts.push_back(std::as_bytes(std::span(serialized.header)));
  for (const size_t i : layout) serialized.parts.push_back(tensors[i].bytes.view());
  return serialized;
}

std::string Serialize(const TensorFile& file) {
  const SerializedParts serialized = SerializeInParts(file);
  std::string bytes;
  for (const std::span<const std::byte> part : serialized.parts) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  }
  return bytes;
}

void SaveTensorFile(const TensorFile& file, const std::string& path) {
  WriteFileAtomically(path, SerializeInParts(file).parts);
}

namespace {

// `owner` keeps `bytes` alive, and tensors that lie as their type has to borrow them; null: all are
// copied.
TensorFile ParseOwned(std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner,
                      const std::string& path, const ReadOptions& options) {
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view text = TakeHeader(all, path, options);
  const bool verified = text.starts_with(kHeaderPrefix);
  internal::Header header = internal::ParseHeader(text, path);
  const std::span<const std::byte> data = bytes.subspan(kLengthBytes + text.size());
  CheckOffsets(header.tensors, data.size(), path);

  TensorFile file;
  file.set_path(path);
  for (internal::TensorInfo& info : header.tensors) {
    if (info.name == kReservedName) Fail(path, info.name, "the name of the tensor is reserved");
    const auto content = data.subspan(info.offsets[0], info.offsets[1] - info.offsets[0]);
    if (verified) {
      const auto checksum = header.metadata.find(std::string(kChecksumKey) + info.name);
      if (checksum == header.metadata.end()) Fail(path, info.name, "the tensor has no checksum");
      if (checksum->second != Digest(content.data(), content.size())) {
        const Error damage(ErrorKind::kData, "the tensor is damaged: its checksum does not match",
                           {.file = path, .key = info.name});
        if (options.spare.empty() || !info.name.starts_with(options.spare)) throw damage;
        file.AddDamaged(damage.what());
        continue;
      }
    }
    const auto address = reinterpret_cast<std::uintptr_t>(content.data());
    TensorBytes tensor = owner && address % SizeOf(info.dtype) == 0
                             ? TensorBytes(content, owner)
                             : TensorBytes(std::vector<std::byte>(content.begin(), content.end()));
    file.AddEntry({std::move(info.name), info.dtype, std::move(info.shape), std::move(tensor)});
  }

  // the checksums belong to the file, not to its content
  for (auto& [key, value] : header.metadata) {
    if (!key.starts_with(kChecksumKey)) file.SetMetadata(key, std::move(value));
  }
  return file;
}

}  // namespace

TensorFile Parse(std::span<const std::byte> bytes, const std::string& path,
                 const ReadOptions& options) {
  return ParseOwned(bytes, nullptr, path, options);
}

TensorFile LoadTensorFile(const std::string& path, const ReadOptions& options) {
  const auto bytes = std::make_shared<const std::string>(ReadFile(path));
  return ParseOwned(std::as_bytes(std::span(*bytes)), bytes, path, options);
}

}  // namespace fewstep
