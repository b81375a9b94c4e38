// The file family.toml, which defines a task family without a compiler: what it may say, key by
// key. How the keys are understood is with what makes a family of them (envs/declarative/
// declarative_family.h); `fewstep describe family.toml` prints them.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "core/config.h"
#include "envs/task_family.h"

namespace fewstep::declarative {

// [family]
struct HeadOptions : Options {
  std::string name, summary, source;
  int64_t horizon = 0;
  int64_t trial_episodes = 1;
  void Visit(FieldVisitor& visitor) override;
};

// [simulation]
struct SimulationOptions : Options {
  std::string model = "model.xml";
  int64_t frame_skip = 1;
  double total_mass = 0;
  void Visit(FieldVisitor& visitor) override;
};

// The law of a parameter in one split: one of its keys.
struct LawOptions : Options {
  NumberTable uniform, log_uniform, normal, choice;
  void Visit(FieldVisitor& visitor) override;
  bool given() const;
};

// [[parameter]]
struct ParameterOptions : Options {
  std::string name, unit;
  std::vector<std::string> components;
  LawOptions train, test, ood;
  std::vector<double> valid;
  void Visit(FieldVisitor& visitor) override;
};

// [tasks]: splits that are lists, a row of all parameters' numbers a task.
struct TaskListOptions : Options {
  NumberTable train, test, ood;
  void Visit(FieldVisitor& visitor) override;
};

// How a parameter's number changes a quantity of the model.
enum class How { kMultiply, kSet, kAdd };
inline constexpr ChoiceName<How> kHowNames[] = {
    {"multiply", How::kMultiply}, {"set", How::kSet}, {"add", How::kAdd}};

// [[randomization]]
struct RandomizationOptions : Options {
  std::string quantity, parameter;
  std::vector<std::string> objects;
  How how = How::kMultiply;
  bool keep_total = false;
  void Visit(FieldVisitor& visitor) override;
};

// [change]; none where `every` is 0
struct ChangeOptions : Options {
  TaskChange::Kind kind = TaskChange::Kind::kRedraw;
  TaskChange::Clock clock = TaskChange::Clock::kSteps;
  int64_t every = 0;
  std::vector<std::string> parameters;
  std::vector<double> drift;
  void Visit(FieldVisitor& visitor) override;
};

enum class NoiseLaw { kUniform, kNormal };
inline constexpr ChoiceName<NoiseLaw> kNoiseLawNames[] = {{"uniform", NoiseLaw::kUniform},
                                                          {"normal", NoiseLaw::kNormal}};
enum class NoiseOf { kPosition, kVelocity };
inline constexpr ChoiceName<NoiseOf> kNoiseOfNames[] = {{"qpos", NoiseOf::kPosition},
                                                        {"qvel", NoiseOf::kVelocity}};

// [[reset.noise]]
struct NoiseOptions : Options {
  NoiseOf of = NoiseOf::kPosition;
  NoiseLaw law = NoiseLaw::kUniform;
  double scale = 0;
  std::vector<std::string> joints = {"*"};
  void Visit(FieldVisitor& visitor) override;
};

// [reset]
struct ResetOptions : Options {
  std::string keyframe;
  std::vector<NoiseOptions> noise;
  void Visit(FieldVisitor& visitor) override;
};

// [action]
struct ActionOptions : Options {
  double scale = 1;
  NumberTable choices;
  void Visit(FieldVisitor& visitor) override;
};

// [[observation]]
struct ObservationOptions : Options {
  std::string of, relative_to;
  std::vector<std::string> except;
  double scale = 1;
  void Visit(FieldVisitor& visitor) override;
};

enum class TermKind {
  kValue,
  kDistance,
  kVelocityTowards,
  kTolerance,
  kControlCost,
  kContactCost,
  kAlive,
  kSuccess
};
inline constexpr ChoiceName<TermKind> kTermNames[] = {
    {"value", TermKind::kValue},
    {"distance", TermKind::kDistance},
    {"velocity_towards", TermKind::kVelocityTowards},
    {"tolerance", TermKind::kTolerance},
    {"control_cost", TermKind::kControlCost},
    {"contact_cost", TermKind::kContactCost},
    {"alive", TermKind::kAlive},
    {"success", TermKind::kSuccess}};

enum class Norm { kL2, kL1, kSquared };
inline constexpr ChoiceName<Norm> kNormNames[] = {
    {"l2", Norm::kL2}, {"l1", Norm::kL1}, {"squared", Norm::kSquared}};

// How a tolerance falls off outside of its bounds.
enum class Falloff {
  kGaussian,
  kHyperbolic,
  kLongTail,
  kReciprocal,
  kCosine,
  kLinear,
  kQuadratic,
  kTanhSquared
};
inline constexpr ChoiceName<Falloff> kFalloffNames[] = {
    {"gaussian", Falloff::kGaussian},   {"hyperbolic", Falloff::kHyperbolic},
    {"long_tail", Falloff::kLongTail},  {"reciprocal", Falloff::kReciprocal},
    {"cosine", Falloff::kCosine},       {"linear", Falloff::kLinear},
    {"quadratic", Falloff::kQuadratic}, {"tanh_squared", Falloff::kTanhSquared}};

// [[reward]]
struct TermOptions : Options {
  TermKind kind = TermKind::kValue;
  std::string name, of, to;
  std::vector<double> target;
  double weight = 1;
  Norm norm = Norm::kL2;
  std::vector<double> bounds = {0, 0};
  double margin = 0, value_at_margin = 0.1;
  Falloff falloff = Falloff::kGaussian;
  double radius = 0;
  bool ends_episode = false;
  void Visit(FieldVisitor& visitor) override;
};

// [[termination]]
struct TerminationOptions : Options {
  std::string of;
  double below = -std::numeric_limits<double>::infinity();
  double above = std::numeric_limits<double>::infinity();
  void Visit(FieldVisitor& visitor) override;
};

// [[metric]]
struct MetricOptions : Options {
  std::string name, of;
  void Visit(FieldVisitor& visitor) override;
};

// [drawing]
struct DrawingOptions : Options {
  std::string goal;
  double radius = 0.02, height = 0;
  std::string target, measured;
  std::vector<double> axis;
  bool direction = false;
  void Visit(FieldVisitor& visitor) override;
};

// The whole file.
struct FamilyFile : Options {
  HeadOptions family;
  SimulationOptions simulation;
  std::vector<ParameterOptions> parameters;
  TaskListOptions tasks;
  std::vector<RandomizationOptions> randomizations;
  ChangeOptions change;
  ResetOptions reset;
  ActionOptions action;
  std::vector<ObservationOptions> observations;
  std::vector<TermOptions> rewards;
  std::vector<TerminationOptions> terminations;
  std::vector<MetricOptions> metrics;
  DrawingOptions drawing;
  void Visit(FieldVisitor& visitor) override;
};

}  // namespace fewstep::declarative
