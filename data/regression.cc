#include "data/regression.h"

#include <cmath>
#include <numbers>

#include <fmt/format.h>

namespace fewstep {
namespace {

constexpr double kPi = std::numbers::pi;

// y = amplitude sin(x - phase), x ~ U(-5, 5).
// MAML: Finn et al., ICML 2017, section 5.1: amplitude ~ U(0.1, 5), phase ~ U(0, pi).
// Reptile: Nichol et al. 2018, section 3: phase ~ U(0, 2 pi), with x + phase.
class Sinusoid final : public RegressionFamily {
 public:
  Sinusoid(double highest_phase, double sign) : highest_phase_(highest_phase), sign_(sign) {}
  int64_t input_size() const override { return 1; }
  const std::vector<std::string>& parameters() const override {
    static const std::vector<std::string> names = {"amplitude", "phase"};
    return names;
  }
  std::pair<double, double> range() const override { return {-5, 5}; }
  RegressionTask Draw(Rng& rng) const override {
    const double amplitude = rng.Uniform(0.1, 5), phase = rng.Uniform(0, highest_phase_);
    return {{amplitude, phase}};
  }
  void Evaluate(const RegressionTask& task, const double* x, double* y) const override {
    *y = task.values[0] * std::sin(*x + sign_ * task.values[1]);
  }

 private:
  double highest_phase_, sign_;
};

// Sines, lines, quadratic and cubic functions with equal probability, x ~ U(-5, 5): Yao et al.,
// "Hierarchically structured meta-learning", ICML 2019, with the ranges of the published code
// (huaxiuyao/HSML). There the phase of a sine is added outside of it; here it is where a phase
// belongs, unless `published_phase`.
class Mixture final : public RegressionFamily {
 public:
  explicit Mixture(bool published_phase) : published_phase_(published_phase) {}
  int64_t input_size() const override { return 1; }
  const std::vector<std::string>& parameters() const override {
    static const std::vector<std::string> names = {"kind", "a", "b", "c", "d"};
    return names;
  }
  std::pair<double, double> range() const override { return {-5, 5}; }
  RegressionTask Draw(Rng& rng) const override {
    const auto kind = rng.Below(4);
    const auto number = [&](double limit) { return rng.Uniform(-limit, limit); };
    RegressionTask task{{static_cast<double>(kind), 0, 0, 0, 0}};
    double* p = task.values.data() + 1;
    switch (kind) {
      case kSine:
        p[0] = rng.Uniform(0.1, 5);      // amplitude
        p[1] = rng.Uniform(0.8, 1.2);    // frequency
        p[2] = rng.Uniform(0, 2 * kPi);  // phase
        break;
      case kLine:
        p[0] = number(3);
        p[1] = number(3);
        break;
      case kQuadratic:
        p[0] = number(0.2);
        p[1] = number(2);
        p[2] = number(3);
        break;
      default:  // cubic
        p[0] = number(0.1);
        p[1] = number(0.2);
        p[2] = number(2);
        p[3] = number(3);
    }
    return task;
  }
  void Evaluate(const RegressionTask& task, const double* x, double* y) const override {
    const double* p = task.values.data() + 1;
    const double t = *x;
    switch (static_cast<int>(task.values[0])) {
      case kSine:
        *y = published_phase_ ? p[0] * std::sin(p[1] * t) + p[2] : p[0] * std::sin(p[1] * t + p[2]);
        return;
      case kLine:
        *y = p[0] * t + p[1];
        return;
      case kQuadratic:
        *y = (p[0] * t + p[1]) * t + p[2];
        return;
      default:
        *y = ((p[0] * t + p[1]) * t + p[2]) * t + p[3];
    }
  }

 private:
  enum Kind { kSine, kLine, kQuadratic };
  bool published_phase_;
};

// y = sum_j c_j sin(w_j . x + p_j): a generic family of functions of several inputs, x ~ N(0, 1).
// The directions w are the family's, c and p the task's: few numbers tell a task.
class RandomFeatures final : public RegressionFamily {
 public:
  RandomFeatures(int64_t inputs, int64_t features, uint64_t seed) : inputs_(inputs) {
    Rng rng = Rng(seed).Fork("directions");
    const double scale = 1 / std::sqrt(static_cast<double>(inputs));
    for (int64_t j = 0; j < features; ++j) {
      std::vector<double>& direction = directions_.emplace_back();
      for (int64_t i = 0; i < inputs; ++i) direction.push_back(scale * rng.Normal());
      names_.push_back(fmt::format("weight_{}", j));
    }
    for (int64_t j = 0; j < features; ++j) names_.push_back(fmt::format("phase_{}", j));
  }
  int64_t input_size() const override { return inputs_; }
  const std::vector<std::string>& parameters() const override { return names_; }
  std::pair<double, double> range() const override { return {-3, 3}; }
  RegressionTask Draw(Rng& rng) const override {
    RegressionTask task;
    for (size_t j = 0; j < directions_.size(); ++j) task.values.push_back(rng.Normal());
    for (size_t j = 0; j < directions_.size(); ++j) task.values.push_back(rng.Uniform(0, 2 * kPi));
    return task;
  }
  void DrawInput(Rng& rng, double* x) const override {
    for (int64_t i = 0; i < inputs_; ++i) x[i] = rng.Normal();
  }
  void Evaluate(const RegressionTask& task, const double* x, double* y) const override {
    *y = 0;
    const size_t features = directions_.size();
    for (size_t j = 0; j < features; ++j) {
      double angle = task.values[features + j];
      for (size_t i = 0; i < directions_[j].size(); ++i) angle += directions_[j][i] * x[i];
      *y += task.values[j] * std::sin(angle);
    }
  }

