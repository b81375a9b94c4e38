#include "agents/networks/mlp_pass.h"

namespace fewstep {
namespace {

// Matrix `row` of slice `index` of rows, in a single view: chains of them are much of the time of a
// small network.
torch::Tensor Matrix(const Parameters& rows, size_t index, int64_t row, int64_t height,
                     int64_t width) {
  const torch::Tensor& flat = rows.flat;
  const int64_t first = rows.layout->slices()[index].offset;
  return flat.as_strided({height, width}, {width * flat.stride(1), flat.stride(1)},
                         flat.storage_offset() + row * flat.stride(0) + first * flat.stride(1));
}

}  // namespace

MlpPass::MlpPass(const Mlp& network, const Parameters& rows, const torch::Tensor& x)
    : network_(network), rows_(rows) {
  const torch::NoGradGuard no_grad;
  const MlpShape& shape = network.shape();
  const int64_t num_rows = rows.num_tasks(), batch = x.size(1);
  const size_t num_layers = shape.widths.size() - 1;
  values_.push_back(x.size(0) == num_rows ? x : x.expand({num_rows, -1, -1}));
  size_t slice = network.first_slice();
  for (size_t layer = 0; layer < num_layers; ++layer) {
    const int64_t in = shape.widths[layer], out = shape.widths[layer + 1];
    torch::Tensor y = torch::empty({num_rows, batch, out}, x.options());
    for (int64_t row = 0; row < num_rows; ++row) {
      torch::Tensor to = y[row];
      const torch::Tensor from = values_.back()[row], weight = Matrix(rows, slice, row, in, out);
      if (shape.bias) {
        at::addmm_out(to, Matrix(rows, slice + 1, row, 1, out), from, weight);
      } else {
        at::mm_out(to, from, weight);
      }
    }
    slice += shape.bias ? 2 : 1;
    if (layer + 1 < num_layers) shape.activation == Activation::kTanh ? y.tanh_() : y.relu_();
    values_.push_back(std::move(y));
  }
}

torch::Tensor MlpPass::Backward(torch::Tensor outputs, torch::Tensor* gradient,
                                bool wants_inputs) const {
  const torch::NoGradGuard no_grad;
  const MlpShape& shape = network_.shape();
  const int64_t num_rows = rows_.num_tasks(), batch = outputs.size(1);
  const size_t arrays = shape.bias ? 2 : 1;
  const Parameters into = gradient != nullptr ? rows_.WithFlat(*gradient) : Parameters();
  torch::Tensor dy = std::move(outputs);
  for (size_t layer = shape.widths.size() - 1; layer-- > 0;) {
    const size_t slice = network_.first_slice() + layer * arrays;
    const int64_t in = shape.widths[layer], out = shape.widths[layer + 1];
    const torch::Tensor& x = values_[layer];
    const bool wants_dx = layer > 0 || wants_inputs;
    torch::Tensor dx;
    if (wants_dx) dx = torch::empty({num_rows, batch, in}, dy.options());
    for (int64_t row = 0; row < num_rows; ++row) {
      const torch::Tensor dy_row = dy[row];
      if (gradient != nullptr) {
        torch::Tensor weight = Matrix(into, slice, row, in, out);
        at::mm_out(weight, x[row].t(), dy_row);
        if (shape.bias) {
          torch::Tensor bias = Matrix(into, slice + 1, row, 1, out);
          at::sum_out(bias, dy_row, 0, /*keepdim=*/true);
        }
      }
      if (wants_dx) {
        torch::Tensor to = dx[row];
        at::mm_out(to, dy_row, Matrix(rows_, slice, row, in, out).t());
      }
    }
    if (layer == 0) return dx;
    dy = shape.activation == Activation::kTanh ? at::tanh_backward(dx, x)
                                               : at::threshold_backward(dx, x, 0);
  }
  return {};
}

}  // namespace fewstep
