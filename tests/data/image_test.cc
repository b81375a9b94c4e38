#include "data/formats/image.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/rng.h"
#include "tests/data/packing.h"

namespace fewstep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::span<const std::byte> Bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string ErrorOf(const std::string& file) {
  try {
    DecodeImage(Bytes(file), 1, "p.png");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    return error.what();
  }
  return "no error";
}

TEST(DecodeImage, ReadsPngOfEveryKind) {
  const Image grey = DecodeImage(Bytes(Png(3, 2, 1, {0, 1, 2, 253, 254, 255})), 1, "p");
  EXPECT_EQ(grey.width, 3);
  EXPECT_EQ(grey.height, 2);
  EXPECT_THAT(grey.pixels, ElementsAre(0, 1, 2, 253, 254, 255));
  EXPECT_THAT(DecodeImage(Bytes(BitPng(3, 1, {0, 1, 0})), 1, "p").pixels, ElementsAre(0, 255, 0));
  // planes, one behind the other
  const std::string colours = Png(2, 1, 3, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(DecodeImage(Bytes(colours), 3, "p").pixels, ElementsAre(1, 4, 2, 5, 3, 6));
  // grey is the luma of BT.601 in every format
  EXPECT_THAT(DecodeImage(Bytes(Png(2, 1, 3, {255, 0, 0, 200, 100, 50})), 1, "p").pixels,
              ElementsAre(76, 124));
  // 16 bits become 8 without a change of brightness
  EXPECT_THAT(DecodeImage(Bytes(DeepPng(2, 1, {0x8000, 0xff00})), 1, "p").pixels,
              ElementsAre(128, 254));
  // what is transparent lies on white
  const std::string transparent = Png(3, 1, 2, {0, 255, 0, 0, 100, 0});
  EXPECT_THAT(DecodeImage(Bytes(transparent), 1, "p").pixels, ElementsAre(0, 255, 255));
}

TEST(DecodeImage, ReadsJpeg) {
  std::vector<unsigned char> rgb;
  for (int i = 0; i < 16 * 16; ++i) rgb.insert(rgb.end(), {200, 100, 50});
  const std::string file = Jpeg(16, 16, rgb);
  const Image image = DecodeImage(Bytes(file), 3, "p");
  EXPECT_EQ(image.width, 16);
  for (size_t i = 0; i < 256; ++i) {
    EXPECT_NEAR(image.pixels[i], 200, 3);
    EXPECT_NEAR(image.pixels[256 + i], 100, 3);
    EXPECT_NEAR(image.pixels[512 + i], 50, 3);
  }
  // ITU-R BT.601: .299 R + .587 G + .114 B
  EXPECT_NEAR(DecodeImage(Bytes(file), 1, "p").pixels[0], 124, 3);
}

TEST(DecodeImage, TruncatedAndHostileFilesAreErrors) {
  std::vector<unsigned char> noise(20 * 20 * 3);
  Rng rng(1);
  for (unsigned char& byte : noise) byte = static_cast<unsigned char>(rng.Below(256));
  const std::string png = Png(20, 20, 3, noise), jpeg = Jpeg(20, 20, noise);
  for (size_t size = 0; size + 12 < png.size(); size += 7) {  // without its last chunk it is whole
    EXPECT_NE(ErrorOf(png.substr(0, size)), "no error") << size;
  }
  for (size_t size = 0; size + 8 < jpeg.size(); size += 7) {
    EXPECT_NE(ErrorOf(jpeg.substr(0, size)), "no error") << size;
  }
  EXPECT_THAT(ErrorOf("GIF89a"), HasSubstr("neither a PNG nor a JPEG"));
  // claims of other sizes with the checksum that belongs to them: too large, and not what is there
  for (const auto& [size, why] :
       {std::pair{"\x7f\xff\xff\xff", "picture"}, {std::pair{"\x00\x00\x20\x00", "picture"}}}) {
    std::string claims = png;
    for (const size_t at : {16u, 20u}) claims.replace(at, 4, std::string(size, 4));
    EXPECT_THAT(ErrorOf(WithChecksums(claims)), HasSubstr(why));
  }
  for (const std::string& whole : {png, jpeg}) {
    for (int i = 0; i < 3000; ++i) {
      std::string changed = whole;
      for (int k = 0; k < 3; ++k) {
        changed[rng.Below(changed.size())] = static_cast<char>(rng.NextU32());
      }
      for (const std::string& file : {changed, WithChecksums(changed)}) {
        try {
          DecodeImage(Bytes(file), 3, "p");
        } catch (const Error&) {
        }
      }
    }
  }
}

TEST(DecodeImage, ALargePictureIsRefusedByItsHeader) {
  // 20,000 x 20,000 pixels of one bit, a valid PNG of 50 kB: more than is read
  const int side = 20'000;
  ASSERT_GT(int64_t{side} * side, kMostPixels);
  EXPECT_THAT(ErrorOf(BitPng(side, side, std::vector<unsigned char>(size_t{side} * side, 0))),
              HasSubstr("a picture of 20000 x 20000 pixels; at most"));
}

// The most address space that this process has had.
int64_t PeakMegabytes() {
  std::ifstream status("/proc/self/status");
  int64_t kilobytes = 0;
  for (std::string word; kilobytes == 0 && status >> word;) {
    if (word == "VmPeak:") status >> kilobytes;
  }
  return kilobytes / 1024;
}

TEST(DecodeImage, TextsOfAPngAreNotUnpacked) {
  const std::string plain = Png(2, 1, 1, {3, 200});
  const std::string one = WithChunk(plain, "zTXt", PngText("a text"));
  EXPECT_THAT(DecodeImage(Bytes(one), 1, "p").pixels, ElementsAre(3, 200));
  // 2 GB in 2 MB
  std::string texts = plain;
  const std::string text = PngText(std::string(7'900'000, 'a'));
  for (int i = 0; i < 125; ++i) {
    texts = WithChunk(texts, "zTXt", text);
    texts = WithChunk(texts, "iTXt", "key" + std::string("\0\1\0\0\0", 5) + text.substr(5));
  }
  const int64_t before = PeakMegabytes();
  EXPECT_THAT(DecodeImage(Bytes(texts), 1, "p").pixels, ElementsAre(3, 200));
  EXPECT_LT(PeakMegabytes() - before, 100);
}

TEST(DecodeImage, WhatAChunkOfAPngClaimsIsNotTaken) {
  const std::string header = Png(2, 1, 1, {3, 200}).substr(0, 33);
  for (const char* type : {"eXIf", "hIST", "iCCP", "pCAL", "sPLT", "tRNS", "PLTE", "zTXt"}) {
    for (const char* rest : {"", "some"}) {
      const int64_t before = PeakMegabytes();
      EXPECT_NE(ErrorOf(header + "\x7f\xff\xff\xff" + type + rest), "no error");
      EXPECT_LT(PeakMegabytes() - before, 100) << type;
    }
  }
}

TEST(Resized, NearestTakesThePixelInTheMiddle) {
  // 5 pixels to 3: middles at .83, 2.5, 4.17; as Pillow's NEAREST
  const Image row{1, 1, 5, {0, 1, 2, 3, 4}};
  EXPECT_THAT(Resized(row, 1, 3, Resize::kNearest).pixels, ElementsAre(0, 2, 4));
  EXPECT_THAT(Resized(row, 2, 5, Resize::kNearest).pixels,
              ElementsAre(0, 1, 2, 3, 4, 0, 1, 2, 3, 4));
  // 105 to 28: pixel 1.875 + 3.75 i
  Image omniglot{1, 1, 105, {}};
  for (int i = 0; i < 105; ++i) omniglot.pixels.push_back(static_cast<uint8_t>(i));
  const Image small = Resized(omniglot, 1, 28, Resize::kNearest);
  for (int i = 0; i < 28; ++i) {
    EXPECT_EQ(small.pixels[static_cast<size_t>(i)], static_cast<int>(1.875 + 3.75 * i));
  }
}

TEST(Resized, SmoothKeepsTheMeanAndWhatIsEven) {
  Rng rng(2);
  Image image{2, 12, 20, {}};
  for (int i = 0; i < 2 * 12 * 20; ++i)
    image.pixels.push_back(static_cast<uint8_t>(rng.Below(256)));
  const Image small = Resized(image, 6, 5, Resize::kSmooth);
  const auto mean = [](const Image& of) {
    double sum = 0;
    for (const uint8_t pixel : of.pixels) sum += pixel;
    return sum / static_cast<double>(of.pixels.size());
  };
  EXPECT_NEAR(mean(small), mean(image), 6);
  const Image even{1, 9, 9, std::vector<uint8_t>(81, 77)};
  for (const uint8_t pixel : Resized(even, 4, 13, Resize::kSmooth).pixels) EXPECT_EQ(pixel, 77);
  // 4 pixels to 2: triangles of half a width of 2 around 1 and 3: weights 3 3 1, of
  // 7
  const Image row{1, 1, 4, {70, 0, 0, 0}};
  EXPECT_THAT(Resized(row, 1, 2, Resize::kSmooth).pixels, ElementsAre(30, 0));
}

}  // namespace
}  // namespace fewstep
