// What learners save in and load from: the tensors of a file under a scope, which is a prefix of
// their names. Parts of an agent that are alike, two Adams, have scopes of their own.
#pragma once

#include <string>
#include <string_view>

#include "agents/torch.h"
#include "core/safetensors.h"

namespace fewstep {

// Passed by value; the file outlives it.
class CheckpointWriter {
 public:
  CheckpointWriter(TensorFile& file) : file_(&file) {}  // NOLINT: the scope of the whole file
  // Names in it begin with "name.".
  CheckpointWriter Scope(std::string_view name) const;

  // Adds `tensor` (float32, float64 or int64, any device) without copying it where it is contiguous
  // in the processor's memory: it must then stay as it is while the file lives.
  void Store(std::string_view name, const torch::Tensor& tensor) const;

 private:
  TensorFile* file_;
  std::string prefix_;
};

class CheckpointReader {
 public:
  CheckpointReader(const TensorFile& file) : file_(&file) {}  // NOLINT: the scope of the whole file
  CheckpointReader Scope(std::string_view name) const;

  // The stored values, on the device of `like`. Throws Error(kData) unless the stored tensor has
  // the type and shape of `like`.
  torch::Tensor Load(std::string_view name, const torch::Tensor& like) const;
  // The same straight into `out`, which is contiguous float32 on the CPU; untouched when it throws.
  void LoadInto(std::string_view name, torch::Tensor out) const;

 private:
  const TensorFile* file_;
  std::string prefix_;
};

}  // namespace fewstep
