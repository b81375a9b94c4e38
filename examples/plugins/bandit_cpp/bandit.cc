// restless-bandit@example: arms whose pay wanders while one plays. A family with a state of its
// own, in C++.
#include <algorithm>
#include <cmath>
#include <fewstep/plugin.hpp>

namespace {

namespace api = fewstep::api;

class Arms final : public api::World {
 public:
  Arms(size_t arms, double drift) : first_(arms), pays_(arms), drift_(drift) {}

  void Begin(std::span<const double> task) override {
    std::copy(task.begin(), task.end(), first_.begin());
  }

  void Reset(api::Stream, double* observation) override {
    pays_ = first_;
    observation[0] = 1;
  }

  api::Step Advance(const double* action, api::Stream stream, double* observation,
                    double* metrics) override {
    const size_t arm = static_cast<size_t>(action[0]);
    const double reward = stream.Uniform() < pays_[arm] ? 1 : 0;
    metrics[0] = *std::max_element(pays_.begin(), pays_.end()) - pays_[arm];
    // a walk with walls at 0 and 1
    for (double& pay : pays_) {
      pay += drift_ * stream.Normal();
      pay = std::abs(pay);
      if (pay > 1) pay = std::max(0.0, 2 - pay);
    }
    observation[0] = 1;
    return {.reward = reward};
  }

  void GetState(double* state) const override { std::copy(pays_.begin(), pays_.end(), state); }
  void SetState(const double* state, double* observation) override {
    std::copy_n(state, pays_.size(), pays_.begin());
    observation[0] = 1;
  }

 private:
  std::vector<double> first_, pays_;
  double drift_;
};

class RestlessBandit final : public api::WorldFamily {
 public:
  static constexpr const char* kName = "restless-bandit@example";
  static constexpr const char* kSummary = "Arms whose pay wanders while one plays.";
  static std::vector<api::Option> Options() {
    return {{"arms", "Arms.", "arms", FEWSTEP_INTEGER, 4, 2, 100},
            {"drift", "Deviation of a step of each arm's walk.", "", FEWSTEP_NUMBER, 0.05, 0, 1}};
  }

  explicit RestlessBandit(std::span<const double> options)
      : arms_(static_cast<size_t>(options[0])), drift_(options[1]) {}

  api::Spec Define() const override {
    api::Spec spec{.source = "fewstep, examples/plugins/bandit_cpp",
                   .model = "each arm's pay walks by drift N(0, 1) a pull, reflected at 0 and 1",
                   .reset = "the pays of the task",
                   .reward = "1 with the probability of the arm that is pulled",
                   .action = "the arm",
                   .splits = "train, test: separate draws of the law; ood: none",
                   .observation = {"always 1"},
                   .observation_size = 1,
                   .action_size = static_cast<int>(arms_),
                   .discrete = true,
                   .horizon = 50,
                   .metrics = {"regret"}};
    for (size_t arm = 0; arm < arms_; ++arm) {
      spec.parameters.push_back(
          {.name = "arm_" + std::to_string(arm), .unit = "", .law = "U(0, 1)"});
      spec.state.push_back("pay_" + std::to_string(arm));
    }
    return spec;
  }

  std::unique_ptr<api::World> MakeWorld() const override {
    return std::make_unique<Arms>(arms_, drift_);
  }

 private:
  size_t arms_;
  double drift_;
};

}  // namespace

FEWSTEP_CPP_PLUGIN(RestlessBandit)
