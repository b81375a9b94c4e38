// Recurrent cells of one layer, unrolled by a kernel of our own with a backward pass of its own.
// Included by the files of the cells only.
//
// A cell is the part that works on each unit by itself; the matrix products are common to all:
//   gates of the input   x W + b             [G H]
//   gates of the memory  h U + c             [G H], for cells that have them
//   (h', c') = Cell(gates, h, c)             h is the output; c is what else is carried, or nothing
#pragma once

#include <array>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "agents/networks/memory_network.h"
#include "core/error.h"

namespace fewstep {

// `count` numbers as an array of Eigen.
template <typename Scalar>
auto Units(Scalar* values, int64_t count) {
  using Array = Eigen::Array<std::remove_const_t<Scalar>, Eigen::Dynamic, 1>;
  return Eigen::Map<std::conditional_t<std::is_const_v<Scalar>, const Array, Array>>(values, count);
}

// Numbers whose first lies where packets of a processor's instructions begin: from there on Eigen's
// rounding depends on places in the buffer alone, and not on where the buffer happens to lie.
template <typename Scalar>
using AlignedBuffer = std::vector<Scalar, Eigen::aligned_allocator<Scalar>>;

// Row-major matrices over memory that someone else owns.
template <typename Scalar>
auto MatrixOver(Scalar* values, int64_t rows, int64_t columns) {
  using Matrix =
      Eigen::Matrix<std::remove_const_t<Scalar>, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<std::conditional_t<std::is_const_v<Scalar>, const Matrix, Matrix>>(values, rows,
                                                                                       columns);
}

// Sizes and weights of one unroll. Everything is contiguous and row-major.
template <typename Scalar>
struct UnrollArguments {
  int64_t steps = 0, trials = 0, inputs = 0, units = 0;
  const Scalar* x = nullptr;                 // [S, B, I]
  const Scalar* mask = nullptr;              // [S, B]
  const Scalar* memory = nullptr;            // [B, M] before the first step
  const Scalar* input_weight = nullptr;      // [I, G H]
  const Scalar* input_bias = nullptr;        // [G H]
  const Scalar* recurrent_weight = nullptr;  // [H, G H]
  const Scalar* recurrent_bias = nullptr;    // [G H]
};

// Gradients of the arguments; those that are null are not computed.
template <typename Scalar>
struct UnrollGradients {
  Scalar* x = nullptr;
  Scalar* memory = nullptr;  // never null
  Scalar* input_weight = nullptr;
  Scalar* input_bias = nullptr;
  Scalar* recurrent_weight = nullptr;
  Scalar* recurrent_bias = nullptr;
};

// Works through the steps in tiles, whose gates stay in a processor's cache.
template <typename Cell, typename Scalar>
class RecurrentKernel {
 public:
  explicit RecurrentKernel(const UnrollArguments<Scalar>& arguments) : a_(arguments) {}

  static int64_t MemorySize(int64_t units) { return units * (1 + Cell::kCarried); }

