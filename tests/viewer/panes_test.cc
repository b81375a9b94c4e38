// What panes draw, and whether it is right.
#include <cmath>
#include <functional>

#include <gtest/gtest.h>

#include "envs/families/mdps/tabular_mdp.h"
#include "tests/viewer/noting_canvas.h"
#include "tests/viewer/show_testing.h"
#include "viewer/panes/arms_pane.h"
#include "viewer/panes/plane_panes.h"
#include "viewer/plot.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

constexpr Rect kRect{0, 0, 640, 400};

// The Beta distribution for pays of 0 and 1; the normal one, cut off where the prior ends, for
// others (mean and variance of the truncated normal distribution).
TEST(ArmsPane, BelievesAsBayesDoes) {
  const Range unit{0, 1};
  for (const auto& [n, sum] : {std::pair{0, 0}, {1, 1}, {5, 2}, {40, 39}, {500, 250}}) {
    const double a = 1 + sum, b = 1 + n - sum;
    const ArmBelief belief = BeliefOfArm(n, sum, true, unit);
    EXPECT_NEAR(belief.mean, a / (a + b), 1e-4) << n;
    EXPECT_NEAR(belief.spread, std::sqrt(a * b / (a + b + 1)) / (a + b), 1e-4) << n;
  }
  const auto density = [](double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI); };
  const auto below = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  for (const Range& prior : {unit, Range{-2, 3}}) {
    for (const auto& [n, sum] : {std::pair{1, 0.3}, {1, 1.9}, {4, 2.0}, {100, 70.0}}) {
      const double m = sum / n, s = 1 / std::sqrt(n);
      const double low = (prior.low - m) / s, high = (prior.high - m) / s;
      const double mass = below(high) - below(low);
      const double shift = (density(low) - density(high)) / mass;
      const double variance =
          s * s * (1 + (low * density(low) - high * density(high)) / mass - shift * shift);
      const ArmBelief belief = BeliefOfArm(n, sum, false, prior);
      EXPECT_NEAR(belief.mean, m + s * shift, 1e-4) << n;
      EXPECT_NEAR(belief.spread, std::sqrt(variance), 1e-4) << n;
    }
  }
  // a pull never makes an arm less known than it was
  EXPECT_LE(BeliefOfArm(1, 0.5, false, unit).spread, BeliefOfArm(0, 0, false, unit).spread);
}

TEST(ArmsPane, ShowsPullAfterPull) {
  const auto family = BuiltinFamilies().Make("bandit-bernoulli@rl2");
  const std::unique_ptr<Pane> pane =
      MakeArmsPane(family->spec(), {0.1, 0.9, 0.2, 0.3, 0.4}, {{0, 0}, {1, 1}, {1, 1}, {4, 0}});
  pane->Restart(Rng(1));
  EXPECT_EQ(pane->longest(), 4);
  for (int step = 1; step <= 4; ++step) {
    EXPECT_FALSE(pane->ended());
    pane->Advance();
    EXPECT_EQ(pane->length(), step);
  }
  EXPECT_TRUE(pane->ended());
  pane->Advance();
  EXPECT_EQ(pane->length(), 4);
  const std::vector<Curve> curves = pane->Curves();
  EXPECT_EQ(std::vector<double>(curves[0].values.begin(), curves[0].values.end()),
            (std::vector<double>{0, 0, 1, 2, 2}));
  EXPECT_TRUE(std::isnan(curves[1].values[0])) << "no pull, no pay";
  EXPECT_DOUBLE_EQ(curves[0].target[4], 3.6);

  // counts below the columns, at any step
  Look look;
  for (const auto& [step, count] : {std::pair{4, "2"}, {2, "1"}}) {
    NotingCanvas canvas;
    pane->Draw(canvas, kRect, step, look);
    EXPECT_TRUE(canvas.Says(count)) << step;
    EXPECT_EQ(canvas.clips, 0);
    for (const auto& text : canvas.texts) {
      EXPECT_TRUE(text.at.x >= 0 && text.at.y >= 0 && text.at.x < kRect.width &&
                  text.at.y < kRect.height)
          << text.text;
    }
  }
  EXPECT_EQ(pane->Caption(2), "paid 1.0, pull 2 of 4");

  // nothing was pulled, or there is no room
  const std::unique_ptr<Pane> empty = MakeArmsPane(family->spec(), {0, 0, 0, 0, 1}, {});
  empty->Restart(Rng(1));
  EXPECT_TRUE(empty->ended());
  NotingCanvas canvas;
  empty->Draw(canvas, kRect, 0, look);
  pane->Draw(canvas, {0, 0, 10, 10}, 4, look);
}

