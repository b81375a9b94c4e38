// A controller without learning, for tests of the viewer.
#pragma once

#include <cmath>
#include <vector>

#include "envs/controller.h"

namespace fewstep {

// Swings every joint, the wider the more units of adaptation are shown; does nothing at 0 units.
// Notes what it was told.
class ScriptedController final : public Controller {
 public:
  explicit ScriptedController(int available) : available_(available) {}

  void BeginTask(const Task& task) override { tasks_.push_back(task); }
  void BeginEpisode() override {
    ++episodes_;
    step_ = 0;
  }
  void Act(std::span<const float>, std::span<float> action) override {
    const double amplitude = static_cast<double>(shown_) / available_;
    for (size_t i = 0; i < action.size(); ++i) {
      action[i] =
          static_cast<float>(amplitude * std::sin(0.6 * step_ + 1.3 * static_cast<double>(i)));
    }
    ++step_;
  }
  void Observe(double reward, bool ended) override {
    total_reward_ += reward;
    ended_ += ended ? 1 : 0;
  }
  AdaptationStatus status() const override {
    return {.unit = "swing", .shown = shown_, .available = available_};
  }
  void Show(int units) override { shown_ = units; }

  const std::vector<Task>& tasks() const { return tasks_; }
  int episodes() const { return episodes_; }
  int ended() const { return ended_; }
  double total_reward() const { return total_reward_; }

 private:
  int available_, shown_ = 0, episodes_ = 0, ended_ = 0, step_ = 0;
  double total_reward_ = 0;
  std::vector<Task> tasks_;
};

}  // namespace fewstep
