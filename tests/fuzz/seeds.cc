// Writes the small valid files that the fuzzer changes, and some whose content is much larger than
// they are: FOLDER/TARGET/NAME.
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <turbojpeg.h>
#include <zip.h>

#include "core/rng.h"
#include "core/safetensors.h"
#include "tests/core/safetensors_samples.h"
#include "tests/data/packing.h"

namespace fewstep {
namespace {

std::vector<unsigned char> Noise(size_t size) {
  std::vector<unsigned char> bytes(size);
  Rng rng(1);
  for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(rng.Below(256));
  return bytes;
}

class Seeds {
 public:
  explicit Seeds(std::string folder) : folder_(std::move(folder)) {}

  void Add(const std::string& target, const std::string& name, std::string_view content) const {
    std::filesystem::create_directories(folder_ + "/" + target);
    std::ofstream file(folder_ + "/" + target + "/" + name, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    FEWSTEP_CHECK(file.good(), "cannot write {}/{}", target, name);
  }

 private:
  std::string folder_;
};

void AddPictures(const Seeds& seeds) {
  constexpr int kWidth = 9, kHeight = 7;
  const auto noise = Noise(size_t{3} * kWidth * kHeight);
  for (const int channels : {1, 2, 3}) {
    seeds.Add("png", fmt::format("channels_{}", channels), Png(kWidth, kHeight, channels, noise));
  }
  seeds.Add("png", "bits", BitPng(kWidth, kHeight, noise));
  seeds.Add("png", "deep", DeepPng(kWidth, kHeight, {noise.begin(), noise.end()}));
  const std::string grey = Png(kWidth, kHeight, 1, noise);
  seeds.Add("png", "text", WithChunk(grey, "zTXt", PngText("text")));
  seeds.Add("png", "gamma", WithChunk(grey, "gAMA", std::string("\0\1\x86\xa0", 4)));
  // 4 million pixels in 1 kB; as many as are read would leave no time for the others
  constexpr int kSide = 1 << 11;
  seeds.Add("png", "large", BitPng(kSide, kSide, std::vector<unsigned char>(kSide * kSide)));

  const tjhandle encoder = tjInitCompress();
  for (const int sampling : {TJSAMP_444, TJSAMP_420, TJSAMP_GRAY}) {
    for (const int flags : {0, TJFLAG_PROGRESSIVE}) {
      unsigned char* bytes = nullptr;
      unsigned long size = 0;
      constexpr int kQuality = 80;
      const int failed = tjCompress2(encoder, noise.data(), kWidth, 0, kHeight, TJPF_RGB, &bytes,
                                     &size, sampling, kQuality, flags);
      FEWSTEP_CHECK(failed == 0, "{}", tjGetErrorStr2(encoder));
      seeds.Add("jpeg", fmt::format("sampling_{}_{}", sampling, flags),
                {reinterpret_cast<char*>(bytes), size});
      tjFree(bytes);
    }
  }
  tjDestroy(encoder);
}

// A zip archive that compresses its members by `method`.
std::string Compressed(const ZipMembers& members, int method, const std::string& path) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const auto& [name, content] : members) {
    zip_source_t* source = zip_source_buffer(archive, content.data(), content.size(), 0);
    const zip_int64_t member = zip_file_add(archive, name.c_str(), source, 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(member), method, 0);
  }
  FEWSTEP_CHECK(zip_close(archive) == 0, "{}", zip_strerror(archive));
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::filesystem::remove(path);
  return bytes;
}

void AddPacked(const Seeds& seeds, const std::string& folder) {
  const std::string zeros(50'000'000, '\0');
  seeds.Add("gzip", "text", Gzip("some text that is worth packing, some text"));
  seeds.Add("gzip", "two", Gzip("one") + Gzip("") + Gzip("two"));
  seeds.Add("gzip", "bomb", Gzip(zeros));

  const ZipMembers members = {{"a/", ""}, {"a/b.txt", std::string(99, 'b')}, {"a/c.txt", "c"}};
  seeds.Add("zip", "stored", Zip(members));
  const std::string path = folder + "/packed.zip";
  seeds.Add("zip", "deflated", Compressed(members, ZIP_CM_DEFLATE, path));
  for (const int method : {ZIP_CM_BZIP2, ZIP_CM_LZMA, ZIP_CM_XZ}) {
    if (zip_compression_method_supported(method, 0) != 0) {
      seeds.Add("zip", fmt::format("method_{}", method), Compressed(members, method, path));
    }
  }
  seeds.Add("zip", "bomb", Compressed({{"zeros", zeros}}, ZIP_CM_DEFLATE, path));

  seeds.Add("folder", "classes", "a/1.png\na/2.png\nb/1.png\nc/1.png\nd/x.JPG\n");
  seeds.Add("folder", "splits",
            "all/train/a/1.png\nall/train/b/1.jpeg\nall/val/c/1.png\nall/test/d/1.png\n");
  seeds.Add("folder", "others", "__MACOSX/a/1.png\na/.1.png\nREADME\na/../1.png\na//b/1.png\n");
}

void AddTables(const Seeds& seeds) {
  seeds.Add("idx", "pictures", Idx(0x803, {2, 2, 3}, std::string(12, 'p')));
  seeds.Add("idx", "labels", Idx(0x801, {5}, "01234"));

  const std::string plain = "label,x,y\na,1,2\nb,-3e4,.5\nc,0,0\nd,7,8\ne,1,1\na,2,2\n";
  seeds.Add("csv", "plain", plain);
  seeds.Add("csv", "quoted", "\xef\xbb\xbf\"a, \"\"b\"\"\",c\r\n\"1\n2\",3\r\n\r\n4,\"\"");
  seeds.Add("table", "plain", plain);
  seeds.Add("table", "splits",
            "x,split,label\n1,train,a\n2,train,a\n3,validation,b\n4,test,c\n5,test,d\n");

  TensorFile features;
  const auto numbers = std::to_array<float>({1, 2, 3, 4, 5, 6, 7, 8});
  features.Add<float>("features", {4, 2}, numbers);
  features.Add<int64_t>("labels", {4}, std::to_array<int64_t>({0, 1, 2, 3}));
  seeds.Add("table", "tensors", Serialize(features));
  TensorFile targets = features;
  targets.Add<float>("y", {4, 1}, std::span(numbers).first(4));
  seeds.Add("table", "targets", Serialize(targets));
  seeds.Add("safetensors", "features", Serialize(features));
  for (uint64_t seed = 0; seed < 5; ++seed) {
    seeds.Add("safetensors", fmt::format("random_{}", seed), Serialize(RandomFile(seed)));
  }
  // as other programs write them: without checksums
  const std::string header = R"({"features":{"dtype":"F64","shape":[4,1],"data_offsets":[0,32]},)"
                             R"("labels":{"dtype":"I32","shape":[4],"data_offsets":[32,48]}})";
  std::string foreign(1, static_cast<char>(header.size()));
  foreign += std::string(7, '\0') + header;
  for (int i = 0; i < 4; ++i) foreign += std::string("\0\0\0\0\0\0", 6) + char(i) + '@';
  for (int i = 0; i < 4; ++i) foreign += char(i) + std::string(3, '\0');
  seeds.Add("safetensors", "foreign", foreign);
  seeds.Add("table", "foreign", foreign);
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_seeds FOLDER\n";
    return 2;
  }
  const fewstep::Seeds seeds(argv[1]);
  fewstep::AddPictures(seeds);
  fewstep::AddPacked(seeds, argv[1]);
  fewstep::AddTables(seeds);
}