// Every plan of a small process, tried one by one.
TEST(StatesPane, ValuesAreThoseOfTheBestPlan) {
  DrawingHints::States states{.count = 2, .actions = 2, .rewards = 0, .transitions = 4};
  const std::vector<double> task = {1, 0, 0.5, 2,                   // rewards
                                    3, 1, 1,   1, 2, 0, 0.5, 1.5};  // weights
  constexpr int kSteps = 3;
  const std::function<double(int, int)> best = [&](int state, int left) -> double {
    if (left == 0) return 0;
    double value = -1e9;
    for (int action = 0; action < 2; ++action) {
      const size_t pair = static_cast<size_t>(2 * state + action);
      const double a = task[4 + 2 * pair], b = task[5 + 2 * pair];
      value =
          std::max(value, task[pair] + (a * best(0, left - 1) + b * best(1, left - 1)) / (a + b));
    }
    return value;
  };
  const std::vector<double> values = StateValues(states, task, kSteps);
  ASSERT_EQ(values.size(), 2u);
  for (int state = 0; state < 2; ++state) {
    EXPECT_NEAR(values[static_cast<size_t>(state)], best(state, kSteps), 1e-12);
  }
}

TEST(StatesPane, MarksWhereItIsAndWhereItWas) {
  const auto family = BuiltinFamilies().Make("tabular-mdp@rl2");
  const Task task = family->Sample(Split::kTest, 1, Rng(2))[0];
  const std::unique_ptr<Pane> pane =
      MakeStatesPane(*family, std::make_unique<SwingingPerformer>(1, kMdpActions), task);
  pane->Restart(Rng(3));
  while (!pane->ended()) pane->Advance();
  Look look;
  NotingCanvas start, end;
  pane->Draw(start, kRect, 0, look);
  pane->Draw(end, kRect, pane->length(), look);
  EXPECT_EQ(start.triangles, 0);
  EXPECT_GT(end.triangles, 3);
  EXPECT_EQ(start.rings.size(), 1u);  // the present state
  EXPECT_TRUE(start.Says("1x"));
  EXPECT_TRUE(end.Says("reward"));
}

TEST(PlanePane, HoldsThePointItsTrailItsGoalAndTheBelief) {
  const auto family = BuiltinFamilies().Make("point-nav@maml");
  const Task task{"point-nav@maml", {0.25, -0.5}};
  const std::unique_ptr<Pane> pane = MakePlanePane(
      *family, std::make_unique<SwingingPerformer>(1, 0), task, {{0.25, -0.5}, {0.3, -0.5}});
  pane->Restart(Rng(1));
  constexpr int kSteps = 7;
  for (int step = 0; step < kSteps; ++step) pane->Advance();
  Look look;
  NotingCanvas canvas;
  pane->Draw(canvas, kRect, kSteps, look);
  // belief 0 lies on the goal; y is up
  ASSERT_GE(canvas.discs.size(), 4u);
  const auto& believed = canvas.discs[0];
  const auto& goal = canvas.discs.back();
  EXPECT_FLOAT_EQ(believed.center.x, goal.center.x);
  EXPECT_FLOAT_EQ(believed.center.y, goal.center.y);
  EXPECT_GT(goal.center.x, kRect.center().x);
  EXPECT_GT(goal.center.y, kRect.center().y);
  const auto trail = std::ranges::count_if(canvas.line_colors, [](const Color& color) {
    return color.red == theme::kTrail.red && color.green == theme::kTrail.green;
  });
  EXPECT_EQ(trail, kSteps);

  // without a trail, and larger
  look.trail = false;
  look.Zoom(0.5);
  NotingCanvas larger;
  pane->Draw(larger, kRect, kSteps, look);
  EXPECT_GT(larger.discs.back().center.x, goal.center.x);
}

TEST(SignalsPane, ShowsAnyFamily) {
  for (const char* name : {"point-nav@maml", "tabular-mdp@rl2", "half-cheetah-dir@promp"}) {
    const auto family = BuiltinFamilies().Make(name);
    const Task task = family->Sample(Split::kTest, 1, Rng(2))[0];
    const int choices = family->spec().action_kind == ActionKind::kDiscrete ? 5 : 0;
    const std::unique_ptr<Pane> pane =
        MakeSignalsPane(*family, std::make_unique<SwingingPerformer>(1, choices), task);
    pane->Restart(Rng(3));
    Look look;
    NotingCanvas start, later;
    pane->Draw(start, kRect, 0, look);
    for (int step = 0; step < 5; ++step) pane->Advance();
    pane->Draw(later, kRect, 5, look);
    EXPECT_TRUE(later.Says("observed")) << name;
    // a line a number, of observations and of actions
    EXPECT_EQ(later.paths.size(),
              static_cast<size_t>(std::min(8, family->spec().plain_observation_size()) +
                                  std::min(8, family->spec().action_width())))
        << name;
    EXPECT_EQ(later.paths[0].size(), 6u) << name;
  }
}

