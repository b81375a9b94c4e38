// What panes of an episode share: one performance, its curves and its caption.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "viewer/pane.h"
#include "viewer/performance.h"

namespace fewstep {

// "velocity 1.25 m/s", with as many numbers as a line of a picture takes.
std::string TaskLine(const FamilySpec& spec, std::span<const double> task);

class PerformancePane : public Pane {
 public:
  PerformancePane(const TaskFamily& family, std::unique_ptr<Performer> performer, const Task& task);

  void Restart(const Rng& stream) override;
  void Advance() override { performance_.Step(); }
  int length() const override { return performance_.length(); }
  bool ended() const override { return performance_.ended(); }
  int longest() const override { return spec().horizon; }
  double step_seconds() const override;
  bool has_clock() const override { return performance_.step_seconds() > 0; }
  std::string TaskText(int step) const override {
    return TaskLine(spec(), performance_.task(step));
  }
  std::span<const double> TaskValues(int step) const override { return performance_.task(step); }
  std::string Caption(int step) const override;
  // Return, reward, and of metrics those that the task asks something of, or else the first.
  std::vector<Curve> Curves() const override;
  void ChangeTask(std::span<const double> task) override { performance_.ChangeTask(task); }

 protected:
  const FamilySpec& spec() const { return performance_.spec(); }
  size_t ParameterIndex(const std::string& name) const;
  std::span<const double> Metric(const std::string& name) const;  // [length + 1]

  Performance performance_;

 private:
  const std::vector<double>& TargetOf(size_t target) const;

  mutable std::vector<std::vector<double>> targets_;  // [targets] over time, up to what was asked
};

}  // namespace fewstep
