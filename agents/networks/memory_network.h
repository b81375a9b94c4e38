// Networks with memory: functions of a slice of the row, of a sequence of inputs, and of a memory
// that is one row a trial. A step that is masked out leaves the memory as it was.
//
// A network has three faces that give the same outputs: an evaluator between two steps of a
// simulation, Step on a batch of simulations, and Unroll on whole sequences for a learner.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agents/parameters.h"
#include "core/config.h"

namespace fewstep {

enum class MemoryKind { kGru, kLstm, kMinGru, kTransformer };
inline constexpr ChoiceName<MemoryKind> kMemoryKindNames[] = {
    {"gru", MemoryKind::kGru},
    {"lstm", MemoryKind::kLstm},
    {"min_gru", MemoryKind::kMinGru},
    {"transformer", MemoryKind::kTransformer}};

// A part of a recipe: [agent.memory].
struct MemoryOptions : Options {
  MemoryKind kind = MemoryKind::kGru;
  int64_t size = 64;
  int64_t layers = 1;
  int64_t heads = 4;
  int64_t context = 128;
  void Visit(FieldVisitor& visitor) override;
};

// What is to be differentiated through an unroll.
enum class Derivatives {
  kFirst,   // once: kernels with backward passes of their own may be used
  kSecond,  // twice: LibTorch's operators only
};

struct MemoryOutput {
  torch::Tensor outputs;  // [T, S, B, outputs]; [T, B, outputs] of one step
  torch::Tensor memory;   // [T, B, M] after the last step
};

// One step on one input from one row, without LibTorch, in the type of `Scalar`. Allocates nothing
// once made. Owned by one thread; independent of the network it came from.
template <typename Scalar>
class MemoryEvaluator {
 public:
  virtual ~MemoryEvaluator() = default;
  // `memory` [M] is brought up to date in place. Returns [outputs], valid until the next call.
  virtual const Scalar* Step(const Scalar* row, const Scalar* input, Scalar* memory) noexcept = 0;
};

// Immutable. A memory of zeros is one that has seen nothing.
class MemoryNetwork {
 public:
  virtual ~MemoryNetwork() = default;

  virtual int64_t outputs() const = 0;
  virtual int64_t memory_size() const = 0;  // M
  // About how many numbers an unroll of `steps` steps keeps for its backward pass, a step.
  virtual double kept_numbers(int64_t steps) const = 0;

  // Inputs [T, S, B, inputs] of S steps of B trials of T tasks with their rows [T, P]; `mask`
  // [T, S, B] is 0 where a step is left out (its output is undefined); `memory` [T, B, M] before
  // the first step.
  virtual MemoryOutput Unroll(const Parameters& parameters, const torch::Tensor& inputs,
                              const torch::Tensor& mask, const torch::Tensor& memory,
                              Derivatives derivatives) const = 0;

  // One step, of inputs [T, B, inputs].
  virtual MemoryOutput Step(const Parameters& parameters, const torch::Tensor& inputs,
                            const torch::Tensor& memory) const = 0;

  virtual std::unique_ptr<MemoryEvaluator<float>> MakeEvaluator(const ParameterLayout&,
                                                                float) const = 0;
  virtual std::unique_ptr<MemoryEvaluator<double>> MakeEvaluator(const ParameterLayout&,
                                                                 double) const = 0;
};

// Appends its arrays to `layout`, their names beginning with `prefix`.
std::unique_ptr<MemoryNetwork> MakeMemoryNetwork(ParameterLayout& layout, const std::string& prefix,
                                                 int64_t inputs, const MemoryOptions& options);

// The kinds, one layer each.
//
// Gated recurrent unit (Cho et al. 2014; the form of cuDNN and LibTorch, in which the reset gate
// multiplies the product with the recurrent weights):
//   r = s(x W_r + b_r + h U_r + c_r)      z = s(x W_z + b_z + h U_z + c_z)
//   n = tanh(x W_n + b_n + r (h U_n + c_n))      h' = (1 - z) n + z h
// Arrays: "input.weight" [I, 3H] (r, z, n), "input.bias", "recurrent.weight" [H, 3H],
// "recurrent.bias".
std::unique_ptr<MemoryNetwork> MakeGru(ParameterLayout& layout, const std::string& prefix,
                                       int64_t inputs, int64_t size);

// Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000) with a forget bias of
// 1 at the start (Jozefowicz et al. 2015):
//   i, f, o = s(x W + b + h U + c)      g = tanh(...)      c' = f c + i g      h' = o tanh(c')
// The memory is h, then c. Arrays as the GRU's, [., 4H] (i, f, g, o).
std::unique_ptr<MemoryNetwork> MakeLstm(ParameterLayout& layout, const std::string& prefix,
                                        int64_t inputs, int64_t size);

// A gated linear recurrence, minGRU (Feng et al. 2024, "Were RNNs all we needed?", section 3.1):
//   z = s(x W_z + b_z)      n = x W_n + b_n      h' = (1 - z) h + z n
// The gate does not see the memory, so what is remembered is linear in it. Arrays: "input.weight"
// [I, 2H] (z, n), "input.bias".
std::unique_ptr<MemoryNetwork> MakeMinGru(ParameterLayout& layout, const std::string& prefix,
                                          int64_t inputs, int64_t size);

// A causal transformer of pre-norm blocks (Vaswani et al. 2017; Xiong et al. 2020). Each step
// attends to itself and to the `context` - 1 before it of its trial, masked ones not counted.
// Where a step lies enters as a penalty on attention that grows with the distance, with a slope a
// head (Press et al. 2022, ALiBi): 2^(-8 i / n) for i = 1 .. n, n half of the heads, rounded up;
// the others have slope 0, so that they can take means over all that is remembered. The memory is a
// ring of keys and values a layer, and the number of steps.
std::unique_ptr<MemoryNetwork> MakeTransformer(ParameterLayout& layout, const std::string& prefix,
                                               int64_t inputs, const MemoryOptions& options);

}  // namespace fewstep
