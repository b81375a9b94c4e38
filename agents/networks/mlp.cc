#include "agents/networks/mlp.h"

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
    layout.Add(fmt::format("{}layer{}.weight", prefix, layer), {in, out}, role,
               Initial::Xavier(head ? shape_.head_scale : 1.0));
    if (shape_.bias) layout.Add(fmt::format("{}layer{}.bias", prefix, layer), {1, out}, role);
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

struct Mlp::Evaluator::State {
  Activation activation;
  bool bias;
  std::vector<int64_t> offsets;         // of the arrays in a row
  std::vector<Eigen::VectorXf> values;  // one a width
};

Mlp::Evaluator::Evaluator(const Mlp& network, const ParameterLayout& layout)
    : state_(std::make_unique<State>()) {
  const MlpShape& shape = network.shape();
  state_->activation = shape.activation;
  state_->bias = shape.bias;
  const size_t arrays = (shape.widths.size() - 1) * (shape.bias ? 2 : 1);
  for (size_t i = 0; i < arrays; ++i) {
    state_->offsets.push_back(layout.slices()[network.first_slice_ + i].offset);
  }
  for (const int64_t width : shape.widths) {
    state_->values.emplace_back(Eigen::VectorXf::Zero(width));
  }
}

Mlp::Evaluator::~Evaluator() = default;
Mlp::Evaluator::Evaluator(Evaluator&&) noexcept = default;

float* Mlp::Evaluator::inputs() { return state_->values.front().data(); }

const float* Mlp::Evaluator::Evaluate(const float* row) noexcept {
  std::vector<Eigen::VectorXf>& values = state_->values;
  const int64_t* offset = state_->offsets.data();
  const size_t num_layers = values.size() - 1;
  for (size_t layer = 0; layer < num_layers; ++layer) {
    // a weight is stored [in, out], so column-major it is its own transpose
    Eigen::VectorXf& out = values[layer + 1];
    const Eigen::Map<const Eigen::MatrixXf> weight(row + *offset++, out.size(),
                                                   values[layer].size());
    out.noalias() = weight * values[layer];
    if (state_->bias) out += Eigen::Map<const Eigen::VectorXf>(row + *offset++, out.size());
    if (layer + 1 == num_layers) continue;
    if (state_->activation == Activation::kTanh) {
      out = out.array().tanh();
    } else {
      out = out.cwiseMax(0.0f);
    }
  }
  return values.back().data();
}

}  // namespace fewstep
