#include "viewer/panes/arms_pane.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "viewer/theme.h"

namespace fewstep {
namespace {

class ArmsPane final : public Pane {
 public:
  ArmsPane(const FamilySpec& spec, std::vector<double> task, std::vector<Pull> pulls)
      : arms_(spec.parameters.size()), task_(std::move(task)), pulls_(std::move(pulls)) {
    best_ = *std::ranges::max_element(task_);
    returns_ = {0};
    rewards_ = {std::numeric_limits<double>::quiet_NaN()};
    optimum_ = {0};
    prior_ = {std::ranges::min(spec.parameters, {}, &ParameterSpec::low).low,
              std::ranges::max(spec.parameters, {}, &ParameterSpec::high).high};
    zero_or_one_ =
        prior_.low >= 0 && prior_.high <= 1 && std::ranges::all_of(pulls_, [](const Pull& pull) {
          return pull.reward == 0 || pull.reward == 1;
        });
  }

  void Restart(const Rng&) override {
    length_ = 0;
    returns_.resize(1);
    rewards_.resize(1);
    optimum_.resize(1);
  }

  void Advance() override {
    if (ended()) return;
    const double reward = pulls_[static_cast<size_t>(length_++)].reward;
    rewards_.push_back(reward);
    returns_.push_back(returns_.back() + reward);
    optimum_.push_back(optimum_.back() + best_);
  }

  int length() const override { return length_; }
  bool ended() const override { return length_ == static_cast<int>(pulls_.size()); }

  int longest() const override { return static_cast<int>(pulls_.size()); }

  // a hundred pulls in some fifteen seconds
  bool has_clock() const override { return false; }
  double step_seconds() const override {
    return std::clamp(15.0 / std::max<double>(1, static_cast<double>(pulls_.size())), 0.04, 0.4);
  }

  std::string TaskText(int) const override {
    return fmt::format("{} arms, the best pays {:.2f} a pull", arms_, best_);
  }

  std::string Caption(int step) const override {
    return fmt::format("paid {:.1f}, pull {} of {}", returns_[static_cast<size_t>(step)], step,
                       pulls_.size());
  }

  std::vector<Curve> Curves() const override {
    return {{"return, and of the best arm", returns_, optimum_}, {"reward", rewards_, {}}};
  }

