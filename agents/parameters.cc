#include "agents/parameters.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <Eigen/Dense>

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

ParameterArrays::ParameterArrays(const Parameters& rows) {
  const std::vector<ParameterSlice>& slices = rows.layout->slices();
  std::vector<int64_t> sizes;
  for (const ParameterSlice& slice : slices) sizes.push_back(slice.size);
  arrays_ = rows.flat.split_with_sizes(sizes, 1);
  for (size_t i = 0; i < slices.size(); ++i) {
    std::vector<int64_t> shape = {rows.num_tasks()};
    shape.insert(shape.end(), slices[i].shape.begin(), slices[i].shape.end());
    arrays_[i] = arrays_[i].view(shape);
  }
}

std::vector<ParameterArrays> ParameterArrays::ByTask() const {
  std::vector<ParameterArrays> tasks(static_cast<size_t>(num_tasks()), ParameterArrays());
  for (const torch::Tensor& array : arrays_) {
    const std::vector<torch::Tensor> parts = array.split(1, 0);
    for (size_t t = 0; t < tasks.size(); ++t) tasks[t].arrays_.push_back(parts[t]);
  }
  return tasks;
}

ParameterArrays ParameterArrays::Expand(int64_t num_tasks) const {
  ParameterArrays expanded;
  for (const torch::Tensor& array : arrays_) {
    FEWSTEP_CHECK(array.size(0) == 1, "expanding {} rows", array.size(0));
    std::vector<int64_t> shape = array.sizes().vec();
    shape[0] = num_tasks;
    expanded.arrays_.push_back(array.expand(shape));
  }
  return expanded;
}

namespace {

using Block = Eigen::Map<Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
                         Eigen::OuterStride<>>;

void FillUniform(double limit, Rng& rng, Block out) {
  for (Eigen::Index i = 0; i < out.rows(); ++i) {
    for (Eigen::Index j = 0; j < out.cols(); ++j) {
      out(i, j) = static_cast<float>(rng.Uniform(-limit, limit));
    }
  }
}

void FillNormal(double deviation, Rng& rng, Block out) {
  constexpr double kMost = 2;
  for (Eigen::Index i = 0; i < out.rows(); ++i) {
    for (Eigen::Index j = 0; j < out.cols(); ++j) {
      double value = rng.Normal();
      while (std::abs(value) > kMost) value = rng.Normal();
      out(i, j) = static_cast<float>(deviation * value);
    }
  }
}

void FillOrthogonal(double scale, Rng& rng, Block out) {
  // Q of a normal matrix, with the signs that make it uniform (Mezzadri 2007)
  const bool wide = out.cols() > out.rows();
  Eigen::MatrixXd normal(wide ? out.cols() : out.rows(), wide ? out.rows() : out.cols());
  for (double& value : normal.reshaped()) value = rng.Normal();
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(normal);
  Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(normal.rows(), normal.cols());
  for (Eigen::Index j = 0; j < q.cols(); ++j) {
    q.col(j) *= qr.matrixQR()(j, j) < 0 ? -scale : scale;
  }
  if (wide) {
    out = q.transpose().cast<float>();
  } else {
    out = q.cast<float>();
  }
}

void Fill(const ParameterSlice& slice, Rng rng, float* values) {
  const Initial& initial = slice.initial;
  if (initial.kind == Initial::Kind::kConstant) {
    std::fill_n(values, slice.size, static_cast<float>(initial.value));
    return;
  }
  const int64_t rows = slice.shape[0], columns = slice.shape[1], width = columns / initial.blocks;
  if (initial.kind == Initial::Kind::kValues) {
    for (int64_t i = 0; i < slice.size; ++i) {
      values[i] = static_cast<float>(initial.values[static_cast<size_t>(i % columns)]);
    }
    return;
  }
  for (int64_t block = 0; block < initial.blocks; ++block) {
    const Block out(values + block * width, rows, width, Eigen::OuterStride<>(columns));
    switch (initial.kind) {
      case Initial::Kind::kOrthogonal:
        FillOrthogonal(initial.value, rng, out);
        break;
      case Initial::Kind::kNormal:
        FillNormal(initial.value, rng, out);
        break;
      case Initial::Kind::kUniform:
        FillUniform(initial.value, rng, out);
        break;
      default:
        FillUniform(initial.value * std::sqrt(6.0 / static_cast<double>(rows + width)), rng, out);
    }
  }
}

}  // namespace

Parameters Initialized(std::shared_ptr<const ParameterLayout> layout, const Rng& rng) {
  torch::Tensor flat = torch::zeros({1, layout->size()});
  float* row = flat.mutable_data_ptr<float>();
  for (const ParameterSlice& slice : layout->slices()) {
    Fill(slice, rng.Fork(slice.name), row + slice.offset);
  }
  return {flat, std::move(layout)};
}

}  // namespace fewstep