class PhysicsPaneTest : public ::testing::Test {
 protected:
  static std::vector<mjvGeom> Decorations(const NotingCanvas& canvas, int type) {
    std::vector<mjvGeom> found;
    for (const mjvGeom& geom : canvas.geoms) {
      if (geom.category == mjCAT_DECOR && geom.type == type) found.push_back(geom);
    }
    return found;
  }
};

TEST_F(PhysicsPaneTest, DrawsTheAskedAndTheMeasuredVelocity) {
  const auto family = ShortFamily("half-cheetah-vel@promp", 50);
  const auto show = ReadyShow(*family, {.units = 1, .shown = {1}});
  show->SetTask({2.0});
  show->WaitUntilAdapted();
  Pane& pane = *show->rows()[0][0];
  for (int step = 0; step < 20; ++step) pane.Advance();
  Look look;
  NotingCanvas canvas;
  pane.Draw(canvas, kRect, 20, look);
  const auto arrows = Decorations(canvas, mjGEOM_ARROW);
  ASSERT_EQ(arrows.size(), 2u);
  // an arrow is as long as its size says, along z of its frame: the first asks for 2 m/s of at most
  // 3
  const double measured = pane.Curves()[2].values[20];
  EXPECT_EQ(pane.Curves()[2].name, "forward_velocity");
  EXPECT_EQ(pane.Curves()[2].target[20], 2.0);
  EXPECT_NEAR(arrows[1].size[2] / arrows[0].size[2], std::abs(measured) / 2, 1e-3);
  EXPECT_GT(arrows[0].mat[2], 0.99f);  // towards x
  EXPECT_EQ(Decorations(canvas, mjGEOM_LINE).size(), 20u);
  EXPECT_TRUE(canvas.Says("velocity 2"));

  look.arrows = look.trail = false;
  NotingCanvas plain;
  pane.Draw(plain, kRect, 20, look);
  EXPECT_TRUE(Decorations(plain, mjGEOM_ARROW).empty());
  EXPECT_TRUE(Decorations(plain, mjGEOM_LINE).empty());
}

TEST_F(PhysicsPaneTest, PushesWhatTheMouseHolds) {
  const auto family = ShortFamily("half-cheetah-vel@promp", 60);
  const auto show = ReadyShow(*family, {.units = 0});
  Pane& pane = *show->rows()[0][0];
  Look look;
  BlankCanvas canvas;
  const auto speed = [&](int steps, bool push) {
    pane.Restart(Rng(4));
    pane.Draw(canvas, kRect, 0, look);
    if (push) {
      // the robot is in the middle of the picture
      bool held = false;
      for (float y = 120; y < 300 && !held; y += 6) held = pane.Grab({320, y});
      EXPECT_TRUE(held);
      pane.Drag({120, 0});
    }
    for (int step = 0; step < steps; ++step) {
      pane.Advance();
      pane.Draw(canvas, kRect, pane.length(), look);
    }
    pane.LetGo();
    return pane.Curves()[2].values[static_cast<size_t>(steps)];
  };
  const double pushed = speed(8, true), alone = speed(8, false);
  EXPECT_GT(std::abs(pushed - alone), 0.2);
  EXPECT_FALSE(pane.Grab({1, 1})) << "the sky is nothing to hold";

  // a camera that stays is where the robot was, not where the model's middle is
  speed(40, true);
  look.BeginFrame();
  pane.Draw(canvas, kRect, pane.length(), look);
  NotingCanvas noting;
  pane.Draw(noting, kRect, pane.length(), look);
  double x = 0, count = 0;
  for (const mjvGeom& geom : noting.geoms) {
    if (geom.type != mjGEOM_CAPSULE || geom.category != mjCAT_DYNAMIC) continue;
    x += geom.pos[0];
    ++count;
  }
  EXPECT_GT(std::abs(x / count), 0.7) << "it was pushed far";
  EXPECT_NEAR(look.camera.lookat[0], x / count, 0.4);
  look.Stay();
  pane.Draw(canvas, kRect, pane.length(), look);
  EXPECT_NEAR(look.camera.lookat[0], x / count, 0.4);
}

