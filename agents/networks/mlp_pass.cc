#include "agents/networks/mlp_pass.h"

namespace fewstep {

MlpPass::MlpPass(const Mlp& network, const Parameters& rows, const torch::Tensor& x)
    : network_(network), rows_(rows) {
  const torch::NoGradGuard no_grad;
  const MlpShape& shape = network.shape();
  const int64_t num_rows = rows.num_tasks(), batch = x.size(1);
  const size_t num_layers = shape.widths.size() - 1;
  values_.push_back(x.expand({num_rows, -1, -1}));
  size_t slice = network.first_slice();
  for (size_t layer = 0; layer < num_layers; ++layer) {
    const torch::Tensor weight = rows.View(slice++);  // [R, in, out]
    const torch::Tensor bias = shape.bias ? rows.View(slice++) : torch::Tensor();
    torch::Tensor y = torch::empty({num_rows, batch, shape.widths[layer + 1]}, x.options());
    for (int64_t row = 0; row < num_rows; ++row) {
      torch::Tensor out = y[row];
      if (shape.bias) {
        at::addmm_out(out, bias[row], values_.back()[row], weight[row]);
      } else {
        at::mm_out(out, values_.back()[row], weight[row]);
      }
    }
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
  torch::Tensor dy = std::move(outputs);
  for (size_t layer = shape.widths.size() - 1; layer-- > 0;) {
    const size_t slice = network_.first_slice() + layer * arrays;
    const torch::Tensor& x = values_[layer];
    if (gradient != nullptr) {
      const Parameters into = rows_.WithFlat(*gradient);
      const torch::Tensor weight = into.View(slice);
      for (int64_t row = 0; row < num_rows; ++row) {
        torch::Tensor out = weight[row];
        at::mm_out(out, x[row].t(), dy[row]);
      }
      if (shape.bias) {
        torch::Tensor bias = into.View(slice + 1);  // [R, 1, out]
        at::sum_out(bias, dy, 1, /*keepdim=*/true);
      }
    }
    if (layer == 0 && !wants_inputs) return {};

    const torch::Tensor weight = rows_.View(slice);
    torch::Tensor dx = torch::empty({num_rows, batch, shape.widths[layer]}, dy.options());
    for (int64_t row = 0; row < num_rows; ++row) {
      torch::Tensor out = dx[row];
      at::mm_out(out, dy[row], weight[row].t());
    }
    if (layer == 0) return dx;
    dy = shape.activation == Activation::kTanh ? at::tanh_backward(dx, x)
                                               : at::threshold_backward(dx, x, 0);
  }
  return {};
}

}  // namespace fewstep
