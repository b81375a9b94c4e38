// Small files in the formats that data sets are published in.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace fewstep {

std::string Gzip(const std::string& text);

// A zip archive of members, stored without compression.
using ZipMembers = std::vector<std::pair<std::string, std::string>>;  // name, content
std::string Zip(const ZipMembers& members);
void WriteZip(const std::string& path, const ZipMembers& members);

// An 8-bit PNG; `pixels` [height, width, channels], channels 1 (grey), 2 (grey, alpha) or 3.
std::string Png(int width, int height, int channels, const std::vector<unsigned char>& pixels);
// A 1-bit PNG as those of Omniglot: 0 or 1 for each pixel.
std::string BitPng(int width, int height, const std::vector<unsigned char>& pixels);
// A grey PNG of 16 bits.
std::string DeepPng(int width, int height, const std::vector<unsigned short>& pixels);
// A PNG whose chunks, as far as they can be told, have the checksums of what they hold.
std::string WithChecksums(std::string png);
// A PNG with a chunk of this type behind its header.
std::string WithChunk(std::string png, const std::string& type, const std::string& content);
// A compressed text of a PNG.
std::string PngText(const std::string& text);
std::string Jpeg(int width, int height, const std::vector<unsigned char>& rgb);

// IDX with this magic number, shape and bytes.
std::string Idx(unsigned magic, const std::vector<unsigned>& shape, const std::string& bytes);

}  // namespace fewstep