  // Writes the outputs [S, B, H], the memory after the last step [B, M], and what the backward pass
  // needs [S, B, kSaved H], unless that is null.
  void Forward(Scalar* outputs, Scalar* final_memory, Scalar* saved) const {
    const int64_t units = a_.units, trials = a_.trials, gates = Cell::kGates * units;
    const int64_t tile = TileSteps();
    AlignedBuffer<Scalar> x_gates(static_cast<size_t>(tile * trials * gates));
    AlignedBuffer<Scalar> h_gates(static_cast<size_t>(Cell::kRecurrent ? trials * gates : gates));
    AlignedBuffer<Scalar> scratch(static_cast<size_t>(Cell::kSaved * units));
    AlignedBuffer<Scalar> h(static_cast<size_t>(trials * units));
    AlignedBuffer<Scalar> carried(static_cast<size_t>(trials * Cell::kCarried * units));
    ReadMemory(h.data(), carried.data());
    for (int64_t begin = 0; begin < a_.steps; begin += tile) {
      const int64_t end = std::min(begin + tile, a_.steps);
      auto of_tile = MatrixOver(x_gates.data(), (end - begin) * trials, gates);
      of_tile.noalias() =
          MatrixOver(a_.x + begin * trials * a_.inputs, (end - begin) * trials, a_.inputs) *
          MatrixOver(a_.input_weight, a_.inputs, gates);
      of_tile.rowwise() += MatrixOver(a_.input_bias, 1, gates).row(0);
      for (int64_t step = begin; step < end; ++step) {
        if constexpr (Cell::kRecurrent) RecurrentGates(h.data(), h_gates.data());
        for (int64_t trial = 0; trial < trials; ++trial) {
          const int64_t at = step * trials + trial;
          Scalar* own = h.data() + trial * units;
          Scalar* kept = saved != nullptr ? saved + at * Cell::kSaved * units : scratch.data();
          if (a_.mask[at] != 0) {
            Cell::Forward(units, x_gates.data() + (at - begin * trials) * gates,
                          h_gates.data() + (Cell::kRecurrent ? trial * gates : 0), own,
                          carried.data() + trial * Cell::kCarried * units, kept);
          }
          Units(outputs + at * units, units) = Units(own, units);
        }
      }
    }
    for (int64_t trial = 0; trial < trials; ++trial) {
      Scalar* out = final_memory + trial * MemorySize(units);
      std::copy_n(h.data() + trial * units, units, out);
      std::copy_n(carried.data() + trial * Cell::kCarried * units, Cell::kCarried * units,
                  out + units);
    }
  }