 private:
  int64_t inputs_;
  std::vector<std::vector<double>> directions_;  // [features][inputs]
  std::vector<std::string> names_;
};

struct NoOptions final : Options {
  void Visit(FieldVisitor&) override {}
};
struct MixtureOptions final : Options {
  bool published_phase = false;
  void Visit(FieldVisitor& v) override {
    v.Field("published_phase", published_phase,
            {.help = "Whether the phase of a sine is added to its value, as in the published code, "
                     "instead of to its angle."});
  }
};
struct FeatureOptions final : Options {
  int64_t inputs = 10, features = 4, seed = 0;
  void Visit(FieldVisitor& v) override {
    v.Field("inputs", inputs, {.help = "Numbers of an x.", .min = 1, .max = 10000});
    v.Field("features", features,
            {.help = "Sines that a function is made of.", .min = 1, .max = 1000});
    v.Field("seed", seed, {.help = "Another seed: other directions.", .min = 0, .max = 1e15});
  }
};

template <typename Own>
RegressionEntry Entry(std::string summary, std::string source,
                      std::function<std::unique_ptr<RegressionFamily>(const Own&)> make) {
  return {.summary = std::move(summary),
          .source = std::move(source),
          .make_options = []() -> std::unique_ptr<Options> { return std::make_unique<Own>(); },
          .make = [make = std::move(make)](
                      const Options& options) { return make(dynamic_cast<const Own&>(options)); }};
}

}  // namespace

void RegressionFamily::DrawInput(Rng& rng, double* x) const {
  const auto [low, high] = range();
  for (int64_t i = 0; i < input_size(); ++i) x[i] = rng.Uniform(low, high);
}

RegressionEpisode DrawEpisode(const RegressionFamily& family, DataSplit split, uint64_t seed,
                              uint64_t index, int64_t support, int64_t query) {
  const Rng rng = Rng(seed).Fork(NameOf(kDataSplitNames, split)).Fork("episode", index);
  Rng of_task = rng.Fork("task");
  RegressionEpisode episode{family.Draw(of_task), {}, {}, {}, {}};
  std::vector<double> x(static_cast<size_t>(family.input_size())),
      y(static_cast<size_t>(family.output_size()));
  const auto points = [&](Rng of_points, int64_t count, std::vector<float>& xs,
                          std::vector<float>& ys) {
    for (int64_t i = 0; i < count; ++i) {
      family.DrawInput(of_points, x.data());
      // what is learned from is what is seen: y of the rounded x
      for (double& number : x) number = static_cast<float>(number);
      family.Evaluate(episode.task, x.data(), y.data());
      for (const double number : x) xs.push_back(static_cast<float>(number));
      for (const double number : y) ys.push_back(static_cast<float>(number));
    }
  };
  points(rng.Fork("support"), support, episode.support_x, episode.support_y);
  points(rng.Fork("query"), query, episode.query_x, episode.query_y);
  return episode;
}

RegressionCatalog BuiltinRegression() {
  RegressionCatalog catalog("family of functions");
  catalog.Add("sinusoid@maml", Entry<NoOptions>("Sines of amplitude U(0.1, 5) and phase U(0, pi).",
                                                "Finn et al., ICML 2017, section 5.1; cbfinn/maml",
                                                [](const NoOptions&) {
                                                  return std::make_unique<Sinusoid>(kPi, -1);
                                                }));
  catalog.Add("sinusoid@reptile",
              Entry<NoOptions>("Sines of amplitude U(0.1, 5) and phase U(0, 2 pi).",
                               "Nichol et al. 2018, section 3", [](const NoOptions&) {
                                 return std::make_unique<Sinusoid>(2 * kPi, 1);
                               }));
  catalog.Add("mixture@hsml",
              Entry<MixtureOptions>("Sines, lines, quadratic and cubic functions.",
                                    "Yao et al., ICML 2019; huaxiuyao/HSML",
                                    [](const MixtureOptions& options) {
                                      return std::make_unique<Mixture>(options.published_phase);
                                    }));
  catalog.Add("random-features",
              Entry<FeatureOptions>("Sums of sines of several inputs, ten unless told otherwise.",
                                    "fewstep", [](const FeatureOptions& options) {
                                      return std::make_unique<RandomFeatures>(
                                          options.inputs, options.features,
                                          static_cast<uint64_t>(options.seed));
                                    }));
  return catalog;
}

}  // namespace fewstep
