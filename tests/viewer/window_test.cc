// The window on a real display (Xvfb), driven as by mouse and keyboard. Run by with_display.sh.
#include "viewer/window.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/viewer/pictures.h"
#include "tests/viewer/scripted_learner.h"
#include "tests/viewer/show_testing.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

// A clock that goes on by a thirtieth of a second a frame, however long the frame takes to draw.
std::function<double()> FrameClock() {
  return [frame = 0]() mutable { return frame++ / 30.0; };
}

class WindowTest : public ::testing::Test {
 protected:
  void Open(const std::string& family, ShowOptions options = {}, int horizon = 0) {
    family_ = ShortFamily(family, horizon);
    script_ = std::make_shared<Script>();
    show_ = ReadyShow(*family_, std::move(options), script_);
    window_.Open(*show_);
    window_.Frame(0);
  }

  void Press(Key key, bool control = false) { Send({.key = {key, 0, control}}); }
  void Type(char letter, bool control = false) { Send({.key = {Key::kLetter, letter, control}}); }
  void Send(const WindowEvent& event) {
    window_.Send(event);
    window_.Frame(0);
  }
  void MoveTo(Point to) { Send({.kind = WindowEvent::Kind::kMouse, .mouse = to}); }
  void Button(int button, bool down, bool control = false) {
    Send({.kind = WindowEvent::Kind::kButton,
          .key = {Key::kLetter, 0, control},
          .button = button,
          .down = down});
  }
  void Click(const std::string& name) {
    const auto place = window_.stage().Where(name);
    ASSERT_TRUE(place) << name;
    MoveTo(place->center());
    Button(0, true);
    Button(0, false);
  }
  Image Pane(size_t index) {
    const Image image = window_.Capture();
    const Rect pane = *window_.stage().Where(fmt::format("pane {}", index));
    return Cut(image, {pane.x + 4, pane.y + 40, pane.width - 8, pane.height - 70});
  }

  std::unique_ptr<TaskFamily> family_;
  std::shared_ptr<Script> script_;
  std::unique_ptr<Show> show_;
  Window window_{"fewstep test", 1200, 760};
};

TEST_F(WindowTest, PlaysInRealTimeAndPanesDiffer) {
  Open("half-cheetah-dir@promp", {.units = 2});
  const Image start = Pane(2);
  EXPECT_EQ(Difference(start, Pane(2)), 0);
  EXPECT_LT(Difference(Pane(0), Pane(2)), 0.02) << "they start alike";
  window_.Play(1, FrameClock());
  EXPECT_NEAR(show_->step() * family_->spec().control_dt, 1, 1.5 * family_->spec().control_dt);
  EXPECT_GT(Difference(start, Pane(2)), 0.01);
  EXPECT_GT(Difference(Pane(0), Pane(2)), 0.004);
  Keep(window_.Capture(), "window");
}

TEST_F(WindowTest, ObeysTheKeys) {
  Open("half-cheetah-dir@promp", {.units = 1}, 60);
  window_.Play(0.5, FrameClock());
  const int live = show_->length();
  ASSERT_GT(live, 5);
  Press(Key::kSpace);
  EXPECT_TRUE(show_->paused());
  window_.Play(0.5, FrameClock());
  EXPECT_EQ(show_->length(), live);
  Press(Key::kLeft);
  EXPECT_EQ(show_->step(), live - 1);
  Press(Key::kRight);
  Press(Key::kRight);
  EXPECT_EQ(show_->length(), live + 1);
  Press(Key::kHome);
  EXPECT_EQ(show_->step(), 0);
  Press(Key::kPageDown);
  EXPECT_EQ(show_->step(), 10);
  Press(Key::kPageUp);
  Press(Key::kEnd);
  EXPECT_EQ(show_->step(), show_->length());
  Press(Key::kBackspace);
  EXPECT_EQ(show_->length(), 0);
  Type('+');
  EXPECT_EQ(show_->speed(), 2);
  Type('-');
  Type('-');
  EXPECT_EQ(show_->speed(), 0.5);

  // the next held-out task
  const int begun = script_->begun;
  Press(Key::kEnter);
  show_->WaitUntilAdapted();
  EXPECT_EQ(script_->begun, begun + 1);

  // panel, plots, help
  const Rect wide = *window_.stage().Where("pane 0");
  Press(Key::kTab);
  EXPECT_GT(window_.stage().Where("pane 1")->right(), 1100);
  Press(Key::kTab);
  EXPECT_EQ(window_.stage().Where("pane 0")->width, wide.width);
  Press(Key::kF2);
  EXPECT_FALSE(window_.stage().Where("plot 0"));
  Press(Key::kF2);
  const Image plain = window_.Capture();
  Press(Key::kF1);
  const Image help = window_.Capture();
  Keep(help, "help");
  EXPECT_GT(Difference(plain, help), 0.05);
  Press(Key::kF1);
  EXPECT_EQ(Difference(plain, window_.Capture()), 0);

  // flags and cameras of MuJoCo's simulate
  const mjtByte before = show_->look().option.flags[mjVIS_CONTACTPOINT];
  Type('c');
  EXPECT_NE(show_->look().option.flags[mjVIS_CONTACTPOINT], before);
  EXPECT_EQ(show_->look().camera_name(), "follows");
  Press(Key::kEscape);
  EXPECT_EQ(show_->look().camera_name(), "stands still");
  Press(Key::kF6);
  EXPECT_EQ(show_->look().option.frame, 1);
  Press(Key::kF7);
  EXPECT_EQ(show_->look().option.label, 1);

  // closed
  EXPECT_FALSE(window_.closing());
  Type('q');
  EXPECT_FALSE(window_.closing());
  Type('q', /*control=*/true);
  EXPECT_TRUE(window_.closing());
  window_.Play();
}

