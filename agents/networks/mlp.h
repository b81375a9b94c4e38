// A multilayer perceptron as a function of a slice of the row.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agents/parameters.h"
#include "core/config.h"

namespace fewstep {

enum class Activation { kTanh, kRelu };

// How weights and biases start.
enum class MlpInitial {
  kXavier,  // Glorot and Bengio's uniform, biases 0
  kFanIn,   // both uniform within 1 / sqrt(inputs), as PyTorch's linear layers
  kNormal,  // truncated normal of deviation 0.01, biases 0
};
inline constexpr ChoiceName<MlpInitial> kMlpInitialNames[] = {{"xavier", MlpInitial::kXavier},
                                                              {"fan_in", MlpInitial::kFanIn},
                                                              {"normal", MlpInitial::kNormal}};

struct MlpShape {
  std::vector<int64_t> widths;                // inputs, hidden layers, outputs
  Activation activation = Activation::kTanh;  // of the hidden layers
  bool bias = true;
  MlpInitial initial = MlpInitial::kXavier;
  double head_scale = 1;  // of kXavier: factor on the last layer's initial weights
  ParameterRole head_role = ParameterRole::kHead;  // of the last layer; the others are body
};

// Immutable.
class Mlp {
 public:
  // Appends its arrays to `layout`: prefix + "layer0.weight" [in, out], "layer0.bias" [1, out], ...
  Mlp(ParameterLayout& layout, const std::string& prefix, MlpShape shape);

  const MlpShape& shape() const { return shape_; }
  // Of its arrays in the layout, which follow one another: weight, bias, weight, ...
  size_t first_slice() const { return first_slice_; }

  // [T, B, inputs] -> [T, B, outputs], every task with its own row of parameters.
  torch::Tensor Forward(const Parameters& parameters, torch::Tensor x) const;

  // The same on one input from one row, without LibTorch, in single precision or double; allocates
  // nothing once made. Owned by one thread; independent of the network it came from.
  template <typename Scalar>
  class Evaluator {
   public:
    Evaluator(const Mlp& network, const ParameterLayout& layout);
    ~Evaluator();
    Evaluator(Evaluator&&) noexcept;
    Scalar* inputs();  // [inputs], to be written before Evaluate; they stay
    const Scalar* Evaluate(const Scalar* row) noexcept;  // [outputs], valid until the next call

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

 private:
  MlpShape shape_;
  size_t first_slice_;
};

}  // namespace fewstep