  // `out` gets the gradients, given those of the outputs and of the memory after the last step.
  void Backward(const Scalar* outputs, const Scalar* saved, const Scalar* output_gradients,
                const Scalar* final_gradient, const UnrollGradients<Scalar>& out) const {
    const int64_t units = a_.units, trials = a_.trials, gates = Cell::kGates * units;
    const int64_t tile = TileSteps(), memory_size = MemorySize(units);
    AlignedBuffer<Scalar> x_gates(static_cast<size_t>(tile * trials * gates));
    AlignedBuffer<Scalar> h_gates(
        static_cast<size_t>(Cell::kRecurrent ? tile * trials * gates : 0));
    AlignedBuffer<Scalar> before(static_cast<size_t>(trials * units));  // the first step's h
    AlignedBuffer<Scalar> before_carried(static_cast<size_t>(trials * Cell::kCarried * units));
    ReadMemory(before.data(), before_carried.data());
    const auto clear = [&](Scalar* gradient, int64_t count) {
      if (gradient != nullptr) std::fill_n(gradient, count, Scalar{0});
    };
    clear(out.input_weight, a_.inputs * gates);
    clear(out.input_bias, gates);
    clear(out.recurrent_weight, Cell::kRecurrent ? units * gates : 0);
    clear(out.recurrent_bias, Cell::kRecurrent ? gates : 0);

    // of h and of what else is carried, on its way back
    AlignedBuffer<Scalar> dh(static_cast<size_t>(trials * units));
    AlignedBuffer<Scalar> dcarried(static_cast<size_t>(trials * Cell::kCarried * units));
    for (int64_t trial = 0; trial < trials; ++trial) {
      const Scalar* in = final_gradient + trial * memory_size;
      std::copy_n(in, units, dh.data() + trial * units);
      std::copy_n(in + units, Cell::kCarried * units,
                  dcarried.data() + trial * Cell::kCarried * units);
    }

    const int64_t tiles = (a_.steps + tile - 1) / tile;
    for (int64_t index = tiles; index-- > 0;) {
      const int64_t begin = index * tile, end = std::min(begin + tile, a_.steps);
      const int64_t rows = (end - begin) * trials;
      for (int64_t step = end; step-- > begin;) {
        for (int64_t trial = 0; trial < trials; ++trial) {
          const int64_t at = step * trials + trial, in_tile = at - begin * trials;
          Scalar* own = dh.data() + trial * units;
          Units(own, units) += Units(output_gradients + at * units, units);
          Scalar* dx = x_gates.data() + in_tile * gates;
          Scalar* dg = Cell::kRecurrent ? h_gates.data() + in_tile * gates : nullptr;
          if (a_.mask[at] == 0) {
            std::fill_n(dx, gates, Scalar{0});
            if (Cell::kRecurrent) std::fill_n(dg, gates, Scalar{0});
            continue;
          }
          const Scalar* h_before =
              step > 0 ? outputs + (at - trials) * units : before.data() + trial * units;
          Cell::Backward(units, saved + at * Cell::kSaved * units, h_before, own,
                         dcarried.data() + trial * Cell::kCarried * units, dx, dg);
        }
        if constexpr (Cell::kRecurrent) {
          MatrixOver(dh.data(), trials, units).noalias() +=
              MatrixOver(h_gates.data() + (step - begin) * trials * gates, trials, gates) *
              MatrixOver(a_.recurrent_weight, units, gates).transpose();
        }
      }

      // the tile's part of the weights' gradients
      const auto dx = MatrixOver(x_gates.data(), rows, gates);
      const auto x = MatrixOver(a_.x + begin * trials * a_.inputs, rows, a_.inputs);
      if (out.input_weight != nullptr) {
        MatrixOver(out.input_weight, a_.inputs, gates).noalias() += x.transpose() * dx;
        MatrixOver(out.input_bias, 1, gates) += dx.colwise().sum();
      }
      if (out.x != nullptr) {
        MatrixOver(out.x + begin * trials * a_.inputs, rows, a_.inputs).noalias() =
            dx * MatrixOver(a_.input_weight, a_.inputs, gates).transpose();
      }
      if constexpr (Cell::kRecurrent) {
        if (out.recurrent_weight == nullptr) continue;
        const auto dg = MatrixOver(h_gates.data(), rows, gates);
        auto weight = MatrixOver(out.recurrent_weight, units, gates);
        const int64_t first = begin == 0 ? 1 : 0;  // steps of the tile that begin with `before`
        if (first == 1) {
          weight.noalias() +=
              MatrixOver(before.data(), trials, units).transpose() * dg.topRows(trials);
        }
        const int64_t others = rows - first * trials;
        if (others > 0) {
          weight.noalias() +=
              MatrixOver(outputs + (begin + first - 1) * trials * units, others, units)
                  .transpose() *
              dg.bottomRows(others);
        }
        MatrixOver(out.recurrent_bias, 1, gates) += dg.colwise().sum();
      }
    }

    for (int64_t trial = 0; trial < trials; ++trial) {
      Scalar* gradient = out.memory + trial * memory_size;
      std::copy_n(dh.data() + trial * units, units, gradient);
      std::copy_n(dcarried.data() + trial * Cell::kCarried * units, Cell::kCarried * units,
                  gradient + units);
    }
  }

 private:
  // Steps whose gates are some hundred kilobytes. Part of the order of summation.
  int64_t TileSteps() const { return std::max<int64_t>(1, 512 / a_.trials); }

  void RecurrentGates(const Scalar* h, Scalar* gates) const {
    const int64_t width = Cell::kGates * a_.units;
    auto out = MatrixOver(gates, a_.trials, width);
    out.noalias() =
        MatrixOver(h, a_.trials, a_.units) * MatrixOver(a_.recurrent_weight, a_.units, width);
    out.rowwise() += MatrixOver(a_.recurrent_bias, 1, width).row(0);
  }

  void ReadMemory(Scalar* h, Scalar* carried) const {
    for (int64_t trial = 0; trial < a_.trials; ++trial) {
      const Scalar* memory = a_.memory + trial * MemorySize(a_.units);
      std::copy_n(memory, a_.units, h + trial * a_.units);
      std::copy_n(memory + a_.units, Cell::kCarried * a_.units,
                  carried + trial * Cell::kCarried * a_.units);
    }
  }

