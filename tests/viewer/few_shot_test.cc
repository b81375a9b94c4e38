// Episodes of few-shot learning in a show: what is set, what is drawn, and whether it is right.
#include <set>

#include <gtest/gtest.h>

#include "tests/viewer/noting_canvas.h"
#include "tests/viewer/scripted_learner.h"
#include "viewer/panes/few_shot_panes.h"
#include "viewer/show.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

constexpr Rect kRect{10, 20, 960, 520};

std::unique_ptr<Show> LearnerShow(ScriptedData data, int units = 3,
                                  std::shared_ptr<ScriptedLearner::Told> told = nullptr) {
  std::vector<std::unique_ptr<Subject>> subjects;
  subjects.push_back(LearnerSubject(data, std::move(told)));
  auto show = std::make_unique<Show>(std::move(subjects),
                                     ShowOptions{.units = units, .last_score = false}, Rng(1));
  show->HoldAtEnd(true);
  show->NextTask();
  show->WaitUntilAdapted(/*until_done=*/true);
  return show;
}

Pane& OnlyPane(const Show& show) {
  EXPECT_EQ(show.rows()[0].size(), 1u);
  return *show.rows()[0][0];
}

NotingCanvas Drawn(Pane& pane, int step, const Rect& rect = kRect) {
  NotingCanvas canvas;
  Look look;
  pane.Draw(canvas, rect, step, look);
  EXPECT_EQ(canvas.clips, 0);
  return canvas;
}

// Crosses are two lines in a filled disc, ticks a path in a dark one.
int Crosses(const NotingCanvas& canvas) {
  return static_cast<int>(std::ranges::count_if(canvas.discs, [](const auto& disc) {
    return disc.color.red == theme::kBad.red && disc.color.green == theme::kBad.green;
  }));
}

TEST(FewShotShow, ScoresAreThoseOfEachUnit) {
  const auto show = LearnerShow(ScriptedData::kPictures);
  const AdaptationProgress& progress = show->progress(0);
  ASSERT_EQ(progress.units.size(), 4u) << "none more for the score of the last";
  ASSERT_EQ(progress.scores.size(), 4u);
  for (size_t unit = 0; unit < 4; ++unit) {
    EXPECT_DOUBLE_EQ(progress.scores[unit][0], static_cast<double>(unit) / 3);
  }
}

TEST(FewShotShow, OnePaneGoesThroughTheUnits) {
  const auto show = LearnerShow(ScriptedData::kPictures);
  Pane& pane = OnlyPane(*show);
  EXPECT_EQ(pane.longest(), 3);
  EXPECT_EQ(pane.Title(0), "before adapting");
  EXPECT_EQ(pane.Title(1), "after 1 step");
  EXPECT_EQ(pane.Caption(0), "accuracy 0.000, 0 of 15 right");
  EXPECT_EQ(pane.Caption(2), "accuracy 0.667, 10 of 15 right");
  EXPECT_NE(pane.TaskText(0).find("episode 0: 5 ways"), std::string::npos) << pane.TaskText(0);
  EXPECT_NE(pane.TaskText(0).find("batch statistics"), std::string::npos);
  show->Advance(100);
  EXPECT_EQ(show->step(), 3);
  const std::vector<Curve> curves = pane.Curves();
  ASSERT_EQ(curves.size(), 1u);
  ASSERT_EQ(curves[0].values.size(), 4u);
  EXPECT_NEAR(curves[0].values[0], 0.25 / 4, 1e-9);
  EXPECT_NEAR(curves[0].values[3], 0.75, 1e-9);
  // and stays at the last
  show->Advance(100);
  EXPECT_EQ(show->step(), 3);
}

