#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "viewer/panes/few_shot_panes.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

// How probable the right classes are taken to be, in the mean over queries.
double Confidence(const FewShotScene& scene, const FewShotPrediction& prediction) {
  const size_t ways = scene.classes.size(), queries = scene.query_labels.size();
  double sum = 0;
  for (size_t i = 0; i < queries; ++i) {
    sum += prediction.query[i * ways + static_cast<size_t>(scene.query_labels[i])];
  }
  return sum / static_cast<double>(queries);
}

}  // namespace

FewShotPane::FewShotPane(Content content) : content_(std::move(content)) {
  for (const auto& unit : content_.units) {
    curve_.push_back(scene().classifies() ? Confidence(scene(), unit->prediction)
                                          : unit->prediction.support_error);
  }
}

std::string FewShotPane::NameOf(int step) const {
  if (!content_.only.empty()) return content_.only;
  return TitleOf(content_.units[static_cast<size_t>(step)]->units, content_.unit);
}

std::string FewShotPane::Title(int step) const { return NameOf(step); }

double FewShotPane::step_seconds() const {
  // slow enough to see what a step does; of many steps some ten seconds
  return std::clamp(10.0 / std::max(1, longest()), 0.1, 1.5);
}

std::string FewShotPane::Caption(int step) const {
  const FewShotPrediction& of = prediction(step);
  if (!scene().classifies()) {
    return fmt::format("error {:.3g}, {:.3g} at the support", of.score, of.support_error);
  }
  const auto queries = static_cast<double>(scene().query_labels.size());
  return fmt::format("accuracy {:.3f}, {} of {} right", of.score, std::lround(of.score * queries),
                     scene().query_labels.size());
}

std::vector<Curve> FewShotPane::Curves() const {
  if (num_units() < 2) return {};
  return {{scene().classifies() ? "probability of the right class" : "error at the support",
           curve_,
           {}}};
}

void DrawVerdict(Canvas& canvas, Point center, float radius, bool right) {
  const float thick = std::max(1.5f, 0.3f * radius), arm = 0.5f * radius;
  const auto [x, y] = center;
  if (right) {
    canvas.Disc(center, radius, theme::kShade);
    const Point points[] = {
        {x - arm, y + 0.1f * arm}, {x - 0.2f * arm, y + 0.8f * arm}, {x + arm, y - 0.7f * arm}};
    canvas.Path(points, theme::kTarget, thick);
    return;
  }
  canvas.Disc(center, radius, theme::kBad);
  canvas.Line({x - arm, y - arm}, {x + arm, y + arm}, theme::kBackground, thick);
  canvas.Line({x - arm, y + arm}, {x + arm, y - arm}, theme::kBackground, thick);
}

void DrawConfidence(Canvas& canvas, const Rect& rect, double part, bool right) {
  canvas.Box(rect, theme::kGrid, 0);
  const auto filled = static_cast<float>(std::clamp(part, 0.0, 1.0));
  canvas.Box({rect.x, rect.y, filled * rect.width, rect.height},
             right ? theme::kTarget : theme::kBad, 0);
}

}  // namespace fewstep