  UnrollArguments<Scalar> a_;
};

// The kernel inside autograd: x [S, B, I], mask [S, B], memory [B, M] and the weights of one row
// (empty ones where the cell has none) -> outputs [S, B, H], memory [B, M].
template <typename Cell>
class RecurrentFunction : public torch::autograd::Function<RecurrentFunction<Cell>> {
 public:
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static Tensors forward(Context* context, const torch::Tensor& x, const torch::Tensor& mask,
                         const torch::Tensor& memory, const torch::Tensor& input_weight,
                         const torch::Tensor& input_bias, const torch::Tensor& recurrent_weight,
                         const torch::Tensor& recurrent_bias, bool differentiated) {
    const Tensors arguments = {x.contiguous(),
                               mask.contiguous(),
                               memory.contiguous(),
                               input_weight.contiguous(),
                               input_bias.contiguous(),
                               recurrent_weight.contiguous(),
                               recurrent_bias.contiguous()};
    const int64_t steps = x.size(0), trials = x.size(1),
                  units = input_weight.size(1) / Cell::kGates;
    const torch::Tensor outputs = torch::empty({steps, trials, units}, x.options());
    const torch::Tensor final_memory = torch::empty_like(arguments[2]);
    torch::Tensor saved;
    if (differentiated) {
      saved = torch::empty({steps, trials, Cell::kSaved * units}, x.options());
      // what a masked step leaves unwritten is not read
    }
    Dispatch(x, [&](auto scalar) {
      using Scalar = decltype(scalar);
      RecurrentKernel<Cell, Scalar>(Arguments<Scalar>(arguments))
          .Forward(Data<Scalar>(outputs), Data<Scalar>(final_memory),
                   differentiated ? Data<Scalar>(saved) : nullptr);
    });
    if (differentiated) {
      Tensors kept = arguments;
      kept.push_back(outputs);
      kept.push_back(saved);
      context->save_for_backward(kept);
    }
    return {outputs, final_memory};
  }

  static Tensors backward(Context* context, Tensors gradients) {
    Tensors kept = context->get_saved_variables();
    const torch::Tensor saved = kept.back(), outputs = kept[kept.size() - 2];
    kept.resize(7);
    const auto given = [](const torch::Tensor& gradient, const torch::Tensor& like) {
      return gradient.defined() ? gradient.contiguous() : torch::zeros_like(like);
    };
    const torch::Tensor output_gradients = given(gradients[0], outputs);
    const torch::Tensor final_gradient = given(gradients[1], kept[2]);
    Tensors out(8);
    constexpr size_t kX = 0, kMemory = 2, kWeights = 3;
    if (context->needs_input_grad(kX)) out[kX] = torch::empty_like(kept[kX]);
    out[kMemory] = torch::empty_like(kept[kMemory]);
    const bool weights = context->needs_input_grad(kWeights);
    for (size_t i = kWeights; weights && i < 7; ++i) out[i] = torch::empty_like(kept[i]);
    Dispatch(outputs, [&](auto scalar) {
      using Scalar = decltype(scalar);
      const auto at = [&](size_t i) { return out[i].defined() ? Data<Scalar>(out[i]) : nullptr; };
      RecurrentKernel<Cell, Scalar>(Arguments<Scalar>(kept))
          .Backward(Data<Scalar>(outputs), Data<Scalar>(saved), Data<Scalar>(output_gradients),
                    Data<Scalar>(final_gradient),
                    {.x = at(0),
                     .memory = at(2),
                     .input_weight = at(3),
                     .input_bias = at(4),
                     .recurrent_weight = at(5),
                     .recurrent_bias = at(6)});
    });
    return out;
  }