TEST_F(WindowTest, ASliderAdaptsToAnotherTaskWhenItIsLetGo) {
  Open("half-cheetah-vel@promp", {.units = 1});
  const Rect track = *window_.stage().Where("velocity");
  const int begun = script_->begun;
  MoveTo({track.x + 0.5f * track.width, track.center().y});
  Button(0, true);
  MoveTo({track.x + 0.7f * track.width, track.center().y});
  MoveTo({track.right() - 1, track.center().y});
  EXPECT_EQ(script_->begun, begun) << "it is held";
  Button(0, false);
  window_.Frame(0);
  show_->WaitUntilAdapted();
  EXPECT_EQ(script_->begun, begun + 1);
  EXPECT_NEAR(show_->task()[0], 6, 1e-9);
  EXPECT_FALSE(show_->Trained(0, show_->task()[0])) << "out of distribution";
  EXPECT_NE(show_->rows()[0][0]->TaskText(0).find("velocity 6"), std::string::npos);
  Keep(window_.Capture(), "ood");

  // a number that is typed
  Click("velocity number");
  Button(0, true);  // the second click of two takes all of it
  Button(0, false);
  for (const char letter : {'1', '.', '2'}) {
    Send({.kind = WindowEvent::Kind::kText, .text = std::string(1, letter)});
  }
  Send({.key = {Key::kEnter}, .edit = EditKey::kEnter});
  window_.Frame(0);
  show_->WaitUntilAdapted();
  EXPECT_NEAR(show_->task()[0], 1.2, 1e-9);
}

TEST_F(WindowTest, AButtonTakesAnotherTask) {
  Open("half-cheetah-dir@promp", {.units = 1});
  Click("direction=1");
  show_->WaitUntilAdapted();
  EXPECT_EQ(show_->task()[0], 1);
  Click("direction=-1");
  show_->WaitUntilAdapted();
  EXPECT_EQ(show_->task()[0], -1);
  const int begun = script_->begun;
  Click("next task");
  show_->WaitUntilAdapted();
  EXPECT_EQ(script_->begun, begun + 1);
  Click("unit 0");
  EXPECT_EQ(show_->rows()[0].size(), 1u);
  Click("pause");
  EXPECT_TRUE(show_->paused());
  Click("faster");
  EXPECT_EQ(show_->speed(), 2);
}

