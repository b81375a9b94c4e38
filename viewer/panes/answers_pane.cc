// Queries that are no pictures, as a table.
#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "viewer/panes/few_shot_panes.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

class AnswersPane final : public FewShotPane {
 public:
  using FewShotPane::FewShotPane;

  void Draw(Canvas& canvas, const Rect& rect, int step, Look&) override {
    const float unit = canvas.scale(), line = canvas.Measure("0", TextSize::kSmall).y,
                row = line + 5 * unit;
    const Rect page = rect.Inner(10 * unit);
    const auto fit = static_cast<int>((page.height - row) / row);
    if (fit < 1 || page.width < 60 * unit) return;

    // as many tables side by side as it takes, and as there is room for
    const size_t queries = scene().num_queries();
    const auto per_table = static_cast<size_t>(fit);
    const auto room = static_cast<size_t>(std::max(1.f, page.width / (330 * unit)));
    const size_t tables = std::min(room, (queries + per_table - 1) / per_table);
    const bool all = queries <= tables * per_table;
    // where not all are seen the last line says so
    const size_t rows = all ? per_table : std::max<size_t>(1, per_table - 1);
    const float width = std::min(page.width / static_cast<float>(tables), 600 * unit);
    for (size_t t = 0; t < tables; ++t) {
      const Rect table = {page.x + static_cast<float>(t) * width, page.y, width - 18 * unit,
                          page.height};
      const Columns columns = ColumnsOf(table, unit);
      Head(canvas, table, columns);
      for (size_t i = 0; i < rows; ++i) {
        const size_t query = t * rows + i;
        if (query >= queries) break;
        DrawRow(canvas,
                {table.x, table.y + static_cast<float>(i + 1) * row, table.width, row - unit},
                columns, query, step);
      }
    }
    if (!all) {
      canvas.Text(
          {page.x, page.bottom() - line}, theme::kFaint,
          fmt::format("{} of {} queries are shown", std::min(queries, rows * tables), queries),
          TextSize::kSmall);
    }
  }

 private:
  // Where a table's columns begin.
  struct Columns {
    float query, truth, predicted, bar;
  };
  Columns ColumnsOf(const Rect& table, float unit) const {
    const float first = 52 * unit, third = (table.width - first) / 3;
    return {table.x, table.x + first, table.x + first + third, table.x + first + 2 * third};
  }

  void Head(Canvas& canvas, const Rect& table, const Columns& columns) const {
    const auto write = [&](float x, float end, const char* text) {
      canvas.Text({x, table.y}, theme::kFaint,
                  Shortened(canvas, text, end - x - 4 * canvas.scale(), TextSize::kSmall),
                  TextSize::kSmall);
    };
    write(columns.query, columns.truth, "query");
    write(columns.truth, columns.predicted, "truth");
    write(columns.predicted, columns.bar, "prediction");
    write(columns.bar, table.right(), scene().classifies() ? "probability" : "error");
  }

  void DrawRow(Canvas& canvas, const Rect& rect, const Columns& columns, size_t query,
               int step) const {
    const float unit = canvas.scale(), line = canvas.Measure("0", TextSize::kSmall).y;
    const float y = rect.y + 0.5f * (rect.height - line);
    const auto write = [&](float x, float end, const Color& color, const std::string& text) {
      canvas.Text({x, y}, color, Shortened(canvas, text, end - x - 6 * unit, TextSize::kSmall),
                  TextSize::kSmall);
    };
    if (scene().classifies()) {
      const PredictedClass predicted = PredictedOf(scene(), prediction(step), query);
      const int truth = scene().query_labels[query];
      const bool right = predicted.label == truth;
      if (!right) canvas.Frame(rect, theme::kBad, 1.5f * unit);
      write(columns.query + 4 * unit, columns.truth, theme::kFaint, fmt::format("{}", query + 1));
      write(columns.truth, columns.predicted, theme::kText, ClassText(truth));
      const float radius = 0.4f * rect.height;
      DrawVerdict(canvas, {columns.predicted + radius, rect.center().y}, radius, right);
      write(columns.predicted + 2 * radius + 5 * unit, columns.bar,
            right ? theme::kText : theme::kBad, ClassText(predicted.label));
      const std::string percent = fmt::format("{:.0f}%", 100 * predicted.probability);
      const float number = canvas.Measure("100%", TextSize::kSmall).x + 8 * unit;
      DrawConfidence(
          canvas,
          {columns.bar, rect.center().y - 3 * unit, rect.right() - columns.bar - number, 6 * unit},
          predicted.probability, right);
      write(rect.right() - number + 6 * unit, rect.right() + 20 * unit, theme::kText, percent);
      return;
    }
    const auto outputs = static_cast<size_t>(scene().outputs);
    const std::span truth = std::span(scene().query_y).subspan(query * outputs, outputs);
    const std::span predicted = std::span(prediction(step).query).subspan(query * outputs, outputs);
    double error = 0;
    for (size_t i = 0; i < outputs; ++i) {
      error +=
          std::pow(predicted[i] - static_cast<double>(truth[i]), 2) / static_cast<double>(outputs);
    }
    write(columns.query, columns.truth, theme::kFaint, fmt::format("{}", query + 1));
    write(columns.truth, columns.predicted, theme::kText, Numbers(truth));
    write(columns.predicted, columns.bar, theme::kText, Numbers(predicted));
    write(columns.bar, rect.right(), theme::kText, fmt::format("{:.3g}", error));
  }

  std::string ClassText(int of) const {
    return fmt::format("{} {}", of + 1, scene().classes[static_cast<size_t>(of)]);
  }

  static std::string Numbers(const auto& values) {
    std::string text;
    for (const double value : values)
      text += fmt::format("{}{:.3f}", text.empty() ? "" : ", ", value);
    return text;
  }
};

}  // namespace

std::unique_ptr<Pane> MakeAnswersPane(FewShotPane::Content content) {
  return std::make_unique<AnswersPane>(std::move(content));
}

}  // namespace fewstep