 private:
  template <typename Function>
  static void Dispatch(const torch::Tensor& like, const Function& function) {
    if (like.scalar_type() == torch::kFloat64) {
      function(double{});
    } else {
      FEWSTEP_CHECK(like.scalar_type() == torch::kFloat32, "an unroll of another type than floats");
      function(float{});
    }
  }
  template <typename Scalar>
  static Scalar* Data(const torch::Tensor& tensor) {
    return tensor.data_ptr<Scalar>();
  }
  template <typename Scalar>
  static UnrollArguments<Scalar> Arguments(const Tensors& tensors) {
    return {.steps = tensors[0].size(0),
            .trials = tensors[0].size(1),
            .inputs = tensors[0].size(2),
            .units = tensors[3].size(1) / Cell::kGates,
            .x = Data<Scalar>(tensors[0]),
            .mask = Data<Scalar>(tensors[1]),
            .memory = Data<Scalar>(tensors[2]),
            .input_weight = Data<Scalar>(tensors[3]),
            .input_bias = Data<Scalar>(tensors[4]),
            .recurrent_weight = Data<Scalar>(tensors[5]),
            .recurrent_bias = Data<Scalar>(tensors[6])};
  }
};

// A layer of such cells.
template <typename Cell>
class Recurrent final : public MemoryNetwork {
 public:
  Recurrent(ParameterLayout& layout, const std::string& prefix, int64_t inputs, int64_t size)
      : inputs_(inputs), units_(size) {
    const int64_t gates = Cell::kGates * size;
    input_weight_ = layout.Add(prefix + "input.weight", {inputs, gates}, ParameterRole::kBody,
                               Initial::Xavier(1, Cell::kGates));
    input_bias_ = layout.Add(prefix + "input.bias", {1, gates}, ParameterRole::kBody,
                             Initial::Values(Cell::InitialBias(size)));
    if (!Cell::kRecurrent) return;
    recurrent_weight_ = layout.Add(prefix + "recurrent.weight", {size, gates}, ParameterRole::kBody,
                                   Initial::Orthogonal(1, Cell::kGates));
    recurrent_bias_ = layout.Add(prefix + "recurrent.bias", {1, gates});
  }

  int64_t outputs() const override { return units_; }
  int64_t memory_size() const override { return units_ * (1 + Cell::kCarried); }
  double kept_numbers(int64_t /*steps*/) const override {
    return static_cast<double>(inputs_ + units_ * (1 + Cell::kSaved));
  }

  MemoryOutput Unroll(const Parameters& parameters, const torch::Tensor& inputs,
                      const torch::Tensor& mask, const torch::Tensor& memory,
                      Derivatives derivatives) const override {
    if (derivatives == Derivatives::kSecond || !inputs.device().is_cpu()) {
      return UnrollBySteps(parameters, inputs, mask, memory);
    }
    const bool differentiated = torch::GradMode::is_enabled();
    std::vector<torch::Tensor> outputs, memories;
    for (int64_t task = 0; task < inputs.size(0); ++task) {
      const auto weight = [&](size_t slice) { return parameters.View(slice)[task]; };
      const torch::Tensor none = torch::empty({0}, inputs.options());
      const auto out = RecurrentFunction<Cell>::apply(
          inputs[task], mask[task], memory[task], weight(input_weight_), weight(input_bias_),
          Cell::kRecurrent ? weight(recurrent_weight_) : none,
          Cell::kRecurrent ? weight(recurrent_bias_) : none, differentiated);
      outputs.push_back(out[0]);
      memories.push_back(out[1]);
    }
    if (outputs.size() == 1) return {outputs[0].unsqueeze(0), memories[0].unsqueeze(0)};
    return {torch::stack(outputs), torch::stack(memories)};
  }

