#include "experiments/studies/gradient_noise.h"

#include "core/error.h"
#include "meta/gradient/gradient_agent.h"

namespace fewstep {

GradientNoise NoiseOf(const torch::Tensor& estimates) {
  const torch::Tensor g = estimates.to(torch::kFloat64);
  const double rounds = static_cast<double>(g.size(0));
  FEWSTEP_CHECK(rounds >= 2, "{} rounds", rounds);
  const torch::Tensor mean = g.mean(0, /*keepdim=*/true);
  GradientNoise noise;
  noise.mean_norm = mean.norm().item<double>();
  noise.deviation = std::sqrt((g - mean).square().sum().item<double>() / (rounds - 1));
  // Without a signal the products have mean 0 and are uncorrelated, so their sum deviates by the
  // root of the sum of their squares; 1.645 of it leaves a normal sum 5 % above.
  const torch::Tensor products = torch::tril(g.mm(g.t()), -1);  // [R, R], i > j
  const double sum = products.sum().item<double>();
  if (sum > 1.645 * products.norm().item<double>()) {
    noise.signal = std::sqrt(sum / (0.5 * rounds * (rounds - 1)));
    noise.relative = noise.deviation / *noise.signal;
  }
  // the sum over all pairs of unit vectors is the square of their sum
  const torch::Tensor units = g / g.norm(2, {1}, /*keepdim=*/true);
  const double squared = units.sum(0).square().sum().item<double>();
  noise.agreement = (squared - rounds) / (rounds * (rounds - 1));
  return noise;
}

std::vector<GradientNoise> MeasureGradientNoise(RunConfig& config, const Catalog& catalog,
                                                const TensorFile& checkpoint,
                                                const GradientNoiseOptions& options,
                                                const std::function<void()>& progress) {
  // a copy of the recipe, whose inner surrogate is changed below
  RunConfig own = ReadRunConfig(Config::ParseText(config.ToToml(), config.run_path()), catalog);
  own.run.threads = config.run.threads;
  auto* agent_options = dynamic_cast<GradientAgentOptions*>(own.agent.get());
  if (agent_options == nullptr || agent_options->adaptation.inner_steps == 0) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} has no gradient through an inner loop", config.agent_name),
                {.file = config.run_path()});
  }
  const Rng root(options.seed);
  std::vector<GradientNoise> study;
  for (const Surrogate surrogate : options.surrogates) {
    agent_options->adaptation.inner_surrogate = surrogate;
    Workbench bench(own, catalog);
    LoadAgent(checkpoint, bench, own);
    const auto& agent = dynamic_cast<const GradientAgent&>(*bench.agent);
    const int tasks = options.tasks > 0 ? options.tasks : agent.meta_batch_size();

    // the same rounds for every surrogate: inner steps have the same value with all of them
    std::vector<torch::Tensor> estimates;
    for (int round = 0; round < options.rounds; ++round) {
      const Rng rng = root.Fork("round", static_cast<uint64_t>(round));
      Metrics unused;
      const MetaObjective objective =
          agent.Collect(bench.family->Sample(Split::kTrain, tasks, rng.Fork("tasks")),
                        bench.sampler, rng, unused);
      estimates.push_back(objective.Gradient(agent.meta(), agent.outer().form()).to(torch::kCPU));
      progress();
    }
    study.push_back(NoiseOf(torch::cat(estimates, 0)));
    study.back().surrogate = surrogate;
  }
  return study;
}

}  // namespace fewstep
