#include "agents/networks/mlp.h"

#include <cmath>
#include <utility>

#include <Eigen/Core>

#include "core/error.h"

namespace fewstep {

Mlp::Mlp(ParameterLayout& layout, const std::string& prefix, MlpShape shape)
    : shape_(std::move(shape)), first_slice_(layout.slices().size()) {
  const size_t num_layers = shape_.widths.size() - 1;
  for (size_t layer = 0; layer < num_layers; ++layer) {
    const bool head = layer + 1 == num_layers;
    const auto role = head ? shape_.head_role : ParameterRole::kBody;
    const int64_t in = shape_.widths[layer], out = shape_.widths[layer + 1];
    Initial weight = Initial::Xavier(head ? shape_.head_scale : 1.0), bias;
    if (shape_.initial == MlpInitial::kFanIn) {
      weight = bias = Initial::Uniform(1 / std::sqrt(static_cast<double>(in)));
    } else if (shape_.initial == MlpInitial::kNormal) {
      weight = Initial::TruncatedNormal(0.01);
    }
    layout.Add(fmt::format("{}layer{}.weight", prefix, layer), {in, out}, role, weight);
    if (shape_.bias) layout.Add(fmt::format("{}layer{}.bias", prefix, layer), {1, out}, role, bias);
  }
}

torch::Tensor Mlp::Forward(const Parameters& parameters, torch::Tensor x) const {
  size_t slice = first_slice_;
  const size_t num_layers = shape_.widths.size() - 1;
  for (size_t layer = 0; layer < num_layers; ++layer) {
    const torch::Tensor weight = parameters.View(slice++);  // [T, in, out]
    x = shape_.bias ? torch::baddbmm(parameters.View(slice++), x, weight) : x.bmm(weight);
    if (layer + 1 == num_layers) continue;
    x = shape_.activation == Activation::kTanh ? x.tanh() : x.relu();
  }
  return x;
}

template <typename Scalar>
struct Mlp::Evaluator<Scalar>::State {
  using Vector = Eigen::Vector<Scalar, Eigen::Dynamic>;
  Activation activation;
  bool bias;
  std::vector<int64_t> offsets;  // of the arrays in a row
  std::vector<Vector> values;    // one a width
};

template <typename Scalar>
Mlp::Evaluator<Scalar>::Evaluator(const Mlp& network, const ParameterLayout& layout)
    : state_(std::make_unique<State>()) {
  const MlpShape& shape = network.shape();
  state_->activation = shape.activation;
  state_->bias = shape.bias;
  const size_t arrays = (shape.widths.size() - 1) * (shape.bias ? 2 : 1);
  for (size_t i = 0; i < arrays; ++i) {
    state_->offsets.push_back(layout.slices()[network.first_slice_ + i].offset);
  }
  for (const int64_t width : shape.widths) {
    state_->values.emplace_back(State::Vector::Zero(width));
  }
}

template <typename Scalar>
Mlp::Evaluator<Scalar>::~Evaluator() = default;
template <typename Scalar>
Mlp::Evaluator<Scalar>::Evaluator(Evaluator&&) noexcept = default;

template <typename Scalar>
Scalar* Mlp::Evaluator<Scalar>::inputs() {
  return state_->values.front().data();
}

template <typename Scalar>
const Scalar* Mlp::Evaluator<Scalar>::Evaluate(const Scalar* row) noexcept {
  using Vector = typename State::Vector;
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  std::vector<Vector>& values = state_->values;
  const int64_t* offset = state_->offsets.data();
  const size_t num_layers = values.size() - 1;
  for (size_t layer = 0; layer < num_layers; ++layer) {
    // a weight is stored [in, out], so column-major it is its own transpose
    Vector& out = values[layer + 1];
    const Eigen::Map<const Matrix> weight(row + *offset++, out.size(), values[layer].size());
    out.noalias() = weight * values[layer];
    if (state_->bias) out += Eigen::Map<const Vector>(row + *offset++, out.size());
    if (layer + 1 == num_layers) continue;
    if (state_->activation == Activation::kTanh) {
      out = out.array().tanh();
    } else {
      out = out.cwiseMax(Scalar{0});
    }
  }
  return values.back().data();
}

template class Mlp::Evaluator<float>;
template class Mlp::Evaluator<double>;

}  // namespace fewstep
