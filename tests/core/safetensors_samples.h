// Content for tests of the file format.
#pragma once

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/rng.h"
#include "core/safetensors.h"

namespace fewstep {

// What a small trainer stores: weights, moments, counters, seeds, text, offsets. Deterministic in
// `seed`; `floats` sets the size.
inline TensorFile SampleFile(uint64_t seed, int64_t floats = 64) {
  Rng rng(seed);
  std::vector<float> weights(static_cast<size_t>(floats));
  rng.FillNormal(weights);
  std::vector<double> moments(8);
  for (double& value : moments) value = rng.Normal();
  const std::vector<uint64_t> seeds = {rng.NextU64(), rng.NextU64()};

  TensorFile file;
  file.AddText("config", "[agent]\nname = \"maml\"\n");
  file.Add<float>("policy/weights", {2, floats / 2}, weights);
  file.Add<double>("optimizer/moments", {2, 4}, moments);
  file.Add<uint64_t>("rng/seeds", {2}, seeds);
  file.AddScalar<int64_t>("iteration", static_cast<int64_t>(seed));
  file.SetMetadata("program", "fewstep test");
  file.SetMetadata("log offsets", R"({"metrics.jsonl":1234})");
  return file;
}

// Random names, dtypes, shapes (rank 0 to 4, extents from 0) and bytes.
inline TensorFile RandomFile(uint64_t seed) {
  constexpr DType kTypes[] = {DType::kBool, DType::kU8,   DType::kI8,  DType::kU16, DType::kI16,
                              DType::kF16,  DType::kBF16, DType::kU32, DType::kI32, DType::kF32,
                              DType::kU64,  DType::kI64,  DType::kF64};
  Rng rng(seed);
  TensorFile file;
  const uint64_t count = rng.Below(12);
  for (uint64_t i = 0; i < count; ++i) {
    TensorEntry entry;
    entry.name = fmt::format("t{}{}", i, rng.Below(2) ? "/\"quoted\" \\ \n \xc3\xa9" : "");
    entry.dtype = kTypes[rng.Below(std::size(kTypes))];
    size_t bytes = SizeOf(entry.dtype);
    for (uint64_t rank = rng.Below(5); rank > 0; --rank) {
      entry.shape.push_back(static_cast<int64_t>(rng.Below(5)));
      bytes *= static_cast<size_t>(entry.shape.back());
    }
    std::vector<std::byte> content(bytes);
    for (std::byte& byte : content) byte = static_cast<std::byte>(rng.Below(256));
    entry.bytes = std::move(content);
    file.AddEntry(entry);
  }
  for (uint64_t i = rng.Below(4); i > 0; --i) {
    file.SetMetadata(fmt::format("key {}", i), std::string(rng.Below(40), '"') + '\0' + "\t}");
  }
  return file;
}

inline std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text));
}

}  // namespace fewstep