TEST(FewShotShow, SideBySideThereIsAPaneForEachUnitThatIsAskedFor) {
  std::vector<std::unique_ptr<Subject>> subjects;
  subjects.push_back(LearnerSubject(ScriptedData::kSines, nullptr, /*side_by_side=*/true));
  Show show(std::move(subjects), {.units = 3, .shown = {0, 3}, .last_score = false}, Rng(1));
  show.NextTask();
  show.WaitUntilAdapted();
  ASSERT_EQ(show.rows()[0].size(), 2u);
  EXPECT_EQ(show.rows()[0][0]->Title(0), "before adapting");
  EXPECT_EQ(show.rows()[0][1]->Title(0), "after 3 steps");
  EXPECT_EQ(show.rows()[0][1]->longest(), 0);
  EXPECT_TRUE(show.rows()[0][1]->Curves().empty());
}

TEST(FewShotShow, TheNextEpisodeKeepsWaysAndShots) {
  const auto show = LearnerShow(ScriptedData::kPictures);
  ASSERT_EQ(show->controls().size(), 3u);
  EXPECT_EQ(show->task(), (std::vector<double>{0, 5, 2}));
  show->SetTask({7, 3, 4});
  show->NextTask();
  show->WaitUntilAdapted();
  EXPECT_EQ(show->task(), (std::vector<double>{8, 3, 4}));
  const auto& adapted = dynamic_cast<const AdaptedLearner&>(*show->progress(0).units.front());
  EXPECT_EQ(adapted.scene->classes.size(), 3u);
  EXPECT_EQ(adapted.scene->support_labels.size(), 12u);
  show->SetTask({99, 3, 4});
  show->NextTask();
  EXPECT_EQ(show->task()[0], 0) << "after the last comes the first";
  // of functions there are no ways
  EXPECT_EQ(LearnerShow(ScriptedData::kSines)->controls().size(), 2u);
}

TEST(FewShotShow, AdaptsByAsManyUnitsAsAreAskedFor) {
  const auto show = LearnerShow(ScriptedData::kSines);
  EXPECT_EQ(show->most_units(), 8);
  show->SetUnits(6);
  show->WaitUntilAdapted();
  EXPECT_EQ(show->progress(0).units.size(), 7u);
  EXPECT_EQ(OnlyPane(*show).longest(), 6);
  EXPECT_EQ(show->shown().size(), 7u);
  show->SetUnits(1);
  show->WaitUntilAdapted();
  EXPECT_EQ(OnlyPane(*show).longest(), 1);
}

TEST(FewShotShow, WhatCannotBeDrawnIsAMessage) {
  auto told = std::make_shared<ScriptedLearner::Told>();
  const auto show = LearnerShow(ScriptedData::kPictures, 2, told);
  told->most_ways = 10;
  show->SetTask({0, 12, 1});
  EXPECT_THROW(show->WaitUntilAdapted(), Error);
  EXPECT_EQ(show->error(), "too many ways");
  EXPECT_EQ(show->rows()[0].size(), 1u) << "panes stay";
  show->SetTask({0, 10, 1});
  show->WaitUntilAdapted();
  EXPECT_TRUE(show->error().empty());
}

TEST(FewShotShow, AnotherEpisodeStopsWhatIsUnderWay) {
  auto told = std::make_shared<ScriptedLearner::Told>();
  const auto show = LearnerShow(ScriptedData::kPictures, 2, told);
  told->milliseconds = 60'000;
  show->NextTask();
  told->milliseconds = 0;
  show->SetTask({5, 4, 1});
  show->WaitUntilAdapted();
  EXPECT_EQ(show->progress(0).task[0], 5);
  EXPECT_NE(OnlyPane(*show).TaskText(0).find("episode 5"), std::string::npos);
}

