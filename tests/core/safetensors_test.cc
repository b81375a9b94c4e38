#include "core/safetensors.h"

#include <cstring>
#include <string>
#include <vector>

#define XXH_INLINE_ALL
#ifdef __AVX512F__
#define XXH_VECTOR XXH_AVX2
#endif
#include <gtest/gtest.h>
#include <xxhash.h>

#include "tests/core/allocation_watch.h"
#include "tests/core/safetensors_samples.h"
#include "tests/core/scratch_directory.h"

namespace fewstep {
namespace {

constexpr ReadOptions kOnTrust{.require_checksums = false};

// A file with this header text, its length in front, and `data_size` bytes of data.
std::string RawFile(const std::string& header, size_t data_size) {
  const uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + std::string(data_size, 'x');
}

// The message of the error that reading gives; "" when it is accepted.
std::string Complaint(const std::string& file, ReadOptions options = kOnTrust) {
  try {
    Parse(BytesOf(file), "some.safetensors", options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_EQ(error.context().file, "some.safetensors");
    return error.what();
  }
  return "";
}

// A header with one tensor "w" of these fields.
std::string OneTensor(const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
  return R"({"w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

void ExpectComplaint(const std::string& header, size_t data_size, const std::string& fragment) {
  const std::string message = Complaint(RawFile(header, data_size));
  EXPECT_NE(message.find(fragment), std::string::npos)
      << "header:  " << header << "\nwanted:  " << fragment << "\nmessage: " << message;
}

// Replaces the header's own checksum by the right one, as docs/format_checkpoint.md defines it.
std::string Sealed(std::string file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  const size_t digits = file.find("checksum:header\":\"") + 18;
  file.replace(digits, 32, std::string(32, '0'));
  const XXH128_hash_t hash = XXH3_128bits(file.data(), 8 + length);
  file.replace(digits, 32, fmt::format("{:016x}{:016x}", hash.high64, hash.low64));
  return file;
}

// ---- what is written is what is read ----

TEST(Safetensors, RoundTripOfRandomFiles) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    const TensorFile file = RandomFile(seed);
    const std::string bytes = Serialize(file);
    const TensorFile again = Parse(BytesOf(bytes), "memory");
    ASSERT_TRUE(again == file) << "seed " << seed;
    ASSERT_EQ(Serialize(again), bytes) << "seed " << seed;
  }
}

TEST(Safetensors, DataAreAlignedToTheirElementSize) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const TensorFile file = RandomFile(seed);
    const std::string bytes = Serialize(file);
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), 8);
    ASSERT_EQ(length % 8, 0u);
    for (const TensorEntry& tensor : file.tensors()) {
      if (tensor.bytes.size() < 16) continue;  // long enough to be found by its content
      const std::string content(reinterpret_cast<const char*>(tensor.bytes.data()),
                                tensor.bytes.size());
      const size_t at = bytes.find(content, 8 + length);
      ASSERT_NE(at, std::string::npos);
      EXPECT_EQ(at % SizeOf(tensor.dtype), 0u) << "seed " << seed << " " << tensor.name;
    }
  }
}

