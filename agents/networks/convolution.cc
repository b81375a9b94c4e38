#include "agents/networks/convolution.h"

#include <vector>

namespace fewstep {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

std::vector<int64_t> Two(int64_t value) { return {value, value}; }

// The three without a graph.
Tensor Forward(const Tensor& x, const Tensor& weight, const ConvolutionShape& s) {
  return at::conv2d(x, weight, {}, Two(s.stride), Two(s.padding), Two(1), s.groups);
}
Tensor Backward(const Tensor& g, const Tensor& x, const Tensor& weight, const ConvolutionShape& s,
                bool by_input) {
  const auto [of_x, of_weight, of_bias] = at::convolution_backward(
      g, x, weight, {}, Two(s.stride), Two(s.padding), Two(1),
      /*transposed=*/false, Two(0), s.groups, {by_input, !by_input, false});
  return by_input ? of_x : of_weight;
}

// A tensor of which only shape and layout count.
Tensor Like(const Tensor& other, const std::vector<int64_t>& sizes) {
  return at::empty(sizes, other.options(), other.suggest_memory_format());
}

void Remember(AutogradContext* context, const Tensor& first, const Tensor& second,
              const ConvolutionShape& s) {
  context->save_for_backward({first, second});
  context->saved_data["shape"] = std::vector<int64_t>{s.stride, s.padding, s.groups};
}
ConvolutionShape ShapeOf(AutogradContext* context) {
  const std::vector<int64_t> s = context->saved_data["shape"].toIntVector();
  return {s[0], s[1], s[2]};
}

// What is not saved has the shape that it is given.
struct F : Function<F> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const ConvolutionShape& s) {
    Remember(context, x, weight, s);
    return Forward(x, weight, s);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients);
};
struct Bx : Function<Bx> {
  static Tensor forward(AutogradContext* context, const Tensor& g, const Tensor& weight,
                        const std::vector<int64_t>& of_x, const ConvolutionShape& s) {
    Remember(context, g, weight, s);
    return Backward(g, Like(g, of_x), weight, s, true);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients);
};
struct Bw : Function<Bw> {
  static Tensor forward(AutogradContext* context, const Tensor& g, const Tensor& x,
                        const std::vector<int64_t>& of_weight, const ConvolutionShape& s) {
    Remember(context, g, x, s);
    return Backward(g, x, Like(x, of_weight), s, false);
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients);
};

tensor_list F::backward(AutogradContext* context, tensor_list gradients) {
  const auto saved = context->get_saved_variables();
  const Tensor &x = saved[0], &weight = saved[1], &g = gradients[0];
  const ConvolutionShape s = ShapeOf(context);
  return {context->needs_input_grad(0) ? Bx::apply(g, weight, x.sizes().vec(), s) : Tensor(),
          context->needs_input_grad(1) ? Bw::apply(g, x, weight.sizes().vec(), s) : Tensor(),
          {}};
}
tensor_list Bx::backward(AutogradContext* context, tensor_list gradients) {
  const auto saved = context->get_saved_variables();
  const Tensor &g = saved[0], &weight = saved[1], &of_x = gradients[0];
  const ConvolutionShape s = ShapeOf(context);
  return {context->needs_input_grad(0) ? F::apply(of_x, weight, s) : Tensor(),
          context->needs_input_grad(1) ? Bw::apply(g, of_x, weight.sizes().vec(), s) : Tensor(),
          {},
          {}};
}
tensor_list Bw::backward(AutogradContext* context, tensor_list gradients) {
  const auto saved = context->get_saved_variables();
  const Tensor &g = saved[0], &x = saved[1], &of_weight = gradients[0];
  const ConvolutionShape s = ShapeOf(context);
  return {context->needs_input_grad(0) ? F::apply(x, of_weight, s) : Tensor(),
          context->needs_input_grad(1) ? Bx::apply(g, of_weight, x.sizes().vec(), s) : Tensor(),
          {},
          {}};
}

}  // namespace

torch::Tensor Convolve(const torch::Tensor& x, const torch::Tensor& weight,
                       const ConvolutionShape& shape) {
  const bool has_gradient =
      at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad());
  return has_gradient ? F::apply(x, weight, shape) : Forward(x, weight, shape);
}

}  // namespace fewstep