TEST(EpisodePane, ShowsSupportQueriesAndAVerdictOfEach) {
  const auto show = LearnerShow(ScriptedData::kPictures);
  Pane& pane = OnlyPane(*show);
  for (const auto& [step, wrong] : {std::pair{0, 15}, {1, 10}, {3, 0}}) {
    const NotingCanvas canvas = Drawn(pane, step);
    // five classes with two shots and three queries
    EXPECT_EQ(canvas.pictures.size(), 25u);
    EXPECT_EQ(canvas.frames.size(), 15u) << "a frame a query";
    EXPECT_EQ(Crosses(canvas), wrong) << step;
    EXPECT_EQ(canvas.paths.size(), static_cast<size_t>(15 - wrong)) << "ticks";
    EXPECT_TRUE(canvas.Says("75%"));
    EXPECT_TRUE(canvas.Says("kind 4"));
    EXPECT_TRUE(canvas.Says("support"));
    EXPECT_TRUE(canvas.Says("queries"));
    for (const Rect& picture : canvas.pictures) {
      EXPECT_TRUE(picture.x >= kRect.x && picture.right() <= kRect.right() &&
                  picture.y >= kRect.y && picture.bottom() <= kRect.bottom());
      EXPECT_FLOAT_EQ(picture.width, picture.height);
    }
    // no picture lies on another
    for (size_t i = 0; i < canvas.pictures.size(); ++i) {
      for (size_t k = 0; k < i; ++k) {
        const Rect &a = canvas.pictures[i], &b = canvas.pictures[k];
        EXPECT_TRUE(a.right() <= b.x || b.right() <= a.x || a.bottom() <= b.y || b.bottom() <= a.y);
      }
    }
  }
}

// Support and queries of a class stand in its row.
TEST(EpisodePane, ClassesAreRows) {
  const auto show = LearnerShow(ScriptedData::kPictures);
  const NotingCanvas canvas = Drawn(OnlyPane(*show), 0, {0, 0, 420, 700});
  std::set<float> rows;
  for (const Rect& picture : canvas.pictures) rows.insert(picture.y);
  EXPECT_EQ(rows.size(), 5u);
}

TEST(EpisodePane, OfAnySizeSaysWhatItLeavesOut) {
  const auto show = LearnerShow(ScriptedData::kPictures);
  for (const auto& [ways, shots] : {std::pair{2.0, 1.0}, {20.0, 1.0}, {20.0, 10.0}}) {
    show->SetTask({1, ways, shots});
    show->WaitUntilAdapted();
    Pane& pane = OnlyPane(*show);
    for (const auto& [width, height] :
         {std::pair{1900.f, 1000.f}, {960.f, 420.f}, {300.f, 200.f}, {60.f, 60.f}, {1.f, 1.f}}) {
      const NotingCanvas canvas = Drawn(pane, 1, {0, 0, width, height});
      const auto all = static_cast<size_t>(ways * (shots + 3));
      EXPECT_LE(canvas.pictures.size(), all);
      const bool says = canvas.Says("of each class are shown");
      if (width > 900) {
        EXPECT_EQ(says, canvas.pictures.size() < all) << ways << " " << width;
      }
    }
  }
  // larger for who zooms
  Look look;
  NotingCanvas plain, zoomed;
  OnlyPane(*show).Draw(plain, kRect, 0, look);
  look.plane_zoom = 3;
  OnlyPane(*show).Draw(zoomed, kRect, 0, look);
  EXPECT_GT(zoomed.pictures[0].width, 1.5f * plain.pictures[0].width);
}

