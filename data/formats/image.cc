#include "data/formats/image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <png.h>
#include <turbojpeg.h>

#include <fmt/format.h>

#include "core/error.h"

namespace fewstep {
namespace {

constexpr uint8_t kPngMagic[] = {0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a};
constexpr uint8_t kJpegMagic[] = {0xff, 0xd8, 0xff};

template <size_t N>
bool BeginsWith(std::span<const std::byte> bytes, const uint8_t (&magic)[N]) {
  return bytes.size() >= N && std::memcmp(bytes.data(), magic, N) == 0;
}

[[noreturn]] void Fail(const std::string& name, std::string_view what, std::string_view why) {
  throw Error(ErrorKind::kData, fmt::format("not a readable {} picture: {}", what, why),
              {.file = name});
}

void CheckSize(int64_t width, int64_t height, const std::string& name) {
  if (width < 1 || height < 1 || width > kMostPixels / height) {
    throw Error(
        ErrorKind::kData,
        fmt::format("a picture of {} x {} pixels; at most {} are read", width, height, kMostPixels),
        {.file = name});
  }
}

// Red, green and blue [H, W, 3] to [C, H, W]. Grey is the luma of ITU-R BT.601, whatever format a
// picture comes in.
Image Planes(int channels, int height, int width, const std::vector<uint8_t>& interleaved) {
  const size_t pixels = static_cast<size_t>(height) * static_cast<size_t>(width);
  Image image{channels, height, width,
              std::vector<uint8_t>(pixels * static_cast<size_t>(channels))};
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t* colour = interleaved.data() + 3 * i;
    if (channels == 1) {
      constexpr int kHalf = 500;
      image.pixels[i] = static_cast<uint8_t>(
          (299 * colour[0] + 587 * colour[1] + 114 * colour[2] + kHalf) / 1000);
    } else {
      for (size_t c = 0; c < 3; ++c) image.pixels[c * pixels + i] = colour[c];
    }
  }
  return image;
}

// The chunks of a PNG that its pixels depend on. libpng takes memory for the others before anything
// can be asked of it: as much as they claim, and a file of 1 MB can hold texts of 1 GB.
std::vector<std::byte> PixelChunks(std::span<const std::byte> png) {
  constexpr std::string_view kAncillary[] = {"tRNS", "gAMA", "cHRM", "sRGB",
                                             "iCCP", "sBIT", "bKGD"};
  constexpr size_t kLength = 4, kType = 4, kChecksum = 4;
  std::vector<std::byte> kept(png.begin(), png.begin() + sizeof(kPngMagic));
  kept.reserve(png.size());
  size_t next = sizeof(kPngMagic);
  while (next < png.size()) {
    // what is no whole chunk is for libpng to refuse
    const std::span<const std::byte> rest = png.subspan(next);
    size_t size = rest.size();
    bool keep = true;
    if (rest.size() >= kLength + kType) {
      uint32_t length = 0;
      for (size_t i = 0; i < kLength; ++i) {
        length = length << 8 | std::to_integer<uint32_t>(rest[i]);
      }
      size = std::min(size, kLength + kType + kChecksum + length);
      const std::string_view type(reinterpret_cast<const char*>(rest.data()) + kLength, kType);
      // a small first letter: pictures can be decoded without it
      constexpr char kSmall = 0x20;
      keep = (type[0] & kSmall) == 0 || std::ranges::find(kAncillary, type) != std::end(kAncillary);
    }
    const auto part = rest.first(size);
    if (keep) kept.insert(kept.end(), part.begin(), part.end());
    next += size;
  }
  return kept;
}

Image DecodePng(std::span<const std::byte> bytes, int channels, const std::string& name) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> release(&png, png_image_free);
  const std::vector<std::byte> file = PixelChunks(bytes);
  if (!png_image_begin_read_from_memory(&png, file.data(), file.size())) {
    Fail(name, "PNG", png.message);
  }
  CheckSize(png.width, png.height, name);
  // samples of 16 bits as those of 8: not as linear light
  png.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  png.format = PNG_FORMAT_RGB;
  const int height = static_cast<int>(png.height), width = static_cast<int>(png.width);
  std::vector<uint8_t> pixels(PNG_IMAGE_SIZE(png));
  const png_color white = {255, 255, 255};
  if (!png_image_finish_read(&png, &white, pixels.data(), 0, nullptr)) {
    Fail(name, "PNG", png.message);
  }
  // an error that libpng goes on from left pixels out; a warning speaks of what is beside them
  if ((png.warning_or_error & PNG_IMAGE_ERROR) != 0) Fail(name, "PNG", png.message);
  return Planes(channels, height, width, pixels);
}