TEST(Safetensors, TypedAccess) {
  const std::string bytes = Serialize(SampleFile(7));
  const TensorFile file = Parse(BytesOf(bytes), "run/a.safetensors");
  EXPECT_EQ(file.Scalar<int64_t>("iteration"), 7);
  EXPECT_EQ(file.Text("config"), "[agent]\nname = \"maml\"\n");
  EXPECT_EQ(file.Values<float>("policy/weights", {2, 32}).size(), 64u);
  EXPECT_EQ(file.Metadata("program"), "fewstep test");
  EXPECT_EQ(file.metadata().size(), 2u) << "checksums must not appear as metadata";
  EXPECT_EQ(file.Find("absent"), nullptr);
  const auto message = [](auto read) -> std::string {
    try {
      read();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message([&] { file.At("policy/weihgts"); }),
            "run/a.safetensors: 'policy/weihgts': there is no tensor of this name; did you mean "
            "'policy/weights'?");
  EXPECT_EQ(message([&] { file.Values<double>("policy/weights"); }),
            "run/a.safetensors: 'policy/weights': the file has F32 [2, 32], wanted is F64 [2, 32]");
  EXPECT_EQ(message([&] { file.Values<float>("policy/weights", {64}); }),
            "run/a.safetensors: 'policy/weights': the file has F32 [2, 32], wanted is F32 [64]");
  EXPECT_EQ(message([&] { file.Metadata("prog"); }),
            "run/a.safetensors: 'prog': there is no metadata of this name");
}

TEST(Safetensors, TextThatIsNotUtf8IsRefusedOnWriting) {
  TensorFile file;
  file.SetMetadata("note", "\xff");
  EXPECT_THROW(Serialize(file), Error);
}

TEST(Safetensors, HeaderOverTheLimitIsRefusedOnWriting) {
  TensorFile file;
  file.SetMetadata("note", std::string(kMaxHeaderBytes, 'a'));
  EXPECT_THROW(Serialize(file), Error);
}

TEST(SafetensorsDeathTest, MisuseAborts) {
  TensorFile file = SampleFile(1);
  EXPECT_DEATH(file.AddScalar<float>("iteration", 1), "added twice");
  EXPECT_DEATH(file.AddScalar<float>("header", 1), "reserved name");
  EXPECT_DEATH(file.SetMetadata("checksum:x", ""), "reserved metadata");
  EXPECT_DEATH(file.Add("n", DType::kU8, {-1}, nullptr), "shape");
}

// ---- one test a rule of the format ----

TEST(SafetensorsRule, TheReferenceCaseIsValid) {
  EXPECT_EQ(Complaint(RawFile(OneTensor("\"F32\"", "[2,3]", "[0,24]"), 24)), "");
  EXPECT_EQ(Complaint(RawFile("{}", 0)), "");
  EXPECT_EQ(Complaint(RawFile("{\"__metadata__\":{\"a\":\"b\"}}   ", 0)), "");
}

TEST(SafetensorsRule, FileHoldsTheHeaderLength) {
  EXPECT_NE(Complaint("").find("the file has 0 bytes"), std::string::npos);
  EXPECT_NE(Complaint("1234567").find("the file has 7 bytes"), std::string::npos);
}

TEST(SafetensorsRule, HeaderLengthIsLimited) {
  for (const uint64_t length : {kMaxHeaderBytes + 1, uint64_t{1} << 40, ~uint64_t{0}}) {
    std::string file = RawFile("{}", 0);
    std::memcpy(file.data(), &length, 8);
    EXPECT_NE(Complaint(file).find("exceeds the limit of 16777216"), std::string::npos);
  }
}

TEST(SafetensorsRule, HeaderIsInsideTheFile) {
  std::string file = RawFile("{}", 0);
  file[0] = 3;
  EXPECT_NE(Complaint(file).find("length 3 exceeds the 2 bytes"), std::string::npos);
}

TEST(SafetensorsRule, HeaderBeginsWithABrace) {
  ExpectComplaint(" {}", 0, "does not begin with '{'");
  ExpectComplaint("[]", 0, "does not begin with '{'");
  ExpectComplaint("", 0, "does not begin with '{'");
}

TEST(SafetensorsRule, HeaderIsJson) {
  ExpectComplaint("{", 0, "not valid JSON");
  ExpectComplaint("{}}", 0, "not valid JSON");
  ExpectComplaint("{} {}", 0, "not valid JSON");
  ExpectComplaint("{\"a\xff\":{}}", 0, "not valid JSON");
  ExpectComplaint("{/* comment */}", 0, "not valid JSON");
}

TEST(SafetensorsRule, HeaderHasNoZeroByte) {
  ExpectComplaint(std::string("{}\0hidden", 9), 0, "zero byte");
  ExpectComplaint(std::string("{}\0", 3), 0, "zero byte");
}

TEST(SafetensorsRule, NoNameTwice) {
  const std::string w = R"("w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  ExpectComplaint("{" + w + "," + w + "}", 0, "'w': the name is in the header twice");
  // the same name, written with an escape
  ExpectComplaint("{" + w + R"(,"\u0077":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0,
                  "'w': the name is in the header twice");
  ExpectComplaint(R"({"__metadata__":{},"__metadata__":{}})", 0, "twice");
}

TEST(SafetensorsRule, NoFieldTwice) {
  ExpectComplaint(R"({"w":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0,
                  "'w': the key 'dtype' is there twice");
  ExpectComplaint(R"({"__metadata__":{"a":"1","a":"2"}})", 0, "the key 'a' is there twice");
}

TEST(SafetensorsRule, EveryFieldIsThere) {
  ExpectComplaint(R"({"w":{"shape":[0],"data_offsets":[0,0]}})", 0, "'dtype' is missing");
  ExpectComplaint(R"({"w":{"dtype":"U8","data_offsets":[0,0]}})", 0, "'shape' is missing");
  ExpectComplaint(R"({"w":{"dtype":"U8","shape":[0]}})", 0, "'data_offsets' is missing");
  ExpectComplaint(R"({"w":{}})", 0, "'w': the field 'dtype' is missing");
}

TEST(SafetensorsRule, NoOtherField) {
  ExpectComplaint(R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"extra":1}})", 0,
                  "'w': unknown field 'extra'");
}