  void Draw(Canvas& canvas, const Rect& rect, int step, Look&) override {
    const float unit = canvas.scale(), line = canvas.Measure("0", TextSize::kSmall).y;
    std::vector<int> counts(arms_);
    std::vector<double> sums(arms_);
    for (int i = 0; i < step; ++i) {
      const Pull& pull = pulls_[static_cast<size_t>(i)];
      if (pull.choice < 0 || pull.choice >= static_cast<int>(arms_)) continue;
      ++counts[static_cast<size_t>(pull.choice)];
      sums[static_cast<size_t>(pull.choice)] += pull.reward;
    }
    const int last = step > 0 ? pulls_[static_cast<size_t>(step - 1)].choice : -1;

    // a column an arm: what is believed of it above, how often it was pulled below
    const float margin = 10 * unit, axis = 30 * unit;
    const Rect field = {rect.x + margin + axis, rect.y + margin + line,
                        rect.width - 2 * margin - axis, rect.height - 2 * margin - 4.5f * line};
    if (field.width < 20 * unit || field.height < 4 * line) return;
    const Rect upper = {field.x, field.y, field.width, 0.62f * field.height};
    const Rect lower = {field.x, upper.bottom() + 1.6f * line, field.width,
                        field.bottom() - upper.bottom() - 1.6f * line};
    const float column = field.width / static_cast<float>(arms_);
    // all that an arm's mean may be, and a little more
    const double width = prior_.high - prior_.low;
    const auto height = [&](double value) {
      const double part = (value - prior_.low + 0.1 * width) / (1.2 * width);
      return upper.bottom() - static_cast<float>(std::clamp(part, 0.0, 1.0)) * upper.height;
    };
    for (const double tick : {prior_.low, prior_.low + 0.5 * width, prior_.high}) {
      canvas.Line({upper.x, height(tick)}, {upper.right(), height(tick)}, theme::kGrid, unit);
      canvas.Text({upper.x - axis, height(tick) - line / 2}, theme::kFaint,
                  fmt::format("{:.1f}", tick), TextSize::kSmall);
    }
    const int most = std::max(1, *std::ranges::max_element(counts));
    const size_t label_every = static_cast<size_t>(std::ceil(24 * unit / column));
    for (size_t arm = 0; arm < arms_; ++arm) {
      const float x = field.x + (static_cast<float>(arm) + 0.5f) * column;
      const float half = std::min(0.36f * column, 26 * unit);
      const bool pulled = static_cast<int>(arm) == last;
      const Color color = ArmColor(arm);
      const ArmBelief belief = BeliefOfArm(counts[arm], sums[arm], zero_or_one_, prior_);

      // two standard deviations, the mean, and the truth
      const float top = height(belief.mean + 2 * belief.spread),
                  bottom = height(belief.mean - 2 * belief.spread);
      canvas.Box({x - half, top, 2 * half, bottom - top}, color.Faded(0.28f), 3 * unit);
      canvas.Line({x - half, height(belief.mean)}, {x + half, height(belief.mean)}, color,
                  3 * unit);
      if (pulled) {
        canvas.Frame({x - half, top, 2 * half, bottom - top}, theme::kText, 2 * unit);
      }
      const float truth = height(task_[arm]);
      canvas.Line({x - 1.25f * half, truth}, {x + 1.25f * half, truth},
                  task_[arm] == best_ ? theme::kTarget : theme::kTarget.Faded(0.55f), 2 * unit);

      // its pulls
      const float bar =
          static_cast<float>(counts[arm]) / static_cast<float>(most) * (lower.height - line);
      canvas.Box({x - half, lower.bottom() - bar, 2 * half, bar}, color.Faded(0.8f), 2 * unit);
      if (arm % label_every == 0) {
        const std::string count = fmt::format("{}", counts[arm]);
        const float count_width = canvas.Measure(count, TextSize::kSmall).x;
        canvas.Text({x - count_width / 2, lower.bottom() - bar - line}, theme::kText, count,
                    TextSize::kSmall);
        const std::string number = fmt::format("{}", arm);
        const float number_width = canvas.Measure(number, TextSize::kSmall).x;
        canvas.Text({x - number_width / 2, lower.bottom() + 2 * unit}, theme::kFaint, number,
                    TextSize::kSmall);
      }
    }
    canvas.Text({rect.x + margin, rect.y + 0.5f * margin}, theme::kFaint,
                "what is known of each arm's mean, ± 2 standard deviations", TextSize::kSmall);
    canvas.Text({rect.x + margin, lower.y - 1.4f * line}, theme::kFaint, "pulls of each arm",
                TextSize::kSmall);

    // the order of the pulls: which arm, and how much it paid
    const char* order = "in order, the brighter the more it paid";
    canvas.Text({rect.x + margin, rect.bottom() - margin - 1.1f * line}, theme::kFaint, order,
                TextSize::kSmall);
    const float order_width = canvas.Measure(order, TextSize::kSmall).x + margin;
    const Rect strip = {rect.x + margin + order_width, rect.bottom() - margin - 1.1f * line,
                        rect.width - 2 * margin - order_width, 1.1f * line};
    const float cell =
        std::min(strip.width / static_cast<float>(std::max<size_t>(1, pulls_.size())), 14 * unit);
    for (int i = 0; i < step; ++i) {
      const Pull& pull = pulls_[static_cast<size_t>(i)];
      const Color color = ArmColor(static_cast<size_t>(pull.choice));
      canvas.Box({strip.x + static_cast<float>(i) * cell, strip.y, std::max(1.f, cell - unit),
                  strip.height},
                 color.Faded(static_cast<float>(
                     0.25 + 0.75 * std::clamp((pull.reward - prior_.low) / width, 0.0, 1.0))),
                 unit);
    }
    const Point legend = {rect.right() - margin - canvas.Measure("the truth", TextSize::kSmall).x,
                          rect.y + 0.5f * margin};
    canvas.Line({legend.x - 22 * unit, legend.y + line / 2},
                {legend.x - 6 * unit, legend.y + line / 2}, theme::kTarget, 2 * unit);
    canvas.Text(legend, theme::kText, "the truth", TextSize::kSmall);
  }

 private:
  Color ArmColor(size_t arm) const {
    const double part =
        static_cast<double>(arm) / static_cast<double>(std::max<size_t>(1, arms_ - 1));
    return part < 0.5 ? Mix(PaneColor(1), PaneColor(5), 2 * part)
                      : Mix(PaneColor(5), PaneColor(2), 2 * part - 1);
  }

  size_t arms_;
  std::vector<double> task_;  // [arms] means
  std::vector<Pull> pulls_;
  double best_ = 0;
  Range prior_;  // what the means of arms are drawn from
  bool zero_or_one_ = false;
  int length_ = 0;
  std::vector<double> returns_, rewards_, optimum_;  // [length + 1]
};

}  // namespace

ArmBelief BeliefOfArm(int n, double sum, bool zero_or_one, const Range& prior) {
  constexpr int kPoints = 512;
  double weights[kPoints], means[kPoints], largest = -std::numeric_limits<double>::infinity();
  for (int i = 0; i < kPoints; ++i) {
    const double mean = prior.low + (prior.high - prior.low) * (i + 0.5) / kPoints;
    means[i] = mean;
    // log-likelihood up to what is the same for all
    weights[i] = zero_or_one ? sum * std::log(mean) + (n - sum) * std::log1p(-mean)
                             : sum * mean - 0.5 * n * mean * mean;
    largest = std::max(largest, weights[i]);
  }
  double mass = 0, first = 0, second = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double weight = std::exp(weights[i] - largest);
    mass += weight;
    first += weight * means[i];
    second += weight * means[i] * means[i];
  }
  const double mean = first / mass;
  return {.mean = mean, .spread = std::sqrt(std::max(0.0, second / mass - mean * mean))};
}

std::unique_ptr<Pane> MakeArmsPane(const FamilySpec& spec, std::vector<double> task,
                                   std::vector<Pull> pulls) {
  return std::make_unique<ArmsPane>(spec, std::move(task), std::move(pulls));
}

}  // namespace fewstep
