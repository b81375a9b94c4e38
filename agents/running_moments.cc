#include "agents/running_moments.h"

#include <cmath>

namespace fewstep {
namespace {

torch::Tensor AsTensor(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

std::vector<double> AsVector(const torch::Tensor& values) {
  const double* data = values.const_data_ptr<double>();
  return {data, data + values.numel()};
}

}  // namespace

RunningMoments::RunningMoments(int64_t size)
    : mean_(static_cast<size_t>(size)), squares_(static_cast<size_t>(size)) {}

void RunningMoments::Add(const torch::Tensor& rows, const torch::Tensor& present) {
  const torch::Tensor values = rows.contiguous(), mask = present.contiguous();
  const float* row = values.const_data_ptr<float>();
  const float* is_present = mask.const_data_ptr<float>();
  const int64_t num_rows = values.size(0);
  const size_t size = mean_.size();

  // the batch's own moments, in two passes
  std::vector<double> mean(size), squares(size);
  double count = 0;
  for (int64_t i = 0; i < num_rows; ++i) {
    if (is_present[i] == 0) continue;
    ++count;
    for (size_t j = 0; j < size; ++j) mean[j] += row[static_cast<size_t>(i) * size + j];
  }
  if (count == 0) return;
  for (double& value : mean) value /= count;
  for (int64_t i = 0; i < num_rows; ++i) {
    if (is_present[i] == 0) continue;
    for (size_t j = 0; j < size; ++j) {
      const double distance = row[static_cast<size_t>(i) * size + j] - mean[j];
      squares[j] += distance * distance;
    }
  }

  const double total = count_ + count;
  for (size_t j = 0; j < size; ++j) {
    const double distance = mean[j] - mean_[j];
    mean_[j] += distance * count / total;
    squares_[j] += squares[j] + distance * distance * count_ * count / total;
  }
  count_ = total;
}

std::vector<double> RunningMoments::scale() const {
  std::vector<double> scale(mean_.size(), 1.0);
  for (size_t j = 0; j < scale.size() && count_ > 0; ++j) {
    const double deviation = std::sqrt(squares_[j] / count_);
    if (deviation > 1e-8) scale[j] = 1 / deviation;
  }
  return scale;
}

void RunningMoments::Save(CheckpointWriter checkpoint) const {
  checkpoint.Store("count", torch::tensor({count_}, torch::kFloat64));
  checkpoint.Store("mean", AsTensor(mean_));
  checkpoint.Store("squares", AsTensor(squares_));
}

RunningMoments RunningMoments::Loaded(CheckpointReader checkpoint) const {
  RunningMoments moments = *this;
  moments.count_ = checkpoint.Load("count", torch::zeros({1}, torch::kFloat64)).item<double>();
  moments.mean_ = AsVector(checkpoint.Load("mean", AsTensor(mean_)));
  moments.squares_ = AsVector(checkpoint.Load("squares", AsTensor(squares_)));
  return moments;
}

}  // namespace fewstep