TEST_F(WindowTest, TheMouseTurnsZoomsScrubsAndPushes) {
  Open("half-cheetah-vel@promp", {.units = 0}, 200);
  const Rect pane = *window_.stage().Where("pane 0");
  const double azimuth = show_->look().camera.azimuth, distance = show_->look().camera.distance;
  MoveTo({pane.x + 60, pane.center().y});
  Button(0, true);
  MoveTo({pane.x + 160, pane.center().y});
  Button(0, false);
  EXPECT_NE(show_->look().camera.azimuth, azimuth);
  Send({.kind = WindowEvent::Kind::kWheel, .wheel = 3});
  EXPECT_LT(show_->look().camera.distance, distance);
  Button(1, true);
  MoveTo({pane.x + 260, pane.center().y});
  Button(1, false);
  EXPECT_EQ(show_->look().camera_name(), "stands still");
  Press(Key::kEscape);

  // the timeline, which is as long as an episode: from a press until it is let go, wherever
  window_.Play(2, FrameClock());
  const int live = show_->length();
  const Rect timeline = *window_.stage().Where("timeline");
  const float played = timeline.width * static_cast<float>(live) / 200;
  MoveTo({timeline.x + 0.5f * played, timeline.center().y});
  Button(0, true);
  EXPECT_NEAR(show_->step(), live / 2, 1);
  MoveTo({timeline.x + 0.25f * played, timeline.bottom() + 60});
  EXPECT_NEAR(show_->step(), live / 4, 1);
  MoveTo({timeline.right() + 500, timeline.center().y});
  EXPECT_EQ(show_->step(), live);
  MoveTo({timeline.x + 0.5f * played, timeline.center().y});
  Button(0, false);
  EXPECT_TRUE(show_->paused());
  MoveTo({timeline.x, timeline.center().y});
  EXPECT_NEAR(show_->step(), live / 2, 1) << "it was let go";

  // all of a click within one frame, and a move between press and release
  const bool paused = show_->paused();
  const Point pause = window_.stage().Where("pause")->center();
  window_.Send({.kind = WindowEvent::Kind::kMouse, .mouse = pause});
  window_.Send({.kind = WindowEvent::Kind::kButton, .button = 0, .down = true});
  window_.Send({.kind = WindowEvent::Kind::kMouse, .mouse = {pause.x + 1, pause.y}});
  window_.Send({.kind = WindowEvent::Kind::kButton, .button = 0, .down = false});
  for (int frame = 0; frame < 4; ++frame) window_.Frame(0);
  EXPECT_NE(show_->paused(), paused);

  // with Ctrl the robot is pushed: it stands still without
  const auto fastest = [&](bool push) {
    show_->Restart();
    if (show_->paused()) show_->TogglePause();
    window_.Frame(0);
    for (float y = pane.y + 60; push && y < pane.bottom() - 40; y += 8) {
      MoveTo({pane.center().x, y});
      Button(0, true, /*control=*/true);
      if (window_.stage().pushing()) break;
      Button(0, false);
    }
    EXPECT_EQ(window_.stage().pushing(), push);
    if (push) MoveTo({pane.center().x + 150, pane.center().y});
    window_.Play(0.5, FrameClock());
    if (push) Button(0, false);
    EXPECT_FALSE(window_.stage().pushing());
    double most = 0;
    for (const double v : show_->rows()[0][0]->Curves()[2].values)
      most = std::max(most, std::abs(v));
    return most;
  };
  EXPECT_GT(fastest(true), fastest(false) + 0.2);
}

TEST_F(WindowTest, SavesPictures) {
  Open("point-nav@maml", {.units = 1});
  const std::string folder = ::testing::TempDir() + "screenshots";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  window_.SaveScreenshotsIn(folder);
  Press(Key::kF12);
  Type('s', /*control=*/true);
  EXPECT_TRUE(std::filesystem::exists(folder + "/fewstep-1.png"));
  EXPECT_TRUE(std::filesystem::exists(folder + "/fewstep-2.png"));
  // a folder that is gone is a message
  window_.SaveScreenshotsIn(folder + "/none");
  Press(Key::kF12);
  const Image image = window_.Capture(1600, 900);
  EXPECT_EQ(image.width, 1600);
  // taking a picture does nothing else: a notch of the wheel in the same frame counts once
  Open("half-cheetah-vel@promp", {.units = 0});
  window_.SaveScreenshotsIn(folder);
  const Rect pane = *window_.stage().Where("pane 0");
  MoveTo(pane.center());
  const double before = show_->look().camera.distance;
  Send({.kind = WindowEvent::Kind::kWheel, .wheel = 1});
  const double once = show_->look().camera.distance;
  window_.Send({.kind = WindowEvent::Kind::kWheel, .wheel = -1});
  Press(Key::kF12);
  EXPECT_NEAR(show_->look().camera.distance, before, 0.3 * (before - once));
}

TEST_F(WindowTest, FollowsItsSizeDownToNothing) {
  Open("half-cheetah-vel@promp", {.units = 3});
  for (const auto& [width, height] : {std::pair{1500, 900}, {300, 200}, {1, 1}, {900, 60}}) {
    window_.Resize(width, height);
    for (int frame = 0; frame < 5; ++frame) window_.Frame(1.0 / 30);
  }
  Press(Key::kF5);
  for (int frame = 0; frame < 3; ++frame) window_.Frame(1.0 / 30);
  Press(Key::kF5);
  window_.Frame(1.0 / 30);
}

TEST_F(WindowTest, TellsOfAnAdaptationThatFails) {
  Open("half-cheetah-vel@promp", {.units = 2});
  const Image fine = window_.Capture();
  script_->fails_at = 1;
  Click("next task");
  for (int i = 0; i < 1000 && show_->error().empty(); ++i) window_.Frame(0);
  EXPECT_FALSE(show_->error().empty());
  const Image failed = window_.Capture();
  Keep(failed, "failed");
  EXPECT_GT(PixelsLike(failed, theme::kBad), PixelsLike(fine, theme::kBad) + 100);
  script_->fails_at = -1;
  Click("next task");
  show_->WaitUntilAdapted();
  EXPECT_TRUE(show_->error().empty());
}

