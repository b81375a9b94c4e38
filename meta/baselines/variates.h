// Random numbers of the posteriors that the classical agents sample from.
#pragma once

#include <span>

#include "core/rng.h"

namespace fewstep {

// Gamma with scale 1 and shape >= 1: Marsaglia and Tsang, "A simple method for generating gamma
// variables" (ACM TOMS, 2000).
double SampleGamma(double shape, Rng& rng);

// Beta(a, b), a and b >= 1.
double SampleBeta(double a, double b, Rng& rng);

// Dirichlet with concentrations >= 1; writes as many probabilities.
void SampleDirichlet(std::span<const double> concentration, Rng& rng, std::span<double> out);

}  // namespace fewstep
