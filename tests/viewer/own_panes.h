// Subjects that are no agents: a regression whose fit moves with every gradient step, and an
// episode of images whose predictions do. They stand for learners that the viewer knows nothing of.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "viewer/pane.h"
#include "viewer/plot.h"
#include "viewer/theme.h"

namespace fewstep {

// y = a sin(x) + b cos(x), fitted to ten points of amplitude * sin(x + phase) by gradient descent.
struct SineFit final : Adapted {
  double a = 0, b = 0;
};

class SinePane final : public Pane {
 public:
  SinePane(double amplitude, double phase, std::vector<std::shared_ptr<const Adapted>> units)
      : amplitude_(amplitude), phase_(phase), units_(std::move(units)) {}

  void Restart(const Rng&) override { length_ = 0; }
  void Advance() override { length_ += ended() ? 0 : 1; }
  int length() const override { return length_; }
  bool ended() const override { return length_ == longest(); }
  int longest() const override { return static_cast<int>(units_.size()) - 1; }
  double step_seconds() const override { return 0.5; }
  std::string TaskText(int) const override {
    return fmt::format("{:.2f} sin(x + {:.2f})", amplitude_, phase_);
  }
  std::string Caption(int step) const override { return fmt::format("error {:.3f}", Error(step)); }
  double Error(int step) const {
    double sum = 0;
    for (int i = 0; i < kPoints; ++i) sum += std::pow(Fit(step, i) - Truth(i), 2);
    return sum / kPoints;
  }
  void Draw(Canvas& canvas, const Rect& rect, int step, Look&) override {
    std::vector<double> truth, fit;
    for (int i = 0; i < kPoints; ++i) {
      truth.push_back(Truth(i));
      fit.push_back(Fit(step, i));
    }
    DrawPlot(canvas, rect,
             {.title = "fit and truth",
              .lines = {{.values = truth, .color = theme::kTarget, .dashed = true},
                        {.values = fit, .color = PaneColor(1)}}});
  }

 private:
  static constexpr int kPoints = 100;
  static double X(int i) { return 0.1 * (i - kPoints / 2); }
  double Truth(int i) const { return amplitude_ * std::sin(X(i) + phase_); }
  double Fit(int step, int i) const {
    const auto& fit = dynamic_cast<const SineFit&>(*units_[static_cast<size_t>(step)]);
    return fit.a * std::sin(X(i)) + fit.b * std::cos(X(i));
  }

  double amplitude_, phase_;
  std::vector<std::shared_ptr<const Adapted>> units_;
  int length_ = 0;
};

class SineSubject final : public Subject {
 public:
  const std::string& name() const override { return name_; }
  std::string unit() const override { return "gradient step"; }
  std::string score() const override { return "error"; }
  const std::vector<Control>& controls() const override { return controls_; }
  std::vector<double> HeldOut(uint64_t n) const override {
    Rng rng = Rng(1).Fork("sine", n);
    return {rng.Uniform(0.1, 5), rng.Uniform(0, 3)};
  }
  std::shared_ptr<const Adapted> Begin(std::span<const double> task) override {
    task_.assign(task.begin(), task.end());
    fit_ = SineFit();
    return std::make_shared<SineFit>(fit_);
  }
  std::shared_ptr<const Adapted> Advance(std::stop_token) override {
    double a = 0, b = 0, error = 0;
    for (int i = 0; i < 10; ++i) {
      const double x = i - 4.5;
      const double gap =
          fit_.a * std::sin(x) + fit_.b * std::cos(x) - task_[0] * std::sin(x + task_[1]);
      a += 0.2 * gap * std::sin(x);
      b += 0.2 * gap * std::cos(x);
      error += gap * gap / 10;
    }
    fit_.a -= 0.5 * a;
    fit_.b -= 0.5 * b;
    ++fit_.units;
    fit_.support_scores = {error};
    return std::make_shared<SineFit>(fit_);
  }
  std::vector<std::unique_ptr<Pane>> MakePanes(
      std::span<const double> task, std::span<const std::shared_ptr<const Adapted>> units,
      std::span<const int>) const override {
    std::vector<std::unique_ptr<Pane>> panes;
    panes.push_back(std::make_unique<SinePane>(
        task[0], task[1], std::vector<std::shared_ptr<const Adapted>>(units.begin(), units.end())));
    panes.back()->title = "while adapting";
    return panes;
  }

