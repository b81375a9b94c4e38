#include "agents/networks/recurrent.h"

namespace fewstep {
namespace {

struct LstmCell {
  static constexpr int64_t kGates = 4;    // i, f, g, o
  static constexpr int64_t kSaved = 6;    // i, f, g, o, c before, tanh(c')
  static constexpr int64_t kCarried = 1;  // c
  static constexpr bool kRecurrent = true;

  static std::vector<double> InitialBias(int64_t units) {
    std::vector<double> bias(static_cast<size_t>(kGates * units));
    std::fill_n(bias.begin() + units, units, 1.0);
    return bias;
  }

  template <typename Scalar>
  static void Forward(int64_t n, const Scalar* x_gates, const Scalar* h_gates, Scalar* h,
                      Scalar* carried, Scalar* saved) {
    auto i = Units(saved, n), f = Units(saved + n, n), g = Units(saved + 2 * n, n);
    auto o = Units(saved + 3 * n, n), before = Units(saved + 4 * n, n);
    auto squashed = Units(saved + 5 * n, n), c = Units(carried, n);
    i = (Units(x_gates, n) + Units(h_gates, n)).logistic();
    f = (Units(x_gates + n, n) + Units(h_gates + n, n)).logistic();
    g = (Units(x_gates + 2 * n, n) + Units(h_gates + 2 * n, n)).tanh();
    o = (Units(x_gates + 3 * n, n) + Units(h_gates + 3 * n, n)).logistic();
    before = c;
    c = f * before + i * g;
    squashed = c.tanh();
    Units(h, n) = o * squashed;
  }

  template <typename Scalar>
  static void Backward(int64_t n, const Scalar* saved, const Scalar* /*h*/, Scalar* dh,
                       Scalar* dcarried, Scalar* dx_gates, Scalar* dh_gates) {
    const auto i = Units(saved, n), f = Units(saved + n, n), g = Units(saved + 2 * n, n);
    const auto o = Units(saved + 3 * n, n), before = Units(saved + 4 * n, n);
    const auto squashed = Units(saved + 5 * n, n);
    auto gradient = Units(dh, n), dc = Units(dcarried, n);
    dc += gradient * o * (1 - squashed * squashed);
    Units(dx_gates, n) = dc * g * i * (1 - i);
    Units(dx_gates + n, n) = dc * before * f * (1 - f);
    Units(dx_gates + 2 * n, n) = dc * i * (1 - g * g);
    Units(dx_gates + 3 * n, n) = gradient * squashed * o * (1 - o);
    Units(dh_gates, kGates * n) = Units(dx_gates, kGates * n);
    dc *= f;
    gradient.setZero();
  }

  static torch::Tensor Step(int64_t n, const torch::Tensor& x_gates, const torch::Tensor& h_gates,
                            const torch::Tensor& memory) {
    const torch::Tensor gates = x_gates + h_gates;
    const auto gate = [&](int64_t i) { return gates.narrow(-1, i * n, n); };
    const torch::Tensor c =
        gate(1).sigmoid() * memory.narrow(-1, n, n) + gate(0).sigmoid() * gate(2).tanh();
    return torch::cat({gate(3).sigmoid() * c.tanh(), c}, -1);
  }
};

}  // namespace

std::unique_ptr<MemoryNetwork> MakeLstm(ParameterLayout& layout, const std::string& prefix,
                                        int64_t inputs, int64_t size) {
  return std::make_unique<Recurrent<LstmCell>>(layout, prefix, inputs, size);
}

}  // namespace fewstep
