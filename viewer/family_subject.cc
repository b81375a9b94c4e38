#include "viewer/family_subject.h"

#include <utility>

#include <fmt/format.h>

#include "viewer/panes/arms_pane.h"
#include "viewer/panes/physics_pane.h"
#include "viewer/panes/plane_panes.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

class FamilySubject final : public Subject {
 public:
  FamilySubject(std::string name, const TaskFamily& family, std::unique_ptr<Adaptation> adaptation,
                uint64_t task_seed)
      : name_(std::move(name)),
        family_(family),
        adaptation_(std::move(adaptation)),
        task_seed_(task_seed),
        has_physics_(family.DisplayModel(nullptr) != nullptr) {
    for (const ParameterSpec& parameter : spec().parameters) {
      controls_.push_back({.name = parameter.name,
                           .unit = parameter.unit,
                           .trained = {parameter.low, parameter.high},
                           .valid = parameter.valid_range(),
                           .choices = parameter.choices});
    }
  }

  const std::string& name() const override { return name_; }
  std::string unit() const override { return adaptation_->unit(); }
  const std::vector<Control>& controls() const override { return controls_; }
  bool task_changes() const override { return spec().change.has_value(); }

  std::vector<double> HeldOut(uint64_t n) const override {
    const int tasks = static_cast<int>(n % kHeldOut) + 1;
    return family_.Sample(Split::kTest, tasks, Rng(task_seed_).Fork("tasks")).back().values;
  }

  std::shared_ptr<const Adapted> Begin(std::span<const double> task, int /*units*/) override {
    return adaptation_->Begin(TaskOf(task));
  }
  std::shared_ptr<const Adapted> Advance(std::stop_token stop) override {
    return adaptation_->Advance(std::move(stop));
  }

  std::vector<std::unique_ptr<Pane>> MakePanes(
      std::span<const double> task, std::span<const std::shared_ptr<const Adapted>> units,
      std::span<const int> shown) const override {
    std::vector<std::unique_ptr<Pane>> panes;
    if (spec().drawing.arms) {
      // a pull is over at once: what is worth watching is how they follow one another
      std::vector<Pull> pulls;
      for (const auto& unit : units) {
        const std::vector<Pull>& of_unit = AgentOf(unit).pulls;
        pulls.insert(pulls.end(), of_unit.begin(), of_unit.end());
      }
      panes.push_back(MakeArmsPane(spec(), {task.begin(), task.end()}, std::move(pulls)));
      panes.back()->title =
          fmt::format("while adapting: {}", CountOf(static_cast<int>(units.size()) - 1, unit()));
      return panes;
    }
    for (const int unit : shown) {
      if (unit < 0 || unit >= static_cast<int>(units.size())) continue;
      const AdaptedAgent& agent = AgentOf(units[static_cast<size_t>(unit)]);
      // the same stream for all: actions of agents that are alike are alike
      panes.push_back(MakePane(agent, TaskOf(task)));
      // who does not adapt is not seen before it
      panes.back()->title = units.size() == 1 ? "one episode" : TitleOf(unit, adaptation_->unit());
    }
    return panes;
  }

 private:
  static constexpr uint64_t kHeldOut = 1000;

  static const AdaptedAgent& AgentOf(const std::shared_ptr<const Adapted>& adapted) {
    return dynamic_cast<const AdaptedAgent&>(*adapted);
  }

  const FamilySpec& spec() const { return family_.spec(); }
  Task TaskOf(std::span<const double> values) const {
    return {spec().name, {values.begin(), values.end()}};
  }

  std::unique_ptr<Pane> MakePane(const AdaptedAgent& agent, const Task& task) const {
    std::unique_ptr<Performer> performer = agent.MakePerformer(Rng(task_seed_).Fork("performer"));
    if (has_physics_) return MakePhysicsPane(family_, std::move(performer), task);
    if (spec().drawing.position.size() == 2) {
      return MakePlanePane(family_, std::move(performer), task, agent.goals);
    }
    if (spec().drawing.states) return MakeStatesPane(family_, std::move(performer), task);
    return MakeSignalsPane(family_, std::move(performer), task);
  }

  std::string name_;
  const TaskFamily& family_;
  std::unique_ptr<Adaptation> adaptation_;
  uint64_t task_seed_;
  bool has_physics_;
  std::vector<Control> controls_;
};

}  // namespace

std::unique_ptr<Subject> MakeFamilySubject(std::string name, const TaskFamily& family,
                                           std::unique_ptr<Adaptation> adaptation,
                                           uint64_t task_seed) {
  return std::make_unique<FamilySubject>(std::move(name), family, std::move(adaptation), task_seed);
}

}  // namespace fewstep