  MemoryOutput Step(const Parameters& parameters, const torch::Tensor& inputs,
                    const torch::Tensor& memory) const override {
    const torch::Tensor x =
        torch::baddbmm(parameters.View(input_bias_), inputs, parameters.View(input_weight_));
    torch::Tensor h_gates;
    if (Cell::kRecurrent) {
      h_gates = torch::baddbmm(parameters.View(recurrent_bias_), memory.narrow(-1, 0, units_),
                               parameters.View(recurrent_weight_));
    }
    const torch::Tensor next = Cell::Step(units_, x, h_gates, memory);
    return {next.narrow(-1, 0, units_), next};
  }

  std::unique_ptr<MemoryEvaluator<float>> MakeEvaluator(const ParameterLayout& layout,
                                                        float) const override {
    return std::make_unique<Evaluator<float>>(*this, layout);
  }
  std::unique_ptr<MemoryEvaluator<double>> MakeEvaluator(const ParameterLayout& layout,
                                                         double) const override {
    return std::make_unique<Evaluator<double>>(*this, layout);
  }

 private:
  MemoryOutput UnrollBySteps(const Parameters& parameters, const torch::Tensor& inputs,
                             const torch::Tensor& mask, torch::Tensor memory) const {
    std::vector<torch::Tensor> outputs;
    for (int64_t step = 0; step < inputs.size(1); ++step) {
      const MemoryOutput next = Step(parameters, inputs.select(1, step), memory);
      memory = torch::where(mask.select(1, step).unsqueeze(-1) != 0, next.memory, memory);
      outputs.push_back(memory.narrow(-1, 0, units_));
    }
    return {torch::stack(outputs, 1), memory};
  }

  template <typename Scalar>
  class Evaluator final : public MemoryEvaluator<Scalar> {
   public:
    Evaluator(const Recurrent& network, const ParameterLayout& layout)
        : inputs_(network.inputs_), units_(network.units_) {
      const auto offset = [&](size_t slice) { return layout.slices()[slice].offset; };
      const auto gates = static_cast<size_t>(Cell::kGates * units_);
      input_weight_ = offset(network.input_weight_);
      input_bias_ = offset(network.input_bias_);
      if (Cell::kRecurrent) {
        recurrent_weight_ = offset(network.recurrent_weight_);
        recurrent_bias_ = offset(network.recurrent_bias_);
      }
      x_gates_.resize(gates);
      h_gates_.resize(gates);
      saved_.resize(static_cast<size_t>(Cell::kSaved * units_));
    }

    const Scalar* Step(const Scalar* row, const Scalar* input, Scalar* memory) noexcept override {
      Gates(row + input_weight_, row + input_bias_, input, inputs_, x_gates_.data());
      if constexpr (Cell::kRecurrent) {
        Gates(row + recurrent_weight_, row + recurrent_bias_, memory, units_, h_gates_.data());
      }
      Cell::Forward(units_, x_gates_.data(), h_gates_.data(), memory, memory + units_,
                    saved_.data());
      return memory;
    }

   private:
    void Gates(const Scalar* weight, const Scalar* bias, const Scalar* input, int64_t count,
               Scalar* gates) const {
      // a weight is stored [in, out], so column-major it is its own transpose
      using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
      using Vector = Eigen::Vector<Scalar, Eigen::Dynamic>;
      const int64_t width = Cell::kGates * units_;
      Eigen::Map<Vector> out(gates, width);
      out.noalias() =
          Eigen::Map<const Matrix>(weight, width, count) * Eigen::Map<const Vector>(input, count);
      out += Eigen::Map<const Vector>(bias, width);
    }

    int64_t inputs_, units_;
    int64_t input_weight_ = 0, input_bias_ = 0, recurrent_weight_ = 0, recurrent_bias_ = 0;
    AlignedBuffer<Scalar> x_gates_, h_gates_, saved_;
  };

  int64_t inputs_, units_;
  size_t input_weight_ = 0, input_bias_ = 0, recurrent_weight_ = 0, recurrent_bias_ = 0;  // slices
};

}  // namespace fewstep
