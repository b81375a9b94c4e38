#include "agents/tensor_store.h"

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

void StoreTensor(TensorFile& file, const std::string& name, const torch::Tensor& tensor) {
  const torch::Tensor cpu = tensor.detach().to(torch::kCPU).contiguous();
  const DType dtype = cpu.scalar_type() == torch::kFloat32   ? DType::kF32
                      : cpu.scalar_type() == torch::kFloat64 ? DType::kF64
                                                             : DType::kI64;
  FEWSTEP_CHECK(cpu.element_size() == static_cast<int64_t>(SizeOf(dtype)), "{}", name);
  const auto* data = static_cast<const std::byte*>(cpu.const_data_ptr());
  file.AddEntry({name, dtype, cpu.sizes().vec(),
                 TensorBytes({data, cpu.nbytes()}, std::make_shared<const torch::Tensor>(cpu))});
}

torch::Tensor LoadTensor(const TensorFile& file, const std::string& name,
                         const torch::Tensor& like) {
  if (like.scalar_type() == torch::kFloat32) return Read<float>(file, name, like);
  if (like.scalar_type() == torch::kFloat64) return Read<double>(file, name, like);
  return Read<int64_t>(file, name, like);
}

}  // namespace fewstep
