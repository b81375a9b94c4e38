// Conjugate gradients on matrices whose solutions are known.
#include "agents/optimizers/conjugate_gradient.h"

#include "tests/agents/learning_testing.h"

namespace fewstep {
namespace {

constexpr int64_t kSize = 12;

// Symmetric positive definite, with eigenvalues from 0.5 to 6.
torch::Tensor Matrix() {
  const torch::Tensor rotation = std::get<0>(torch::linalg_qr(Normals({kSize, kSize}, 1)));
  const torch::Tensor eigenvalues =
      torch::arange(1, kSize + 1, torch::kFloat64) * 0.5;  // all different
  return rotation.mm(torch::diag(eigenvalues)).mm(rotation.t());
}

LinearMap ProductsOf(const torch::Tensor& matrix, int* count = nullptr) {
  return [=](const torch::Tensor& vector) {
    if (count != nullptr) ++*count;
    return vector.mm(matrix);
  };
}

TEST(ConjugateGradients, SolveInAsManyStepsAsThereAreEigenvalues) {
  const torch::Tensor matrix = Matrix(), solution = Normals({1, kSize}, 2);
  const torch::Tensor b = solution.mm(matrix);
  EXPECT_LT(Distance(SolveByConjugateGradients(ProductsOf(matrix), b, kSize, 0), solution), 1e-9);
  EXPECT_GT(Distance(SolveByConjugateGradients(ProductsOf(matrix), b, 3, 0), solution), 1e-4);
  // two eigenvalues: two steps
  const torch::Tensor two = torch::diag((torch::arange(kSize) > 4).to(torch::kFloat64) * 3 + 1);
  int count = 0;
  const torch::Tensor x =
      SolveByConjugateGradients(ProductsOf(two, &count), solution.mm(two), 100, 1e-20);
  EXPECT_LT(Distance(x, solution), 1e-9);
  EXPECT_EQ(count, 2);
}

TEST(ConjugateGradients, EveryStepComesNearerInTheNormOfTheMatrix) {
  const torch::Tensor matrix = Matrix(), solution = Normals({1, kSize}, 3);
  double before = INFINITY;
  for (int64_t steps = 0; steps <= kSize; ++steps) {
    const torch::Tensor error =
        SolveByConjugateGradients(ProductsOf(matrix), solution.mm(matrix), steps, 0) - solution;
    const double norm = (error.mm(matrix) * error).sum().item<double>();
    EXPECT_LT(norm, before) << steps;
    before = norm;
  }
}

TEST(ConjugateGradients, StopWhereThereIsNoPositiveCurvature) {
  const torch::Tensor b = Normals({1, kSize}, 4);
  const torch::Tensor flat = torch::zeros({kSize, kSize}, torch::kFloat64);
  EXPECT_EQ(SolveByConjugateGradients(ProductsOf(flat), b, 10).abs().max().item<double>(), 0);
  EXPECT_TRUE(
      SolveByConjugateGradients(ProductsOf(-Matrix()), b, 10).isfinite().all().item<bool>());
  EXPECT_EQ(SolveByConjugateGradients(ProductsOf(Matrix()), b * 0, 10).abs().max().item<double>(),
            0);
}

TEST(ConjugateGradients, SinglePrecisionIsAsGoodAsItsProducts) {
  const torch::Tensor matrix = Matrix(), solution = Normals({1, kSize}, 5);
  const torch::Tensor x = SolveByConjugateGradients(ProductsOf(matrix.to(torch::kFloat32)),
                                                    solution.mm(matrix).to(torch::kFloat32), 20);
  EXPECT_EQ(x.scalar_type(), torch::kFloat32);
  EXPECT_LT(Distance(x, solution), 1e-4);
}

}  // namespace
}  // namespace fewstep