class LearnerWindowTest : public WindowTest {
 protected:
  void Open(ScriptedData data) {
    told_ = std::make_shared<ScriptedLearner::Told>();
    std::vector<std::unique_ptr<Subject>> subjects;
    subjects.push_back(LearnerSubject(data, told_));
    show_ = std::make_unique<Show>(std::move(subjects),
                                   ShowOptions{.units = 3, .last_score = false}, Rng(1));
    show_->HoldAtEnd(true);
    show_->NextTask();
    show_->WaitUntilAdapted();
    window_.Open(*show_);
    window_.Frame(0);
  }
  // Takes a slider from where it is to `part` of it, and lets go.
  void Slide(const std::string& name, float part) {
    const Rect track = *window_.stage().Where(name);
    MoveTo(track.center());
    Button(0, true);
    MoveTo({track.x + part * track.width, track.center().y});
    Button(0, false);
    window_.Frame(0);
    show_->WaitUntilAdapted();
    window_.Frame(0);
  }

  std::shared_ptr<ScriptedLearner::Told> told_;
};

TEST_F(LearnerWindowTest, GoesThroughTheUnitsAndStays) {
  Open(ScriptedData::kSines);
  const Image before = Pane(0);
  window_.Play(8, FrameClock());
  EXPECT_EQ(show_->step(), 3);
  EXPECT_GT(Difference(before, Pane(0)), 0.001);
  Press(Key::kLeft);
  EXPECT_EQ(show_->step(), 2);
  Click("new episode");  // plays again from before adapting
  EXPECT_EQ(show_->step(), 0);
  Keep(window_.Capture(), "window-fit");
}

TEST_F(LearnerWindowTest, AButtonTakesTheNextEpisode) {
  Open(ScriptedData::kPictures);
  const Image first = Pane(0);
  Click("next task");
  show_->WaitUntilAdapted();
  window_.Frame(0);
  EXPECT_EQ(show_->task()[0], 1);
  EXPECT_GT(Difference(first, Pane(0)), 0.01);
  Press(Key::kEnter);
  show_->WaitUntilAdapted();
  EXPECT_EQ(show_->task()[0], 2);
}

TEST_F(LearnerWindowTest, SlidersSetWaysShotsAndUnits) {
  Open(ScriptedData::kPictures);
  Slide("ways", 1);
  EXPECT_EQ(show_->task(), (std::vector<double>{0, 20, 2}));
  Slide("shots", 0);
  EXPECT_EQ(show_->task(), (std::vector<double>{0, 20, 1}));
  Slide("units", 1);
  EXPECT_EQ(show_->units(), 8);
  EXPECT_EQ(show_->rows()[0][0]->longest(), 8);
  Keep(window_.Capture(), "window-20-ways");
  // whole numbers alone
  Slide("ways", 0.33f);
  EXPECT_EQ(show_->task()[1], std::round(show_->task()[1]));
  // the next episode keeps them
  Click("next task");
  show_->WaitUntilAdapted();
  EXPECT_EQ(show_->task()[2], 1);
  EXPECT_EQ(show_->units(), 8);
}

TEST_F(LearnerWindowTest, WhatCannotBeDrawnIsSaidInThePanel) {
  Open(ScriptedData::kPictures);
  const Image fine = window_.Capture();
  told_->most_ways = 10;
  const Rect track = *window_.stage().Where("ways");
  MoveTo({track.right() - 2, track.center().y});
  Button(0, true);
  Button(0, false);
  for (int i = 0; i < 1000 && show_->error().empty(); ++i) window_.Frame(0);
  EXPECT_EQ(show_->error(), "too many ways");
  EXPECT_GT(PixelsLike(Cut(window_.Capture(), {900, 0, 300, 760}), theme::kBad),
            PixelsLike(Cut(fine, {900, 0, 300, 760}), theme::kBad) + 50);
}

// The window goes on while an episode is adapted to.
TEST_F(LearnerWindowTest, NeverWaits) {
  Open(ScriptedData::kPictures);
  told_->milliseconds = 60'000;
  Click("next task");
  for (int i = 0; i < 10; ++i) window_.Frame(1.0 / 30);
  EXPECT_TRUE(show_->adapting());
  told_->milliseconds = 0;
  Click("next task");
  show_->WaitUntilAdapted();
  EXPECT_EQ(show_->task()[0], 2);
}

TEST(NoDisplay, IsAnErrorWithARemedy) {
  const char* display = std::getenv("DISPLAY");
  const std::string saved = display ? display : "";
  unsetenv("DISPLAY");
  unsetenv("WAYLAND_DISPLAY");
  try {
    Window window("fewstep test");
    FAIL() << "opened a window without a display";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kRuntime);
    EXPECT_NE(std::string(error.what()).find("fewstep record"), std::string::npos) << error.what();
  }
  if (display) setenv("DISPLAY", saved.c_str(), 1);
}

}  // namespace
}  // namespace fewstep
