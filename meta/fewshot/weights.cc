#include "meta/fewshot/weights.h"

#include <algorithm>

#include "core/error.h"

namespace fewstep {

constexpr const char* kScope = "weights";

void SaveWeights(CheckpointWriter checkpoint, const Parameters& row) {
  checkpoint = checkpoint.Scope(kScope);
  for (size_t i = 0; i < row.layout->slices().size(); ++i) {
    checkpoint.Store(row.layout->slices()[i].name, row.View(i)[0]);
  }
}

torch::Tensor LoadWeights(CheckpointReader checkpoint, const Parameters& like) {
  checkpoint = checkpoint.Scope(kScope);
  std::vector<torch::Tensor> parts;
  for (size_t i = 0; i < like.layout->slices().size(); ++i) {
    const ParameterSlice& slice = like.layout->slices()[i];
    parts.push_back(checkpoint.Load(slice.name, like.View(i)[0]).view({1, slice.size}));
  }
  return torch::cat(parts, 1);
}

void TakePretrained(const std::string& path, size_t slices, Parameters& row, RunningNorm& running) {
  if (path.empty()) return;
  const TensorFile file = LoadTensorFile(path, {.require_checksums = false});
  torch::Tensor flat = row.flat.clone();
  for (size_t i = 0; i < slices; ++i) {
    const ParameterSlice& slice = row.layout->slices()[i];
    if (slice.role == ParameterRole::kHead) continue;
    const TensorEntry* found = file.Find(slice.name);
    if (found == nullptr) found = file.Find(fmt::format("{}.{}", kScope, slice.name));
    if (found == nullptr) {
      throw Error(ErrorKind::kData, fmt::format("the network's '{}' is not in it", slice.name),
                  {.file = path,
                   .remedy = "Take a checkpoint of the same network, or name the arrays as "
                             "docs/algorithms/few-shot.md says"});
    }
    Shape shape = found->shape;
    if (shape.size() == 4) shape = {shape[0], shape[1] * shape[2] * shape[3]};
    if (shape != slice.shape) {
      throw Error(ErrorKind::kData,
                  fmt::format("'{}' is [{}], the network's is [{}]", found->name,
                              fmt::join(found->shape, ", "), fmt::join(slice.shape, ", ")),
                  {.file = path});
    }
    const std::span<const float> values = file.Values<float>(found->name);
    const torch::Tensor cpu = torch::empty({slice.size});
    std::ranges::copy(values, cpu.mutable_data_ptr<float>());
    flat[0].narrow(0, slice.offset, slice.size).copy_(cpu);
  }
  for (const char* scope : {"running", "running0"}) {
    if (running.statistics().means.empty()) break;
    if (file.Find(fmt::format("{}.0.mean", scope)) == nullptr) continue;
    running.Load(CheckpointReader(file).Scope(scope));
    break;
  }
  row.flat = flat;
}

}  // namespace fewstep
