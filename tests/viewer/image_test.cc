#include "viewer/image.h"

#include <png.h>

#include <gtest/gtest.h>

#include "core/error.h"

namespace fewstep {
namespace {

Image Gradient(int width, int height) {
  Image image = Image::Blank(width, height);
  for (size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<uint8_t>(7 * i + i / 5);
  return image;
}

TEST(Image, IsWrittenAsAPngThatReadsBackTheSame) {
  const Image image = Gradient(37, 21);
  const std::string bytes = ToPng(image);
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  ASSERT_TRUE(png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) << png.message;
  EXPECT_EQ(png.width, 37u);
  EXPECT_EQ(png.height, 21u);
  png.format = PNG_FORMAT_RGB;
  std::vector<uint8_t> pixels(PNG_IMAGE_SIZE(png));
  ASSERT_TRUE(png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr)) << png.message;
  EXPECT_EQ(pixels, image.rgb);
}

TEST(Image, WithoutPixelsIsRefused) { EXPECT_THROW(ToPng(Image{}), Error); }

TEST(Image, ShrinksToMeans) {
  Image image = Image::Blank(5, 2);
  for (int x = 0; x < 5; ++x) image.rgb[static_cast<size_t>(3 * x)] = static_cast<uint8_t>(40 * x);
  const Image small = Shrunk(image, 2);
  ASSERT_EQ(small.width, 2);
  ASSERT_EQ(small.height, 1);
  EXPECT_EQ(small.Pixel(0, 0)[0], 10);  // (0 + 40 + 0 + 0) / 4
  EXPECT_EQ(small.Pixel(1, 0)[0], 50);  // (80 + 120 + 0 + 0) / 4
}

TEST(Image, OfAnotherSizeIsOfMeans) {
  const Image image = Gradient(6, 4);
  EXPECT_EQ(Resampled(image, 6, 4).rgb, image.rgb);
  // as often larger or smaller as whole numbers say
  const Image large = Resampled(image, 12, 12);
  for (int y = 0; y < 12; ++y) {
    for (int x = 0; x < 12; ++x) {
      for (int c = 0; c < 3; ++c) EXPECT_EQ(large.Pixel(x, y)[c], image.Pixel(x / 2, y / 3)[c]);
    }
  }
  const Image small = Resampled(image, 3, 2), means = Shrunk(image, 2);
  for (size_t i = 0; i < small.rgb.size(); ++i) EXPECT_NEAR(small.rgb[i], means.rgb[i], 1);
  // a white pixel in black keeps its share of the light
  Image dot = Image::Blank(5, 5);
  for (size_t c = 0; c < 3; ++c) dot.rgb[3 * 12 + c] = 255;
  for (const int size : {1, 2, 3, 4, 7, 11}) {
    const Image drawn = Resampled(dot, size, size);
    double light = 0;
    for (const uint8_t byte : drawn.rgb) light += byte / 255.0 / (3 * size * size);
    EXPECT_NEAR(light, 1 / 25.0, 0.003) << size;
  }
}

TEST(Image, TakesAnotherImageInItsPlace) {
  Image whole = Image::Blank(10, 8);
  const Image part = Gradient(3, 2);
  Paste(part, 4, 5, whole);
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 10; ++x) {
      const bool inside = x >= 4 && x < 7 && y >= 5 && y < 7;
      for (int c = 0; c < 3; ++c) {
        EXPECT_EQ(whole.Pixel(x, y)[c], inside ? part.Pixel(x - 4, y - 5)[c] : 0) << x << ' ' << y;
      }
    }
  }
}

}  // namespace
}  // namespace fewstep