Image DecodeJpeg(std::span<const std::byte> bytes, int channels, const std::string& name) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  if (!decoder) throw Error(ErrorKind::kRuntime, "no JPEG decoder: out of memory");
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  int width = 0, height = 0, subsampling = 0, space = 0;
  if (tjDecompressHeader3(decoder.get(), data, bytes.size(), &width, &height, &subsampling,
                          &space) != 0) {
    Fail(name, "JPEG", tjGetErrorStr2(decoder.get()));
  }
  CheckSize(width, height, name);
  constexpr int kColours = 3;
  std::vector<uint8_t> pixels(static_cast<size_t>(width) * static_cast<size_t>(height) * kColours);
  // a file that ends early is a warning of the decoder, as is a byte too many: what is made up is
  // not read. Thousands of scans would take for ever
  if (tjDecompress2(decoder.get(), data, bytes.size(), pixels.data(), width, 0, height, TJPF_RGB,
                    TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) != 0) {
    Fail(name, "JPEG", tjGetErrorStr2(decoder.get()));
  }
  return Planes(channels, height, width, pixels);
}

// For each of `to` places along one axis: which of `from` count, and how much.
struct Taps {
  int first;
  std::vector<double> weights;
};
std::vector<Taps> TrianglesOf(int from, int to) {
  const double scale = static_cast<double>(from) / to, support = std::max(1.0, scale);
  std::vector<Taps> all;
  for (int i = 0; i < to; ++i) {
    const double middle = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(middle - support + 0.5));
    const int last = std::min(from, static_cast<int>(middle + support + 0.5));
    Taps taps{first, {}};
    double sum = 0;
    for (int k = first; k < last; ++k) {
      taps.weights.push_back(std::max(0.0, 1 - std::abs(k + 0.5 - middle) / support));
      sum += taps.weights.back();
    }
    for (double& weight : taps.weights) weight /= sum;
    all.push_back(std::move(taps));
  }
  return all;
}

}  // namespace

bool IsImage(std::span<const std::byte> bytes) {
  return BeginsWith(bytes, kPngMagic) || BeginsWith(bytes, kJpegMagic);
}

Image DecodeImage(std::span<const std::byte> bytes, int channels, const std::string& name) {
  FEWSTEP_CHECK(channels == 1 || channels == 3, "{} channels", channels);
  if (BeginsWith(bytes, kPngMagic)) return DecodePng(bytes, channels, name);
  if (BeginsWith(bytes, kJpegMagic)) return DecodeJpeg(bytes, channels, name);
  throw Error(ErrorKind::kData, "neither a PNG nor a JPEG picture", {.file = name});
}

Image Resized(const Image& image, int height, int width, Resize method) {
  if (image.height == height && image.width == width) return image;
  const auto at = [](const Image& of, int c, int y, int x) {
    return (static_cast<size_t>(c) * static_cast<size_t>(of.height) + static_cast<size_t>(y)) *
               static_cast<size_t>(of.width) +
           static_cast<size_t>(x);
  };
  Image out{image.channels, height, width, {}};
  out.pixels.resize(static_cast<size_t>(image.channels) * static_cast<size_t>(height) *
                    static_cast<size_t>(width));
  if (method == Resize::kNearest) {
    for (int c = 0; c < image.channels; ++c) {
      for (int y = 0; y < height; ++y) {
        const int from_y = static_cast<int>((y + 0.5) * image.height / height);
        for (int x = 0; x < width; ++x) {
          const int from_x = static_cast<int>((x + 0.5) * image.width / width);
          out.pixels[at(out, c, y, x)] = image.pixels[at(image, c, from_y, from_x)];
        }
      }
    }
    return out;
  }
  const std::vector<Taps> rows = TrianglesOf(image.height, height);
  const std::vector<Taps> columns = TrianglesOf(image.width, width);
  for (int c = 0; c < image.channels; ++c) {
    for (int y = 0; y < height; ++y) {
      const Taps& row = rows[static_cast<size_t>(y)];
      for (int x = 0; x < width; ++x) {
        const Taps& column = columns[static_cast<size_t>(x)];
        double sum = 0;
        for (size_t i = 0; i < row.weights.size(); ++i) {
          double line = 0;
          const size_t first = at(image, c, row.first + static_cast<int>(i), column.first);
          for (size_t k = 0; k < column.weights.size(); ++k) {
            line += column.weights[k] * image.pixels[first + k];
          }
          sum += row.weights[i] * line;
        }
        out.pixels[at(out, c, y, x)] = static_cast<uint8_t>(std::clamp(std::lround(sum), 0L, 255L));
      }
    }
  }
  return out;
}

}  // namespace fewstep
