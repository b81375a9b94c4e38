#include "agents/parameters.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "core/error.h"

namespace fewstep {

size_t ParameterLayout::Add(std::string name, std::vector<int64_t> shape, ParameterRole role,
                            Initial initial) {
  const int64_t size = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  slices_.push_back({std::move(name), std::move(shape), size_, size, role, initial});
  size_ += size;
  return slices_.size() - 1;
}

torch::Tensor ParameterLayout::Mask(ParameterRole role) const {
  torch::Tensor mask = torch::zeros({1, size_});
  for (const ParameterSlice& slice : slices_) {
    if (slice.role == role) mask.narrow(1, slice.offset, slice.size).fill_(1);
  }
  return mask;
}

torch::Tensor Parameters::View(size_t index) const {
  const ParameterSlice& slice = layout->slices()[index];
  std::vector<int64_t> shape = {flat.size(0)};
  shape.insert(shape.end(), slice.shape.begin(), slice.shape.end());
  return flat.narrow(1, slice.offset, slice.size).view(shape);
}

Parameters Parameters::Rows(int64_t begin, int64_t end) const {
  return WithFlat(flat.narrow(0, begin, end - begin));
}

Parameters Parameters::Expand(int64_t num_tasks) const {
  FEWSTEP_CHECK(flat.size(0) == 1, "expanding {} rows", flat.size(0));
  return WithFlat(flat.expand({num_tasks, flat.size(1)}));
}

Parameters Initialized(std::shared_ptr<const ParameterLayout> layout, const Rng& rng) {
  torch::Tensor flat = torch::zeros({1, layout->size()});
  float* row = flat.mutable_data_ptr<float>();
  for (const ParameterSlice& slice : layout->slices()) {
    float* values = row + slice.offset;
    if (slice.initial.kind == Initial::Kind::kConstant) {
      std::fill_n(values, slice.size, static_cast<float>(slice.initial.value));
      continue;
    }
    Rng stream = rng.Fork(slice.name);
    const double limit =
        slice.initial.value * std::sqrt(6.0 / static_cast<double>(slice.shape[0] + slice.shape[1]));
    std::generate_n(values, slice.size,
                    [&] { return static_cast<float>(stream.Uniform(-limit, limit)); });
  }
  return {flat, std::move(layout)};
}

}  // namespace fewstep
