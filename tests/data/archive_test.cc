#include "data/formats/archive.h"

#include <cstring>
#include <zlib.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/rng.h"
#include "data/formats/file_tree.h"
#include "tests/core/scratch_directory.h"
#include "tests/data/packing.h"

namespace fewstep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string TextOf(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <typename Function>
std::string ErrorOf(Function function) {
  try {
    function();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
    return error.what();
  }
  return "no error";
}

TEST(Gunzip, UnpacksWhatGzipPacked) {
  const std::string text(100'000, 'a');
  const std::string packed = Gzip(text);
  EXPECT_LT(packed.size(), 1000u);
  EXPECT_EQ(TextOf(Gunzip(std::as_bytes(std::span(packed)), 100'000, "x")), text);
  // several members are one text
  const std::string two = packed + Gzip("b");
  EXPECT_EQ(TextOf(Gunzip(std::as_bytes(std::span(two)), 200'000, "x")), text + "b");
  const std::string nothing = Gzip("");
  EXPECT_EQ(TextOf(Gunzip(std::as_bytes(std::span(nothing)), 0, "x")), "");
}

TEST(Gunzip, RefusesEveryTruncationAndWhatIsTooLarge) {
  const std::string packed = Gzip("some text that is worth packing, some text");
  for (size_t size = 0; size < packed.size(); ++size) {
    const std::string part = packed.substr(0, size);
    EXPECT_THAT(ErrorOf([&] { Gunzip(std::as_bytes(std::span(part)), 1000, "x.gz"); }),
                HasSubstr("x.gz: cannot be unpacked"))
        << size;
  }
  // a bomb: 50 MB in 50 kB stop where the limit is
  const std::string bomb = Gzip(std::string(50'000'000, '0'));
  EXPECT_LT(bomb.size(), 100'000u);
  EXPECT_THAT(ErrorOf([&] { Gunzip(std::as_bytes(std::span(bomb)), 1'000'000, "bomb"); }),
              HasSubstr("more than 1000000 bytes"));
  // what follows the end is not passed over
  const std::string more = packed + "x";
  EXPECT_NE(ErrorOf([&] { Gunzip(std::as_bytes(std::span(more)), 1000, "x"); }), "no error");
}

TEST(Zip, IsReadInPlace) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/a.zip";
  WriteZip(path, {{"folder/", ""}, {"folder/b.txt", "bb"}, {"folder/a.txt", "aaa"}});
  const FileTree tree(path);
  ASSERT_EQ(tree.files().size(), 2u);
  EXPECT_EQ(tree.files()[0].path, "folder/a.txt");
  EXPECT_EQ(TextOf(tree.Read(tree.files()[0], 3)), "aaa");
  EXPECT_EQ(TextOf(tree.Read(tree.files()[1], 3)), "bb");
  EXPECT_EQ(tree.NameOf(tree.files()[0]), path + ":folder/a.txt");
  EXPECT_THAT(ErrorOf([&] { tree.Read(tree.files()[0], 2); }), HasSubstr("3 bytes; at most 2"));
}

TEST(Zip, NamesThatLeadOutOfItAreRefused) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/a.zip";
  for (const char* name : {"../x", "a/../../x", "/etc/passwd"}) {
    WriteZip(path, {{name, "x"}});
    EXPECT_THAT(ErrorOf([&] { FileTree tree(path); }), HasSubstr("leads out of the archive"));
  }
}

TEST(Zip, DamageIsAnError) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path() + "/a.zip";
  WriteZip(path, {{"a", std::string(500, 'a')}, {"b", "bbbb"}});
  const std::string whole = ReadFile(path);
  const auto read_all = [&] {
    const FileTree tree(path);
    for (const FileTree::File& file : tree.files()) tree.Read(file, 1000);
  };
  EXPECT_EQ(ErrorOf(read_all), "no error");
  for (size_t size = 0; size < whole.size(); size += 3) {
    WriteFileAtomically(path, whole.substr(0, size));
    EXPECT_NE(ErrorOf(read_all), "no error") << size;
  }
  // another byte of the content: the checksum tells
  std::string changed = whole;
  const size_t at = changed.find("bbbb");
  ASSERT_NE(at, std::string::npos);
  changed[at] = 'c';
  WriteFileAtomically(path, changed);
  EXPECT_NE(ErrorOf(read_all), "no error");
  // flipped bytes anywhere: an error or the content, never a crash
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    changed = whole;
    for (int k = 0; k < 3; ++k)
      changed[rng.Below(changed.size())] = static_cast<char>(rng.NextU32());
    WriteFileAtomically(path, changed);
    try {
      read_all();
    } catch (const Error&) {
    }
  }
}

TEST(FileTree, OfAFolderIsInTheOrderOfNames) {
  const ScratchDirectory scratch;
  std::filesystem::create_directories(scratch.path() + "/x/y");
  WriteFileAtomically(scratch.path() + "/x/y/b", "1");
  WriteFileAtomically(scratch.path() + "/x/a", "22");
  std::filesystem::create_symlink("/etc", scratch.path() + "/x/link");
  std::filesystem::create_symlink("/etc/passwd", scratch.path() + "/x/file");
  const FileTree tree(scratch.path());
  ASSERT_EQ(tree.files().size(), 2u);
  EXPECT_EQ(tree.files()[0].path, "x/a");
  EXPECT_EQ(tree.files()[1].path, "x/y/b");
  EXPECT_EQ(TextOf(tree.Read(tree.files()[0], 10)), "22");
  EXPECT_THAT(PathParts("/a//b/"), ElementsAre("a", "b"));
  EXPECT_THAT(ErrorOf([&] { FileTree missing(scratch.path() + "/none"); }), HasSubstr("none"));
}

}  // namespace
}  // namespace fewstep
