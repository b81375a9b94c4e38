#include "agents/networks/recurrent.h"

namespace fewstep {
namespace {

struct GruCell {
  static constexpr int64_t kGates = 3;    // r, z, n
  static constexpr int64_t kSaved = 4;    // r, z, n, h U_n + c_n
  static constexpr int64_t kCarried = 0;  // nothing beside h
  static constexpr bool kRecurrent = true;

  static std::vector<double> InitialBias(int64_t units) {
    return std::vector<double>(static_cast<size_t>(kGates * units));
  }

  // `h` becomes h'.
  template <typename Scalar>
  static void Forward(int64_t n, const Scalar* x_gates, const Scalar* h_gates, Scalar* h,
                      Scalar* /*carried*/, Scalar* saved) {
    auto r = Units(saved, n), z = Units(saved + n, n), candidate = Units(saved + 2 * n, n);
    auto recurrent = Units(saved + 3 * n, n), own = Units(h, n);
    r = (Units(x_gates, n) + Units(h_gates, n)).logistic();
    z = (Units(x_gates + n, n) + Units(h_gates + n, n)).logistic();
    recurrent = Units(h_gates + 2 * n, n);
    candidate = (Units(x_gates + 2 * n, n) + r * recurrent).tanh();
    own = candidate + z * (own - candidate);
  }

  // `dh`, the gradient of h', becomes that of h as far as it does not go through the gates.
  template <typename Scalar>
  static void Backward(int64_t n, const Scalar* saved, const Scalar* h, Scalar* dh,
                       Scalar* /*dcarried*/, Scalar* dx_gates, Scalar* dh_gates) {
    const auto r = Units(saved, n), z = Units(saved + n, n), candidate = Units(saved + 2 * n, n);
    const auto recurrent = Units(saved + 3 * n, n), before = Units(h, n);
    auto gradient = Units(dh, n);
    auto dr = Units(dx_gates, n), dz = Units(dx_gates + n, n), dn = Units(dx_gates + 2 * n, n);
    dn = gradient * (1 - z) * (1 - candidate * candidate);
    dz = gradient * (before - candidate) * z * (1 - z);
    dr = dn * recurrent * r * (1 - r);
    Units(dh_gates, n) = dr;
    Units(dh_gates + n, n) = dz;
    Units(dh_gates + 2 * n, n) = dn * r;
    gradient *= z;
  }

  static torch::Tensor Step(int64_t n, const torch::Tensor& x_gates, const torch::Tensor& h_gates,
                            const torch::Tensor& memory) {
    const auto gate = [&](const torch::Tensor& gates, int64_t i) {
      return gates.narrow(-1, i * n, n);
    };
    const torch::Tensor r = (gate(x_gates, 0) + gate(h_gates, 0)).sigmoid();
    const torch::Tensor z = (gate(x_gates, 1) + gate(h_gates, 1)).sigmoid();
    const torch::Tensor candidate = (gate(x_gates, 2) + r * gate(h_gates, 2)).tanh();
    return candidate + z * (memory - candidate);
  }
};

}  // namespace

std::unique_ptr<MemoryNetwork> MakeGru(ParameterLayout& layout, const std::string& prefix,
                                       int64_t inputs, int64_t size) {
  return std::make_unique<Recurrent<GruCell>>(layout, prefix, inputs, size);
}

}  // namespace fewstep