TEST_F(PhysicsPaneTest, ShowsWhatWasAgain) {
  const auto family = ShortFamily("half-cheetah-vel@promp", 30);
  const auto show = ReadyShow(*family, {.units = 1, .shown = {1}});
  Pane& pane = *show->rows()[0][0];
  Look look;
  NotingCanvas first, later;
  for (int step = 0; step < 5; ++step) pane.Advance();
  pane.Draw(first, kRect, 5, look);
  for (int step = 0; step < 10; ++step) pane.Advance();
  pane.Draw(later, kRect, 5, look);
  ASSERT_EQ(first.geoms.size(), later.geoms.size());
  for (size_t i = 0; i < first.geoms.size(); ++i) {
    for (int k = 0; k < 3; ++k) EXPECT_EQ(first.geoms[i].pos[k], later.geoms[i].pos[k]) << i;
  }
}

TEST(Plot, StepsAreRound) {
  EXPECT_DOUBLE_EQ(RoundStep(10, 5), 2);
  EXPECT_DOUBLE_EQ(RoundStep(1, 3), 0.2);
  EXPECT_DOUBLE_EQ(RoundStep(270, 4), 50);
  EXPECT_DOUBLE_EQ(RoundStep(0, 4), 1);
  EXPECT_DOUBLE_EQ(RoundStep(std::nan(""), 4), 1);
}

TEST(Plot, NumbersAreToldApart) {
  EXPECT_EQ(TickText(0.25, 0.05), "0.25");
  EXPECT_EQ(TickText(100, 50), "100");
  EXPECT_EQ(TickText(-1e-13, 0.1), "0.0");
  EXPECT_EQ(TickText(550'000, 50'000), "5.5e+05");
  EXPECT_EQ(TickText(600'000, 100'000), "6e+05");
}

// One value that differs among thousands is seen, whatever the width.
TEST(Plot, ShowsTheLeastAndTheLargestOfAColumn) {
  std::vector<double> values(5000, 1.0);
  values[1234] = 0;
  values[4321] = 2;
  NotingCanvas canvas;
  DrawPlot(canvas, kRect, {.title = "t", .lines = {{.values = values, .color = {}}}});
  ASSERT_EQ(canvas.paths.size(), 1u);
  EXPECT_LT(canvas.paths[0].size(), 1500u);
  const auto [top, bottom] = std::ranges::minmax(canvas.paths[0], {}, &Point::y);
  EXPECT_GT(bottom.y - top.y, 250);
  // what is not drawn yet has room
  NotingCanvas half;
  DrawPlot(half, kRect, {.title = "t", .lines = {{.values = values, .color = {}, .until = 1000}}});
  EXPECT_FLOAT_EQ(half.paths[0][0].y, canvas.paths[0][0].y);
}

TEST(Plot, LeavesOutWhatIsNotFinite) {
  const std::vector<double> values = {0, 1, std::nan(""), 3, 4};
  NotingCanvas canvas;
  DrawPlot(canvas, kRect, {.title = "t", .lines = {{.values = values, .color = {}}}});
  ASSERT_EQ(canvas.paths.size(), 2u);
  EXPECT_EQ(canvas.paths[0].size(), 2u);
  // higher values are higher up
  EXPECT_LT(canvas.paths[1][1].y, canvas.paths[0][0].y);
  EXPECT_EQ(canvas.clips, 0);

  // nothing, a constant, no room: no trouble
  DrawPlot(canvas, kRect, {.title = "empty"});
  const std::vector<double> constant(4, 2.5);
  DrawPlot(canvas, kRect,
           {.title = "c", .lines = {{.values = constant, .color = {}, .dashed = true}}});
  DrawPlot(canvas, {0, 0, 3, 3}, {.title = "c", .lines = {{.values = constant, .color = {}}}});
}

TEST(Canvas, ShortensTextsWholeLettersAtATime) {
  BlankCanvas canvas;  // a letter is 8 pixels a byte
  EXPECT_EQ(Shortened(canvas, "velocity", 64), "velocity");
  EXPECT_EQ(Shortened(canvas, "velocity", 56), "velo…");
  EXPECT_EQ(Shortened(canvas, "größe", 48), "gr…");
  EXPECT_EQ(Shortened(canvas, "velocity", 3), "");
}

}  // namespace
}  // namespace fewstep
