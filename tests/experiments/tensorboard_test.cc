// What the bytes mean to TensorBoard itself is checked by tensorboard_peer.py.
#include "experiments/running/tensorboard.h"

#include <bit>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/resource.h>
#include <vector>

#include <gtest/gtest.h>

#include "core/error.h"

namespace fewstep {
namespace {

// An empty directory of the running test.
std::filesystem::path FreshDirectory() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const auto path = std::filesystem::path(testing::TempDir()) /
                    fmt::format("fewstep_{}_{}", test->test_suite_name(), test->name());
  std::filesystem::remove_all(path);
  return path;
}

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Splits a file into its records and checks both checksums of each.
std::vector<std::string> Records(const std::string& bytes) {
  const auto checksum = [](std::string_view data) {
    const uint32_t crc = Crc32c(data);
    return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
  };
  std::vector<std::string> records;
  size_t at = 0;
  while (at < bytes.size()) {
    uint64_t length = 0;
    uint32_t length_crc = 0, data_crc = 0;
    EXPECT_LE(at + 12, bytes.size());
    std::memcpy(&length, &bytes[at], 8);
    std::memcpy(&length_crc, &bytes[at + 8], 4);
    EXPECT_EQ(length_crc, checksum(std::string_view(bytes).substr(at, 8)));
    EXPECT_LE(at + 16 + length, bytes.size());
    records.push_back(bytes.substr(at + 12, length));
    std::memcpy(&data_crc, &bytes[at + 12 + length], 4);
    EXPECT_EQ(data_crc, checksum(records.back()));
    at += 16 + length;
  }
  return records;
}

// The examples of RFC 3720, appendix B.4, and the usual check value.
TEST(TensorBoard, Crc32cKnownAnswers) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  std::string ascending, descending;
  for (char i = 0; i < 32; ++i) {
    ascending += i;
    descending += static_cast<char>(31 - i);
  }
  EXPECT_EQ(Crc32c(ascending), 0x46DD794Eu);
  EXPECT_EQ(Crc32c(descending), 0x113FDB5Cu);
}

// The wire format of one scalar, byte by byte: wall_time 1.5, step 300, tag "a", value 0.25.
TEST(TensorBoard, ScalarBytes) {
  TensorBoardWriter writer(FreshDirectory());
  writer.Scalar("a", 300, 0.25, 1.5);
  writer.Flush();
  const std::vector<std::string> records = Records(ReadAll(writer.path()));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_NE(records[0].find("\x1A\x0D"
                            "brain.Event:2"),
            std::string::npos);
  const std::string expected(
      "\x09\0\0\0\0\0\0\xF8\x3F\x10\xAC\x02\x2A\x0A\x0A\x08\x0A\x01"
      "a"
      "\x15\0\0\x80\x3E",
      24);
  EXPECT_EQ(records[1], expected);
}

TEST(TensorBoard, ANewWriterNeverTouchesAnEarlierFile) {
  const auto directory = FreshDirectory();
  std::filesystem::path first, second;
  {
    TensorBoardWriter writer(directory);
    writer.Scalar("a", 1, 1.0, 0.0);
    first = writer.path();
  }
  const std::string before = ReadAll(first);
  {
    TensorBoardWriter writer(directory, 5);
    second = writer.path();
  }
  EXPECT_LT(first, second);
  EXPECT_EQ(ReadAll(first), before);
  const std::vector<std::string> records = Records(ReadAll(second));
  ASSERT_EQ(records.size(), 2u);
  // step 5, session log with status 1 (START)
  EXPECT_EQ(records[1].substr(9), "\x10\x05\x3A\x02\x08\x01");
}

TEST(TensorBoard, ADirectoryThatCannotBeMadeIsARuntimeError) {
  const auto directory = FreshDirectory();
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "file") << "not a directory";
  try {
    TensorBoardWriter writer(directory / "file" / "events");
    FAIL() << "a directory below a file";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRuntime);
    EXPECT_NE(std::string(error.what()).find("file/events"), std::string::npos) << error.what();
  }
}

// A limit on the size of files stands for a disk that is full.
TEST(TensorBoard, AFullDiskIsARuntimeError) {
  TensorBoardWriter writer(FreshDirectory());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message;
  try {
    for (int i = 0; i < 1000; ++i) writer.Scalar("tag", i, 1.0, 0.0);
    writer.Flush();
  } catch (const Error& error) {
    message = error.what();
    EXPECT_EQ(error.kind(), ErrorKind::kRuntime);
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, previous);
  EXPECT_NE(message.find("cannot write"), std::string::npos) << message;
  EXPECT_NE(message.find(writer.path().string()), std::string::npos) << message;
}

}  // namespace
}  // namespace fewstep