TEST(SafetensorsRule, DTypeIsKnown) {
  ExpectComplaint(OneTensor("\"F23\"", "[1]", "[0,4]"), 4, "'w': unknown dtype 'F23'");
  ExpectComplaint(OneTensor("\"f32\"", "[1]", "[0,4]"), 4, "unknown dtype");
  ExpectComplaint(OneTensor("3", "[1]", "[0,4]"), 4, "a number in place of a dtype");
}

TEST(SafetensorsRule, ExtentsAreWholeNumbersFromZero) {
  ExpectComplaint(OneTensor("\"U8\"", "[-1]", "[0,1]"), 1, "'w': shape: -1 is negative");
  ExpectComplaint(OneTensor("\"U8\"", "[1.0]", "[0,1]"), 1, "shape: 1.0 is not a whole number");
  ExpectComplaint(OneTensor("\"U8\"", "[1e0]", "[0,1]"), 1, "shape: 1e0 is not a whole number");
  ExpectComplaint(OneTensor("\"U8\"", "[9223372036854775808]", "[0,1]"), 1, "is too large");
  ExpectComplaint(OneTensor("\"U8\"", "[18446744073709551616]", "[0,1]"), 1, "not a whole number");
  ExpectComplaint(OneTensor("\"U8\"", "[\"1\"]", "[0,1]"), 1, "a text in place of a whole number");
  ExpectComplaint(OneTensor("\"U8\"", "[true]", "[0,1]"), 1, "in place of a whole number");
  ExpectComplaint(OneTensor("\"U8\"", "[null]", "[0,1]"), 1, "null in place of a whole number");
  ExpectComplaint(OneTensor("\"U8\"", "[[1]]", "[0,1]"), 1, "a list in place of a whole number");
  ExpectComplaint(OneTensor("\"U8\"", "1", "[0,1]"), 1, "a number in place of a shape");
}

TEST(SafetensorsRule, OffsetsAreTwoWholeNumbersFromZero) {
  ExpectComplaint(OneTensor("\"U8\"", "[1]", "[-1,0]"), 1, "data_offsets: -1 is negative");
  ExpectComplaint(OneTensor("\"U8\"", "[1]", "[0,1.5]"), 1, "data_offsets: 1.5 is not a whole");
  ExpectComplaint(OneTensor("\"U8\"", "[1]", "[]"), 1, "fewer than two");
  ExpectComplaint(OneTensor("\"U8\"", "[1]", "[0]"), 1, "fewer than two");
  ExpectComplaint(OneTensor("\"U8\"", "[1]", "[0,1,1]"), 1, "more than two");
  ExpectComplaint(OneTensor("\"U8\"", "[1]", "{}"), 1, "an object in place of data_offsets");
}

TEST(SafetensorsRule, OffsetsAreInOrder) {
  ExpectComplaint(OneTensor("\"U8\"", "[1]", "[1,0]"), 1, "'w': data_offsets: 1 is after 0");
}

std::string TwoTensors(const std::string& first, const std::string& second) {
  return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
}

TEST(SafetensorsRule, NoOverlap) {
  ExpectComplaint(TwoTensors("[0,4]", "[3,7]"), 7, "'b': data_offsets: begins at 3");
  ExpectComplaint(TwoTensors("[0,4]", "[0,4]"), 4, "an overlap");
}