 private:
  std::string name_ = "a sinusoid";
  std::vector<Control> controls_ = {{"amplitude", "", {0.1, 5}, {0, 10}, {}},
                                    {"phase", "rad", {0, 3.1416}, {-3.1416, 3.1416}, {}}};
  std::vector<double> task_;
  SineFit fit_;
};

// Five images to tell apart; with every unit the confidence in the right one grows.
struct Guess final : Adapted {
  double confidence = 0.2;
};

class ImagePane final : public Pane {
 public:
  ImagePane(std::vector<Image> images, double confidence)
      : images_(std::move(images)), confidence_(confidence) {}
  void Restart(const Rng&) override {}
  void Advance() override {}
  int length() const override { return 0; }
  bool ended() const override { return true; }
  int longest() const override { return 0; }
  double step_seconds() const override { return 0.1; }
  std::string TaskText(int) const override { return "5 ways, 1 shot"; }
  std::string Caption(int) const override {
    return fmt::format("{:.0f} % right", 100 * confidence_);
  }
  void Draw(Canvas& canvas, const Rect& rect, int, Look&) override {
    const float cell = std::min(rect.width / 5, rect.height / 2) - 6 * canvas.scale();
    for (size_t i = 0; i < images_.size(); ++i) {
      const float x = rect.x + static_cast<float>(i) * rect.width / 5;
      canvas.Picture({x, rect.y, cell, cell}, images_[i]);
      const Rect bar = {x, rect.y + cell + 6, cell, 10 * canvas.scale()};
      canvas.Box(bar, theme::kGrid, 0);
      canvas.Box({bar.x, bar.y, bar.width * static_cast<float>(confidence_), bar.height},
                 theme::kTarget, 0);
    }
  }

 private:
  std::vector<Image> images_;
  double confidence_;
};

class ImageSubject final : public Subject {
 public:
  const std::string& name() const override { return name_; }
  std::string unit() const override { return "inner step"; }
  std::string score() const override { return "accuracy"; }
  const std::vector<Control>& controls() const override { return controls_; }
  std::vector<double> HeldOut(uint64_t n) const override { return {static_cast<double>(n % 100)}; }
  std::shared_ptr<const Adapted> Begin(std::span<const double>) override {
    guess_ = Guess();
    return std::make_shared<Guess>(guess_);
  }
  std::shared_ptr<const Adapted> Advance(std::stop_token) override {
    guess_.support_scores = {guess_.confidence};
    guess_.confidence = 1 - 0.5 * (1 - guess_.confidence);
    ++guess_.units;
    return std::make_shared<Guess>(guess_);
  }
  std::vector<std::unique_ptr<Pane>> MakePanes(
      std::span<const double> task, std::span<const std::shared_ptr<const Adapted>> units,
      std::span<const int> shown) const override {
    std::vector<Image> images;
    for (int i = 0; i < 5; ++i) {
      images.push_back(Image::Blank(28, 28));
      Rng rng = Rng(static_cast<uint64_t>(task[0])).Fork("image", static_cast<uint64_t>(i));
      for (size_t pixel = 0; pixel < images.back().rgb.size(); pixel += 3) {
        const auto value = static_cast<uint8_t>(rng.Below(2) * 255);
        for (size_t c = pixel; c < pixel + 3; ++c) images.back().rgb[c] = value;
      }
    }
    std::vector<std::unique_ptr<Pane>> panes;
    for (const int unit : shown) {
      const auto& guess = dynamic_cast<const Guess&>(*units[static_cast<size_t>(unit)]);
      panes.push_back(std::make_unique<ImagePane>(images, guess.confidence));
      panes.back()->title = TitleOf(unit, "inner step");
    }
    return panes;
  }

 private:
  std::string name_ = "images";
  std::vector<Control> controls_ = {{"episode", "", {0, 99}, {0, 99}, {}}};
  Guess guess_;
};

}  // namespace fewstep
