#include "agents/networks/recurrent.h"

namespace fewstep {
namespace {

struct MinGruCell {
  static constexpr int64_t kGates = 2;    // z, n
  static constexpr int64_t kSaved = 2;    // z, n
  static constexpr int64_t kCarried = 0;  // nothing beside h
  static constexpr bool kRecurrent = false;

  static std::vector<double> InitialBias(int64_t units) {
    return std::vector<double>(static_cast<size_t>(kGates * units));
  }

  template <typename Scalar>
  static void Forward(int64_t n, const Scalar* x_gates, const Scalar* /*h_gates*/, Scalar* h,
                      Scalar* /*carried*/, Scalar* saved) {
    auto z = Units(saved, n), candidate = Units(saved + n, n), own = Units(h, n);
    z = Units(x_gates, n).logistic();
    candidate = Units(x_gates + n, n);
    own += z * (candidate - own);
  }

  template <typename Scalar>
  static void Backward(int64_t n, const Scalar* saved, const Scalar* h, Scalar* dh,
                       Scalar* /*dcarried*/, Scalar* dx_gates, Scalar* /*dh_gates*/) {
    const auto z = Units(saved, n), candidate = Units(saved + n, n), before = Units(h, n);
    auto gradient = Units(dh, n);
    Units(dx_gates, n) = gradient * (candidate - before) * z * (1 - z);
    Units(dx_gates + n, n) = gradient * z;
    gradient *= 1 - z;
  }

  static torch::Tensor Step(int64_t n, const torch::Tensor& x_gates, const torch::Tensor&,
                            const torch::Tensor& memory) {
    const torch::Tensor z = x_gates.narrow(-1, 0, n).sigmoid();
    return memory + z * (x_gates.narrow(-1, n, n) - memory);
  }
};

}  // namespace

std::unique_ptr<MemoryNetwork> MakeMinGru(ParameterLayout& layout, const std::string& prefix,
                                          int64_t inputs, int64_t size) {
  return std::make_unique<Recurrent<MinGruCell>>(layout, prefix, inputs, size);
}

}  // namespace fewstep