TEST(SafetensorsRule, NoHole) {
  ExpectComplaint(TwoTensors("[0,4]", "[5,9]"), 9, "'b': data_offsets: begins at 5");
  ExpectComplaint(TwoTensors("[1,5]", "[5,9]"), 9, "a hole");
}

TEST(SafetensorsRule, HeaderMayListTensorsInAnyOrder) {
  const std::string file = RawFile(TwoTensors("[4,8]", "[0,4]"), 8);
  const TensorFile read = Parse(BytesOf(file), "memory", kOnTrust);
  EXPECT_EQ(read.tensors()[0].name, "a");
}

TEST(SafetensorsRule, SizeIsShapeTimesDType) {
  ExpectComplaint(OneTensor("\"F32\"", "[2,3]", "[0,23]"), 23, "takes 24 bytes, data_offsets span");
  ExpectComplaint(OneTensor("\"F64\"", "[]", "[0,4]"), 4, "takes 8 bytes");
}

TEST(SafetensorsRule, SizeIsMultipliedWithoutWrappingAround) {
  // 2^32 * 2^32 and 4 * 2^62 are 0 in 64 bits
  ExpectComplaint(OneTensor("\"U8\"", "[4294967296,4294967296]", "[0,0]"), 0, "exceeds 2^64");
  ExpectComplaint(OneTensor("\"F32\"", "[4611686018427387904]", "[0,0]"), 0, "exceeds 2^64");
}

TEST(SafetensorsRule, TensorIsInsideTheFile) {
  ExpectComplaint(OneTensor("\"U8\"", "[9]", "[0,9]"), 8, "'w': the file ends 1 bytes before");
}

TEST(SafetensorsRule, LastTensorEndsTheFile) {
  ExpectComplaint(OneTensor("\"U8\"", "[8]", "[0,8]"), 9, "1 bytes after the last tensor");
  ExpectComplaint("{}", 1, "1 bytes after the last tensor");
}

TEST(SafetensorsRule, MetadataIsTextByKey) {
  ExpectComplaint(R"({"__metadata__":{"a":1}})", 0, "a number in place of metadata");
  ExpectComplaint(R"({"__metadata__":{"a":{}}})", 0, "an object in place of metadata");
  ExpectComplaint(R"({"__metadata__":null})", 0, "null in place of a tensor");
}

TEST(SafetensorsRule, TensorsAreObjects) {
  ExpectComplaint(R"({"w":[]})", 0, "'w': the header has a list in place of a tensor");
  ExpectComplaint(R"({"w":"U8"})", 0, "a text in place of a tensor");
}

TEST(SafetensorsRule, NestingIsRefusedAtOnce) {
  ExpectComplaint(fmt::format(R"({{"w":{:[>1000000}}})", ""), 0, "a list in place of a tensor");
}