TEST(FitPane, MovesTowardsTheTruth) {
  const auto show = LearnerShow(ScriptedData::kSines, 4);
  Pane& pane = OnlyPane(*show);
  EXPECT_NE(pane.Caption(1).find("error"), std::string::npos);
  double last = 1e9;
  for (int step = 0; step <= 4; ++step) {
    const NotingCanvas canvas = Drawn(pane, step);
    // fits before, and that of now
    ASSERT_EQ(canvas.paths.size(), static_cast<size_t>(step) + 1);
    const std::vector<Point>& fit = canvas.paths.back();
    ASSERT_EQ(fit.size(), 101u);
    // the support lies on the truth: how far the fit is from it
    double gap = 0;
    for (const auto& disc : canvas.discs) {
      if (disc.color.green != theme::kMeasured.green) continue;
      const auto nearest = std::ranges::min_element(
          fit, {}, [&](const Point& p) { return std::abs(p.x - disc.center.x); });
      gap += std::abs(nearest->y - disc.center.y);
    }
    EXPECT_LT(gap, last) << step;
    last = gap;
    EXPECT_TRUE(canvas.Says("truth"));
    EXPECT_TRUE(canvas.Says("support, 2 points"));
    EXPECT_TRUE(canvas.Says(step == 0 ? "fit before adapting" : "fit after"));
  }
  Drawn(pane, 2, {0, 0, 20, 20});
  // without what was before
  Look look;
  look.trail = false;
  NotingCanvas canvas;
  pane.Draw(canvas, kRect, 4, look);
  EXPECT_EQ(canvas.paths.size(), 1u);
}

// A fit that diverges leaves the truth as large as it was, and is no number far outside.
TEST(FitPane, ADivergingFitHidesNothing) {
  const auto scene = SineScene(2, 5);
  std::vector<std::shared_ptr<const AdaptedLearner>> units;
  for (const double value : {0.0, 1e30, std::nan("")}) {
    auto adapted = std::make_shared<AdaptedLearner>();
    adapted->scene = scene;
    adapted->prediction = SinePrediction(*scene, 0);
    adapted->prediction.grid.assign(scene->grid_x.size(), value);
    units.push_back(std::move(adapted));
  }
  const std::unique_ptr<Pane> pane =
      MakeFitPane({.units = units, .unit = "step", .only = "", .task = ""});
  const NotingCanvas canvas = Drawn(*pane, 2);
  float top = 1e9, bottom = 0;
  for (const auto& disc : canvas.discs) {
    top = std::min(top, disc.center.y);
    bottom = std::max(bottom, disc.center.y);
  }
  EXPECT_GT(bottom - top, 0.3f * kRect.height);
  for (const auto& path : canvas.paths) {
    for (const Point& point : path) EXPECT_LT(std::abs(point.y), 1e4);
  }
}

TEST(AnswersPane, IsATableOfQueries) {
  const auto show = LearnerShow(ScriptedData::kVectors);
  Pane& pane = OnlyPane(*show);
  const NotingCanvas canvas = Drawn(pane, 1);
  EXPECT_TRUE(canvas.pictures.empty());
  EXPECT_EQ(Crosses(canvas), 10);
  EXPECT_EQ(canvas.frames.size(), 10u) << "a frame a wrong one";
  for (const char* text : {"query", "truth", "prediction", "probability", "75%", "5 kind 4"}) {
    EXPECT_TRUE(canvas.Says(text)) << text;
  }
  EXPECT_FALSE(canvas.Says("queries are shown"));
  EXPECT_TRUE(Drawn(pane, 1, {0, 0, 400, 120}).Says("of 15 queries are shown"));
  Drawn(pane, 1, {0, 0, 10, 10});
}

TEST(AnswersPane, OfFunctionsOfSeveralNumbers) {
  auto scene = std::make_shared<FewShotScene>();
  scene->shape = {.picture = false, .width = 2};
  scene->outputs = 2;
  scene->support_x = {0, 0};
  scene->support_y = {1, 1};
  scene->query_x = {1, 1};
  scene->query_y = {1, 2};
  auto adapted = std::make_shared<AdaptedLearner>();
  adapted->scene = scene;
  adapted->prediction = {.score = 0.5, .query = {1, 3}, .grid = {}, .support_error = 0};
  const std::unique_ptr<Pane> pane =
      MakeAnswersPane({.units = {adapted}, .unit = "step", .only = "", .task = ""});
  const NotingCanvas canvas = Drawn(*pane, 0);
  for (const char* text : {"1.000, 2.000", "1.000, 3.000", "0.5"}) {
    EXPECT_TRUE(canvas.Says(text)) << text;
  }
}

}  // namespace
}  // namespace fewstep
