#include "agents/checkpoint.h"

#include "core/error.h"

namespace fewstep {
namespace {

template <typename T>
torch::Tensor Read(const TensorFile& file, const std::string& name, const torch::Tensor& like) {
  const auto values = file.Values<T>(name, like.sizes().vec());
  torch::Tensor read = torch::empty(like.sizes(), like.scalar_type());
  std::copy(values.begin(), values.end(), read.template mutable_data_ptr<T>());
  return read.to(like.device());
}

}  // namespace

CheckpointWriter CheckpointWriter::Scope(std::string_view name) const {
  CheckpointWriter scope = *this;
  scope.prefix_ += fmt::format("{}.", name);
  return scope;
}

void CheckpointWriter::Store(std::string_view name, const torch::Tensor& tensor) const {
  const torch::Tensor cpu = tensor.detach().to(torch::kCPU).contiguous();
  const DType dtype = cpu.scalar_type() == torch::kFloat32   ? DType::kF32
                      : cpu.scalar_type() == torch::kFloat64 ? DType::kF64
                                                             : DType::kI64;
  FEWSTEP_CHECK(cpu.element_size() == static_cast<int64_t>(SizeOf(dtype)), "{}", name);
  const auto* data = static_cast<const std::byte*>(cpu.const_data_ptr());
  file_->AddEntry({fmt::format("{}{}", prefix_, name), dtype, cpu.sizes().vec(),
                   TensorBytes({data, cpu.nbytes()}, std::make_shared<const torch::Tensor>(cpu))});
}

CheckpointReader CheckpointReader::Scope(std::string_view name) const {
  CheckpointReader scope = *this;
  scope.prefix_ += fmt::format("{}.", name);
  return scope;
}

torch::Tensor CheckpointReader::Load(std::string_view name, const torch::Tensor& like) const {
  const std::string full = fmt::format("{}{}", prefix_, name);
  if (like.scalar_type() == torch::kFloat32) return Read<float>(*file_, full, like);
  if (like.scalar_type() == torch::kFloat64) return Read<double>(*file_, full, like);
  return Read<int64_t>(*file_, full, like);
}

void CheckpointReader::LoadInto(std::string_view name, torch::Tensor out) const {
  const auto values = file_->Values<float>(fmt::format("{}{}", prefix_, name), out.sizes().vec());
  std::copy(values.begin(), values.end(), out.mutable_data_ptr<float>());
}

}  // namespace fewstep