TEST(SafetensorsRule, NameHeaderIsReserved) {
  ExpectComplaint(R"({"header":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0, "reserved");
}

// ---- checksums ----

TEST(SafetensorsChecksum, FilesWithoutNeedTheOption) {
  const std::string file = RawFile(OneTensor("\"U8\"", "[1]", "[0,1]"), 1);
  EXPECT_NE(Complaint(file, {}).find("has no checksum"), std::string::npos);
  EXPECT_EQ(Complaint(file, kOnTrust), "");
}

TEST(SafetensorsChecksum, AreVerifiedOnTrustToo) {
  std::string file = Serialize(SampleFile(1));
  file.back() ^= 1;
  EXPECT_NE(Complaint(file, kOnTrust).find("'config': the tensor is damaged"), std::string::npos);
}

TEST(SafetensorsChecksum, FollowTheSpecification) {
  // recomputed here from the text of the specification
  const TensorFile file = SampleFile(3);
  const std::string bytes = Serialize(file);
  EXPECT_EQ(Sealed(bytes), bytes);
  for (const TensorEntry& tensor : file.tensors()) {
    const XXH128_hash_t hash = XXH3_128bits(tensor.bytes.data(), tensor.bytes.size());
    EXPECT_NE(bytes.find(fmt::format(R"("checksum:{}":"{:016x}{:016x}")", tensor.name, hash.high64,
                                     hash.low64)),
              std::string::npos);
  }
}

TEST(SafetensorsChecksum, ATensorWithoutOneIsRefused) {
  std::string file = Serialize(SampleFile(1));
  file.replace(file.find("checksum:iteration"), 18, "checksum:IteratioN");
  EXPECT_NE(Complaint(Sealed(file), {}).find("'iteration': the tensor has no checksum"),
            std::string::npos);
}

// The tensor that holds the byte at `at`, by the offsets in the header.
std::string OwnerOf(const TensorFile& file, const std::string& bytes, size_t at) {
  for (const TensorEntry& tensor : file.tensors()) {
    const std::string content(reinterpret_cast<const char*>(tensor.bytes.data()),
                              tensor.bytes.size());
    const size_t begin = bytes.rfind(content);
    if (at >= begin && at < begin + content.size()) return tensor.name;
  }
  return "";
}

TEST(SafetensorsChecksum, EveryFlippedBitIsDetected) {
  const TensorFile file = SampleFile(11, 300);
  const std::string bytes = Serialize(file);
  ASSERT_GT(bytes.size(), 2000u);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  for (size_t at = 0; at < bytes.size(); ++at) {
    const std::string owner = at < 8 + length ? "" : OwnerOf(file, bytes, at);
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      const std::string message = Complaint(damaged, {});
      ASSERT_NE(message, "") << "byte " << at << " bit " << bit;
      if (at >= 8 + length) {
        ASSERT_NE(message.find(fmt::format("'{}': the tensor is damaged", owner)),
                  std::string::npos)
            << message;
      }
    }
  }
}

TEST(SafetensorsChecksum, EveryTruncationIsDetectedAndCheap) {
  const std::string bytes = Serialize(SampleFile(12, 7000));
  ASSERT_GT(bytes.size(), 28000u);
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);
    const AllocationWatch watch;
    ASSERT_NE(Complaint(cut, {}), "") << size;
    ASSERT_NE(Complaint(cut, kOnTrust), "") << size;
    ASSERT_LE(watch.largest(), bytes.size() + (1u << 20));
  }
}

TEST(SafetensorsRule, DeclaredSizesAllocateNothing) {
  std::string long_header = RawFile("{}", 0);
  const uint64_t length = kMaxHeaderBytes;
  std::memcpy(long_header.data(), &length, 8);
  for (const std::string& file :
       {long_header, RawFile(OneTensor("\"F32\"", "[1099511627776]", "[0,4398046511104]"), 8),
        RawFile(OneTensor("\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]"), 8),
        RawFile(OneTensor("\"U8\"", "[1]", "[18446744073709551614,18446744073709551615]"), 8)}) {
    const AllocationWatch watch;
    EXPECT_NE(Complaint(file), "");
    EXPECT_LT(watch.largest(), 4096u);
  }
}

TEST(TensorFile, WhatIsBorrowedIsWrittenFromWhereItIs) {
  const auto content = std::make_shared<const std::vector<std::byte>>(1000, std::byte{7});
  TensorFile file;
  file.AddEntry({"borrowed", DType::kU8, {1000}, TensorBytes(*content, content)});
  file.AddScalar<int64_t>("copied", 3);
  EXPECT_EQ(file.At("borrowed").bytes.data(), content->data());
  const TensorFile shared = file;
  EXPECT_EQ(shared.At("borrowed").bytes.data(), content->data());

  // in parts: the header, then the tensors where they lie
  const SerializedParts serialized = SerializeInParts(file);
  ASSERT_EQ(serialized.parts.size(), 3u);
  EXPECT_EQ(serialized.parts[1].size(), 8u);
  EXPECT_EQ(serialized.parts[2].data(), content->data());
  std::string whole;
  for (const auto part : serialized.parts) {
    whole.append(reinterpret_cast<const char*>(part.data()), part.size());
  }
  EXPECT_EQ(whole, Serialize(file));
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/file.safetensors";
  SaveTensorFile(file, path);
  EXPECT_TRUE(LoadTensorFile(path) == file);
}

}  // namespace
}  // namespace fewstep
