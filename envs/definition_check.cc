#include "envs/definition_check.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.h"

namespace fewstep {
namespace {

class Checker {
 public:
  explicit Checker(const FamilySpec& spec) : spec_(spec) {}

  void Require(bool condition, std::string_view what) const {
    if (!condition) RejectDefinition(spec_, what);
  }

  void Names(std::string_view what, const std::vector<std::string>& names) const {
    std::set<std::string_view> seen;
    for (const std::string& name : names) {
      Require(!name.empty() && name.find_first_of(" \t\n=,") == std::string::npos,
              fmt::format("'{}' is no name of {}", name, what));
      Require(seen.insert(name).second, fmt::format("{} '{}' is named twice", what, name));
    }
  }

  void Parameter(const ParameterSpec& parameter) const {
    const auto require = [&](bool condition, std::string_view what) {
      Require(condition, fmt::format("parameter '{}' {}", parameter.name, what));
    };
    require(std::isfinite(parameter.low) && std::isfinite(parameter.high) &&
                parameter.low <= parameter.high,
            fmt::format("goes from {} to {}", parameter.low, parameter.high));
    for (const double choice : parameter.choices) {
      require(choice >= parameter.low && choice <= parameter.high,
              fmt::format("has the choice {}, which is out of its range", choice));
    }
    require(!spec_.finite || !parameter.choices.empty(), "has no choices, and tasks are finite");
    if (!parameter.valid) return;
    require(parameter.valid->low <= parameter.low && parameter.valid->high >= parameter.high,
            "may hold less than it is drawn from");
  }

  void Hints() const {
    const size_t place = spec_.drawing.goal.size();
    Require(spec_.drawing.position.empty() || spec_.drawing.position.size() == 2,
            "a point that is drawn has two coordinates");
    Require(place == 0 || place == 2 || place == 3,
            "a goal that is drawn has two coordinates, or three");
    for (const std::string& name : spec_.drawing.position) {
      Require(std::ranges::find(spec_.state, name) != spec_.state.end(),
              fmt::format("'{}' is drawn and no part of the state", name));
    }
    for (const std::string& name : spec_.drawing.goal) {
      Require(
          std::ranges::find(spec_.parameters, name, &ParameterSpec::name) != spec_.parameters.end(),
          fmt::format("'{}' is drawn and no parameter", name));
    }
    for (const DrawingHints::Target& target : spec_.drawing.targets) {
      Require(std::ranges::find(spec_.parameters, target.parameter, &ParameterSpec::name) !=
                  spec_.parameters.end(),
              fmt::format("'{}' is drawn and no parameter", target.parameter));
      Require(std::ranges::find(spec_.metrics, target.metric) != spec_.metrics.end(),
              fmt::format("'{}' is drawn and no metric", target.metric));
      Require(std::ranges::all_of(target.axis, [](double x) { return std::isfinite(x); }),
              "an arrow's axis is not finite");
    }
    const bool discrete = spec_.action_kind == ActionKind::kDiscrete;
    Require(!spec_.drawing.arms ||
                (discrete && spec_.parameters.size() == static_cast<size_t>(spec_.action_size)),
            "arms are drawn where every choice has a parameter of its own");
    if (!spec_.drawing.states) return;
    const DrawingHints::States& states = *spec_.drawing.states;
    const auto last = static_cast<int64_t>(spec_.parameters.size());
    const int64_t pairs = int64_t{states.count} * states.actions;
    Require(discrete && states.count > 0 && states.actions == spec_.action_size &&
                spec_.state.size() == 1 && static_cast<int64_t>(states.rewards) <= last - pairs &&
                static_cast<int64_t>(states.transitions) <= last - pairs * states.count,
            "states are drawn that its parameters do not describe");
  }

 private:
  const FamilySpec& spec_;
};

}  // namespace

void RejectDefinition(const FamilySpec& spec, std::string_view what) {
  throw Error(ErrorKind::kPlugin,
              fmt::format("the family '{}' is badly defined: {}", spec.name, what));
}

void CheckDefinition(const FamilySpec& spec) {
  const Checker check(spec);
  check.Require(!spec.name.empty(), "it has no name");
  check.Require(spec.observation_size > 0, "observation_size is not positive");
  check.Require(spec.action_size > 0, "action_size is not positive");
  check.Require(spec.action_low < spec.action_high, "action_low is not below action_high");
  check.Require(spec.horizon > 0, "horizon is not positive");
  check.Require(spec.trial_episodes > 0, "trial_episodes is not positive");
  check.Require(spec.control_dt >= 0 && std::isfinite(spec.control_dt),
                "control_dt is no number of seconds");
  std::vector<std::string> parameters;
  for (const ParameterSpec& parameter : spec.parameters) parameters.push_back(parameter.name);
  check.Names("a parameter", parameters);
  check.Names("a metric", spec.metrics);
  for (const ParameterSpec& parameter : spec.parameters) check.Parameter(parameter);
  check.Hints();
}

}  // namespace fewstep
