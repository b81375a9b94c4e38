#include "tests/data/packing.h"

#include <csetjmp>
#include <cstring>
#include <png.h>
#include <turbojpeg.h>
#include <zlib.h>

#include <gtest/gtest.h>

#include "core/atomic_file.h"

namespace fewstep {

std::string Gzip(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

namespace {

void Little(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
}

}  // namespace

std::string Zip(const ZipMembers& members) {
  // APPNOTE.TXT: local headers and content, then the directory, then where that is
  std::string out, directory;
  for (const auto& member : members) {
    const std::string &name = member.first, &content = member.second;
    const auto crc = static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(content.data()),
                                                 static_cast<uInt>(content.size())));
    const auto size = static_cast<uint32_t>(content.size());
    const auto offset = static_cast<uint32_t>(out.size());
    const auto common = [&](std::string& to) {
      Little(to, 20, 2);  // version
      Little(to, 0, 2);   // flags
      Little(to, 0, 2);   // stored
      Little(to, 0, 2);
      Little(to, 0x21, 2);  // 1980-01-01
      Little(to, crc, 4);
      Little(to, size, 4);
      Little(to, size, 4);
      Little(to, static_cast<uint32_t>(name.size()), 2);
      Little(to, 0, 2);
    };
    Little(out, 0x04034b50, 4);
    common(out);
    out += name + content;
    Little(directory, 0x02014b50, 4);
    Little(directory, 20, 2);
    common(directory);
    Little(directory, 0, 2);
    Little(directory, 0, 2);
    Little(directory, 0, 2);
    Little(directory, 0, 4);
    Little(directory, offset, 4);
    directory += name;
  }
  const auto at = static_cast<uint32_t>(out.size());
  out += directory;
  Little(out, 0x06054b50, 4);
  Little(out, 0, 4);
  Little(out, static_cast<uint32_t>(members.size()), 2);
  Little(out, static_cast<uint32_t>(members.size()), 2);
  Little(out, static_cast<uint32_t>(directory.size()), 4);
  Little(out, at, 4);
  Little(out, 0, 2);
  return out;
}

void WriteZip(const std::string& path, const ZipMembers& members) {
  WriteFileAtomically(path, Zip(members));
}

namespace {

std::string WritePng(int width, int height, int type, int depth, int row_bytes,
                     const std::vector<unsigned char>& rows) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth,
               type, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (int y = 0; y < height; ++y) png_write_row(png, rows.data() + y * row_bytes);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

}  // namespace

std::string Png(int width, int height, int channels, const std::vector<unsigned char>& pixels) {
  const int type = channels == 1   ? PNG_COLOR_TYPE_GRAY
                   : channels == 2 ? PNG_COLOR_TYPE_GRAY_ALPHA
                                   : PNG_COLOR_TYPE_RGB;
  return WritePng(width, height, type, 8, width * channels, pixels);
}

std::string BitPng(int width, int height, const std::vector<unsigned char>& pixels) {
  const int row = (width + 7) / 8;
  std::vector<unsigned char> rows(static_cast<size_t>(row * height));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      if (pixels[static_cast<size_t>(y * width + x)] != 0) {
        rows[static_cast<size_t>(y * row + x / 8)] |= static_cast<unsigned char>(0x80 >> (x % 8));
      }
    }
  }
  return WritePng(width, height, PNG_COLOR_TYPE_GRAY, 1, row, rows);
}

std::string DeepPng(int width, int height, const std::vector<unsigned short>& pixels) {
  std::vector<unsigned char> rows;
  for (const unsigned short pixel : pixels) {
    rows.push_back(static_cast<unsigned char>(pixel >> 8));
    rows.push_back(static_cast<unsigned char>(pixel));
  }
  return WritePng(width, height, PNG_COLOR_TYPE_GRAY, 16, 2 * width, rows);
}

std::string WithChecksums(std::string png) {
  for (size_t at = 8; at + 12 <= png.size();) {
    size_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(png[at + i]);
    if (length > png.size() - at - 12) break;
    const auto crc = static_cast<uint32_t>(crc32(
        0, reinterpret_cast<const Bytef*>(png.data() + at + 4), static_cast<uInt>(length + 4)));
    for (size_t i = 0; i < 4; ++i) {
      png[at + 8 + length + i] = static_cast<char>(crc >> (24 - 8 * i));
    }
    at += 12 + length;
  }
  return png;
}

std::string WithChunk(std::string png, const std::string& type, const std::string& content) {
  std::string chunk;
  for (int shift = 24; shift >= 0; shift -= 8) chunk += static_cast<char>(content.size() >> shift);
  chunk += type + content + std::string(4, '\0');
  constexpr size_t kBehindHeader = 8 + 4 + 4 + 13 + 4;
  return WithChecksums(png.insert(kBehindHeader, chunk));
}

std::string PngText(const std::string& text) {
  uLongf size = compressBound(static_cast<uLong>(text.size()));
  std::string packed(size, '\0');
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(packed.data()), &size,
                     reinterpret_cast<const Bytef*>(text.data()), static_cast<uLong>(text.size())),
            Z_OK);
  return std::string("key\0\0", 5) + packed.substr(0, size);
}

std::string Jpeg(int width, int height, const std::vector<unsigned char>& rgb) {
  tjhandle encoder = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  EXPECT_EQ(tjCompress2(encoder, rgb.data(), width, 0, height, TJPF_RGB, &bytes, &size, TJSAMP_444,
                        95, 0),
            0);
  std::string out(reinterpret_cast<char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(encoder);
  return out;
}

std::string Idx(unsigned magic, const std::vector<unsigned>& shape, const std::string& bytes) {
  std::string out;
  const auto big = [&](unsigned value) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
  };
  big(magic);
  for (const unsigned length : shape) big(length);
  return out + bytes;
}

}  // namespace fewstep
