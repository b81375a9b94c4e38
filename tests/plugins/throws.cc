// A plug-in in C++ whose functions throw: everywhere after a while, or when it is made.
#include <fewstep/plugin.hpp>

namespace {

namespace api = fewstep::api;

class Point final : public api::World {
 public:
  void Begin(std::span<const double> task) override { goal_ = task[0]; }
  void Reset(api::Stream stream, double* observation) override {
    steps_ = 0;
    observation[0] = position_ = stream.Uniform(-0.1, 0.1);
  }
  api::Step Advance(const double* action, api::Stream, double* observation, double*) override {
    if (++steps_ > 5) throw std::runtime_error("too far");
    observation[0] = position_ += action[0];
    return {.reward = position_ * goal_};
  }
  void GetState(double* state) const override { state[0] = position_; }
  void SetState(const double* state, double* observation) override {
    observation[0] = position_ = state[0];
  }

 private:
  double goal_ = 0, position_ = 0;
  int steps_ = 0;
};

class Throwing final : public api::WorldFamily {
 public:
  static constexpr const char* kName = "throwing@test";
  static constexpr const char* kSummary = "A point that gives up.";
  static std::vector<api::Option> Options() {
    return {{"refuse", "Whether it refuses to be made.", "", FEWSTEP_BOOLEAN, 0, 0, 1}};
  }
  explicit Throwing(std::span<const double> options) {
    if (options[0] != 0) throw std::invalid_argument("it was told to refuse");
  }
  api::Spec Define() const override {
    return {.source = "tests",
            .model = "a point",
            .reset = "near 0",
            .reward = "position times goal",
            .action = "a step",
            .splits = "separate draws",
            .observation = {"position"},
            .observation_size = 1,
            .action_size = 1,
            .horizon = 20,
            .parameters = {{.name = "goal", .unit = "", .law = "U(-1, 1)", .low = -1, .high = 1}},
            .state = {"position"}};
  }
  std::unique_ptr<api::World> MakeWorld() const override { return std::make_unique<Point>(); }
};

}  // namespace

FEWSTEP_CPP_PLUGIN(Throwing)
