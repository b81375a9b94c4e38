// An agent without learning, for tests and measurements of the viewer.
#pragma once

#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "envs/adaptation.h"

namespace fewstep {

// Swings every joint, the wider the more units there were; does nothing at 0 units. Choices go
// round.
class SwingingPerformer final : public Performer {
 public:
  SwingingPerformer(double amplitude, int choices) : amplitude_(amplitude), choices_(choices) {}

  EpisodeOrigin BeginEpisode(const Rng& stream) override {
    step_ = 0;
    return stream;
  }
  void Act(std::span<const float>, std::span<float> action) override {
    for (size_t i = 0; i < action.size(); ++i) {
      const double swing = amplitude_ * std::sin(0.6 * step_ + 1.3 * static_cast<double>(i));
      const int choice = step_ + static_cast<int>(10 * amplitude_);
      action[i] = static_cast<float>(choices_ > 0 ? choice % choices_ : swing);
    }
    ++step_;
  }
  void Observe(double, bool) override {}

 private:
  double amplitude_;
  int choices_, step_ = 0;
};

class SwingingAgent final : public AdaptedAgent {
 public:
  SwingingAgent(double amplitude, int choices) : amplitude_(amplitude), choices_(choices) {}
  std::unique_ptr<Performer> MakePerformer(const Rng&) const override {
    return std::make_unique<SwingingPerformer>(amplitude_, choices_);
  }

 private:
  double amplitude_;
  int choices_;
};

// What a script is told, by any thread, and what it says.
struct Script {
  int widest = 3;                     // units after which it swings as wide as it can
  std::atomic<int> milliseconds = 0;  // that a unit takes
  std::atomic<int> fails_at = -1;     // unit that throws
  std::atomic<bool> believes = false;
  std::atomic<int> begun = 0, units = 0, stopped = 0;
};

class ScriptedAdaptation final : public Adaptation {
 public:
  ScriptedAdaptation(const FamilySpec& spec, std::shared_ptr<Script> script)
      : choices_(spec.action_kind == ActionKind::kDiscrete ? spec.action_size : 0),
        parameters_(spec.parameters),
        script_(std::move(script)) {}

  const std::string& unit() const override { return unit_; }
  int episodes_per_unit() const override { return 2; }

  std::shared_ptr<const AdaptedAgent> Begin(const Task& task) override {
    ++script_->begun;
    task_ = task;
    units_ = 0;
    return Snapshot();
  }

  std::shared_ptr<const AdaptedAgent> Advance(std::stop_token stop) override {
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::milliseconds(script_->milliseconds);
    while (std::chrono::steady_clock::now() < end) {
      if (stop.stop_requested()) {
        ++script_->stopped;
        return nullptr;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (units_ + 1 == script_->fails_at) {
      throw Error(ErrorKind::kRuntime, "the script fails here");
    }
    ++units_;
    ++script_->units;
    return Snapshot();
  }

 private:
  std::shared_ptr<const AdaptedAgent> Snapshot() const {
    const double amplitude = std::min(1.0, static_cast<double>(units_) / script_->widest);
    auto agent = std::make_shared<SwingingAgent>(amplitude, choices_);
    agent->units = units_;
    if (units_ > 0) agent->support_scores = {10.0 * units_ - 1, 10.0 * units_ + 1};
    for (int i = 0; choices_ > 0 && units_ > 0 && i < choices_; ++i) {
      agent->pulls.push_back({i, static_cast<double>((units_ + i) % 2)});
    }
    if (script_->believes) {
      for (size_t i = 0; i < std::min<size_t>(2, parameters_.size()); ++i) {
        agent->beliefs.push_back(
            {parameters_[i].name, task_.values[i] * units_ / (units_ + 1.0), 1.0 / (units_ + 1.0)});
      }
      if (task_.values.size() == 2) {
        for (int i = 0; i < 40; ++i) {
          const double angle = 0.157 * i, distance = 0.2 / (units_ + 1);
          agent->goals.push_back({task_.values[0] + distance * std::cos(angle),
                                  task_.values[1] + distance * std::sin(angle)});
        }
      }
    }
    return agent;
  }

  std::string unit_ = "swing";
  int choices_;
  std::vector<ParameterSpec> parameters_;
  std::shared_ptr<Script> script_;
  Task task_;
  int units_ = 0;
};

}  // namespace fewstep
