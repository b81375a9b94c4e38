#include "core/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <set>

#include <nlohmann/json.hpp>

namespace fewstep::internal {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  size_t size;
};

constexpr std::array<DTypeRow, 13> kDTypes{{
    {DType::kBool, "BOOL", 1},
    {DType::kU8, "U8", 1},
    {DType::kI8, "I8", 1},
    {DType::kU16, "U16", 2},
    {DType::kI16, "I16", 2},
    {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2},
    {DType::kU32, "U32", 4},
    {DType::kI32, "I32", 4},
    {DType::kF32, "F32", 4},
    {DType::kU64, "U64", 8},
    {DType::kI64, "I64", 8},
    {DType::kF64, "F64", 8},
}};

const DTypeRow& RowOf(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row;
  }
  FEWSTEP_CHECK(false, "dtype {}", static_cast<int>(dtype));
  return kDTypes[0];
}

// Receives the parser's events. A document tree would silently keep one of two equal keys; here
// every key is seen, and whatever the format does not foresee is an error at once, at any depth.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}

  Header Take() { return std::move(header_); }

  bool start_object(size_t) override {
    if (state_ == State::kStart) {
      state_ = State::kTop;
    } else if (state_ == State::kTopValue) {
      state_ = key_ == "__metadata__" ? State::kMetadata : State::kTensor;
      seen_.clear();
      if (state_ == State::kTensor) header_.tensors.push_back({.name = key_});
    } else {
      Unexpected("an object");
    }
    return true;
  }

  bool key(std::string& name) override {
    if (state_ == State::kTop) {
      key_ = name;
      if (!top_seen_.insert(name).second) Fail("the name is in the header twice");
      state_ = State::kTopValue;
    } else {
      field_ = name;
      if (!seen_.insert(name).second) Fail(fmt::format("the key '{}' is there twice", name));
      if (state_ == State::kMetadata) {
        state_ = State::kMetadataValue;
      } else if (name == "dtype") {
        state_ = State::kDType;
      } else if (name == "shape") {
        state_ = State::kShape;
      } else if (name == "data_offsets") {
        state_ = State::kOffsets;
      } else {
        Fail(fmt::format("unknown field '{}'; a tensor has dtype, shape and data_offsets", name));
      }
    }
    return true;
  }

  bool string(std::string& text) override {
    if (state_ == State::kMetadataValue) {
      header_.metadata[field_] = text;
      state_ = State::kMetadata;
    } else if (state_ == State::kDType) {
      if (!DTypeFromName(text, Tensor().dtype)) Fail(UnknownDType(text));
      state_ = State::kTensor;
    } else {
      Unexpected("a text");
    }
    return true;
  }

  bool start_array(size_t) override {
    if (state_ == State::kShape) {
      state_ = State::kShapeItems;
    } else if (state_ == State::kOffsets) {
      state_ = State::kOffsetItems;
      offset_count_ = 0;
    } else {
      Unexpected("a list");
    }
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (state_ == State::kShapeItems) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        Fail(fmt::format("shape: the extent {} is too large", value));
      }
      Tensor().shape.push_back(static_cast<int64_t>(value));
    } else if (state_ == State::kOffsetItems) {
      if (offset_count_ == 2) Fail("data_offsets: more than two numbers");
      Tensor().offsets[offset_count_++] = value;
    } else {
      Unexpected("a number");
    }
    return true;
  }

  bool end_array() override {
    if (state_ == State::kOffsetItems && offset_count_ != 2) {
      Fail("data_offsets: fewer than two numbers");
    }
    state_ = State::kTensor;
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor) {
      for (const char* field : {"dtype", "shape", "data_offsets"}) {
        if (!seen_.contains(field)) Fail(fmt::format("the field '{}' is missing", field));
      }
    }
    state_ = state_ == State::kTop ? State::kEnd : State::kTop;
    return true;
  }

  bool number_integer(int64_t value) override {
    Fail(fmt::format("{}: {} is negative", field_, value));
  }
  bool number_float(double, const std::string& text) override {
    Fail(fmt::format("{}: {} is not a whole number below 2^64", field_, text));
  }
  bool null() override { Unexpected("null"); }
  bool boolean(bool) override { Unexpected("true or false"); }
  bool binary(binary_t&) override { Unexpected("binary data"); }

  bool parse_error(size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    key_.clear();
    Fail(fmt::format("the header is not valid JSON at its byte {}: {}", position, error.what()));
  }

 private:
  // What the next event belongs to.
  enum class State {
    kStart,
    kTop,
    kTopValue,
    kMetadata,
    kMetadataValue,
    kTensor,
    kDType,
    kShape,
    kShapeItems,
    kOffsets,
    kOffsetItems,
    kEnd,
  };

  TensorInfo& Tensor() { return header_.tensors.back(); }

  static std::string UnknownDType(const std::string& text) {
    std::vector<std::string> known;
    for (const DTypeRow& row : kDTypes) known.emplace_back(row.name);
    return fmt::format("unknown dtype '{}'{}; known are {}", text, DidYouMean(text, known),
                       fmt::join(known, ", "));
  }

  [[noreturn]] void Fail(const std::string& message) const {
    throw Error(ErrorKind::kData, message, {.file = path_, .key = key_});
  }

  [[noreturn]] void Unexpected(std::string_view found) const {
    std::string_view wanted = "nothing more";
    switch (state_) {
      case State::kStart:
        wanted = "the header, an object";
        break;
      case State::kTop:
      case State::kTopValue:
        wanted = "a tensor, an object";
        break;
      case State::kMetadata:
      case State::kMetadataValue:
        wanted = "metadata, a text";
        break;
      case State::kTensor:
        wanted = "a field of a tensor";
        break;
      case State::kDType:
        wanted = "a dtype, a text";
        break;
      case State::kShape:
        wanted = "a shape, a list";
        break;
      case State::kOffsets:
        wanted = "data_offsets, a list";
        break;
      case State::kShapeItems:
      case State::kOffsetItems:
        wanted = "a whole number";
        break;
      case State::kEnd:
        break;
    }
    Fail(fmt::format("the header has {} in place of {}", found, wanted));
  }

  const std::string& path_;
  Header header_;
  State state_ = State::kStart;
  std::string key_;                 // the tensor at hand
  std::string field_;               // its field, or the metadata key
  std::set<std::string> top_seen_;  // tensor names so far
  std::set<std::string> seen_;      // keys of the object at hand
  size_t offset_count_ = 0;
};

}  // namespace

bool DTypeFromName(std::string_view name, DType& dtype) {
  const auto* row = std::find_if(kDTypes.begin(), kDTypes.end(),
                                 [&](const DTypeRow& candidate) { return candidate.name == name; });
  if (row == kDTypes.end()) return false;
  dtype = row->dtype;
  return true;
}

Header ParseHeader(std::string_view text, const std::string& path) {
  // the parser would take a zero byte for the end of its input and ignore what follows
  if (text.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::kData, "the header has a zero byte", {.file = path});
  }
  HeaderReader reader(path);
  nlohmann::json::sax_parse(text, &reader);
  return reader.Take();
}

}  // namespace fewstep::internal

namespace fewstep {

std::string_view NameOf(DType dtype) { return internal::RowOf(dtype).name; }
size_t SizeOf(DType dtype) { return internal::RowOf(dtype).size; }

}  // namespace fewstep
