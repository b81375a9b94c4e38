#include "viewer/panes/performance_pane.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace fewstep {

PerformancePane::PerformancePane(const TaskFamily& family, std::unique_ptr<Performer> performer,
                                 const Task& task)
    : performance_(family, std::move(performer), task),
      targets_(family.spec().drawing.targets.size()) {}

void PerformancePane::Restart(const Rng& stream) {
  performance_.Begin(stream);
  for (std::vector<double>& target : targets_) target.clear();
}

double PerformancePane::step_seconds() const {
  constexpr double kWithoutClock = 0.05;
  return performance_.step_seconds() > 0 ? performance_.step_seconds() : kWithoutClock;
}

std::string PerformancePane::Caption(int step) const {
  const double value = performance_.returns()[static_cast<size_t>(step)];
  std::string text = fmt::format("return {:.1f}", value);
  if (performance_.ended() && step == performance_.length()) {
    text += performance_.diverged()              ? ", diverged"
            : step < performance_.spec().horizon ? fmt::format(", ended after {} steps", step)
                                                 : ", end";
  } else {
    text += fmt::format(", step {} of {}", step, spec().horizon);
  }
  return text;
}

size_t PerformancePane::ParameterIndex(const std::string& name) const {
  return static_cast<size_t>(std::ranges::find(spec().parameters, name, &ParameterSpec::name) -
                             spec().parameters.begin());
}

const std::vector<double>& PerformancePane::TargetOf(size_t target) const {
  const DrawingHints::Target& wanted = spec().drawing.targets[target];
  std::vector<double>& values = targets_[target];
  const size_t parameter = ParameterIndex(wanted.parameter);
  // the latest may have been changed by hand since
  if (!values.empty()) values.pop_back();
  for (int step = static_cast<int>(values.size()); step <= length(); ++step) {
    values.push_back(performance_.task(step)[parameter]);
  }
  return values;
}

std::span<const double> PerformancePane::Metric(const std::string& name) const {
  const std::vector<std::string>& names = spec().metrics;
  return performance_.metric(static_cast<size_t>(std::ranges::find(names, name) - names.begin()));
}

std::vector<Curve> PerformancePane::Curves() const {
  std::vector<Curve> curves = {{"return", performance_.returns(), {}},
                               {"reward", performance_.rewards(), {}}};
  const auto& targets = spec().drawing.targets;
  for (size_t i = 0; i < targets.size(); ++i) {
    Curve curve{targets[i].metric, Metric(targets[i].metric), {}};
    if (!targets[i].sign) curve.target = TargetOf(i);
    curves.push_back(std::move(curve));
  }
  if (targets.empty() && !spec().metrics.empty()) {
    curves.push_back({spec().metrics[0], performance_.metric(0), {}});
  }
  return curves;
}

std::string TaskLine(const FamilySpec& spec, std::span<const double> task) {
  constexpr size_t kMost = 4;
  std::string text;
  for (size_t i = 0; i < task.size(); ++i) {
    if (i == kMost && task.size() > kMost + 1) {
      text += fmt::format(", and {} more", task.size() - kMost);
      break;
    }
    const ParameterSpec& parameter = spec.parameters[i];
    text += fmt::format("{}{} {:.3g}", text.empty() ? "" : ", ", parameter.name, task[i]);
    if (!parameter.unit.empty()) text += " " + parameter.unit;
  }
  return text;
}

}  // namespace fewstep
