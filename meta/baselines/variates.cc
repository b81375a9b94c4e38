#include "meta/baselines/variates.h"

#include <cmath>

#include "core/error.h"

namespace fewstep {

double SampleGamma(double shape, Rng& rng) {
  FEWSTEP_CHECK(shape >= 1, "shape {}", shape);
  // an exponential needs no rejection
  if (shape == 1) return -std::log(1 - rng.Uniform());
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double normal = rng.Normal();
    const double root = 1 + c * normal;
    if (root <= 0) continue;
    const double cube = root * root * root;
    // the squeeze accepts most without a logarithm
    const double uniform = 1 - rng.Uniform(), square = normal * normal;
    if (uniform < 1 - 0.0331 * square * square) return d * cube;
    if (std::log(uniform) < 0.5 * square + d * (1 - cube + std::log(cube))) return d * cube;
  }
}

double SampleBeta(double a, double b, Rng& rng) {
  if (a == 1 && b == 1) return rng.Uniform();
  const double x = SampleGamma(a, rng), y = SampleGamma(b, rng);
  return x / (x + y);
}

void SampleDirichlet(std::span<const double> concentration, Rng& rng, std::span<double> out) {
  FEWSTEP_CHECK(concentration.size() == out.size(), "{} for {}", out.size(), concentration.size());
  double sum = 0;
  for (size_t i = 0; i < out.size(); ++i) sum += out[i] = SampleGamma(concentration[i], rng);
  for (double& probability : out) probability /= sum;
}

}  // namespace fewstep
