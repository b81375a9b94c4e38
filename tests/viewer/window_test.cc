// The window on a real display (Xvfb): what is drawn, and what the keys do. Run by with_display.sh.
#include "viewer/window.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <set>

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>

#include <gtest/gtest.h>

#include "core/error.h"
#include "envs/family_catalog.h"
#include "tests/viewer/scripted_controller.h"

namespace fewstep {
namespace {

constexpr int kWidth = 640, kHeight = 480;

// Share of pixels that differ clearly between two pictures of the same size.
double Difference(const Image& a, const Image& b) {
  size_t differing = 0;
  for (size_t i = 0; i < a.rgb.size(); i += 3) {
    int distance = 0;
    for (size_t c = i; c < i + 3; ++c) distance += std::abs(a.rgb[c] - b.rgb[c]);
    differing += distance > 60 ? 1 : 0;
  }
  return static_cast<double>(differing) / (static_cast<double>(a.rgb.size()) / 3);
}

// The part of the picture that carries no text.
Image Middle(const Image& image) {
  Image middle{.width = image.width, .height = image.height / 3, .rgb = {}};
  const auto row = static_cast<ptrdiff_t>(image.width) * 3;
  const auto top = image.rgb.begin() + row * (image.height / 2);
  middle.rgb.assign(top, top + row * middle.height);
  return middle;
}

size_t Colors(const Image& image) {
  std::set<std::array<uint8_t, 3>> colors;
  for (size_t i = 0; i < image.rgb.size(); i += 3) {
    colors.insert({image.rgb[i], image.rgb[i + 1], image.rgb[i + 2]});
  }
  return colors.size();
}

// A clock that goes on by a thirtieth of a second a frame, however long the frame takes to draw.
std::function<double()> FrameClock() {
  return [frame = 0]() mutable { return frame++ / 30.0; };
}

// One family, played by the script in a window.
class WindowTest : public ::testing::Test {
 protected:
  void Open(const std::string& family) {
    family_ = BuiltinFamilies().Make(family);
    playback_ = std::make_unique<Playback>(*family_, script_,
                                           family_->Sample(Split::kTest, 2, Rng(3)), Rng(4));
  }

  std::unique_ptr<TaskFamily> family_;
  ScriptedController script_{3};
  std::unique_ptr<Playback> playback_;
  Window window_{"fewstep test", kWidth, kHeight};
};

TEST_F(WindowTest, PlaysTheCheetahInRealTime) {
  Open("half-cheetah-dir@promp");
  playback_->Show(3);
  const Image before = window_.Capture(*playback_);
  EXPECT_EQ(before.rgb.size(), size_t{3} * kWidth * kHeight);
  EXPECT_GT(Colors(Middle(before)), 50u);
  EXPECT_EQ(Difference(before, window_.Capture(*playback_)), 0);

  // one second of the clock is one of the simulation
  window_.Play(*playback_, 1, FrameClock());
  const double simulated = playback_->steps() * family_->spec().control_dt;
  EXPECT_NEAR(simulated, 1, 1.5 * family_->spec().control_dt);
  EXPECT_GT(Difference(Middle(before), Middle(window_.Capture(*playback_))), 0.005);
}

TEST_F(WindowTest, DrawsThePointWithItsGoal) {
  Open("point-nav@maml");
  playback_->Show(3);
  const Image before = window_.Capture(*playback_);
  for (int step = 0; step < 12; ++step) playback_->Step();
  EXPECT_GT(Difference(before, window_.Capture(*playback_)), 0.001);

  // another goal
  playback_->BeginEpisode();
  const Image same_task = window_.Capture(*playback_);
  window_.HandleKey('n', *playback_);
  EXPECT_GT(Difference(Middle(same_task), Middle(window_.Capture(*playback_))), 0.0005);
}

TEST_F(WindowTest, ObeysTheKeys) {
  Open("half-cheetah-dir@promp");
  window_.HandleKey('2', *playback_);
  EXPECT_EQ(playback_->status().shown, 2);
  window_.HandleKey('9', *playback_);
  EXPECT_EQ(playback_->status().shown, 2);
  window_.HandleKey('n', *playback_);
  EXPECT_EQ(script_.tasks().size(), 2u);
  window_.HandleKey('+', *playback_);
  EXPECT_EQ(window_.state().speed, 2);
  window_.HandleKey('-', *playback_);
  window_.HandleKey('-', *playback_);
  EXPECT_EQ(window_.state().speed, 0.5);

  // a single step also pauses, and time stands still until Space
  window_.HandleKey(GLFW_KEY_RIGHT, *playback_);
  EXPECT_TRUE(window_.state().paused);
  window_.Play(*playback_, 0.2, FrameClock());
  EXPECT_EQ(playback_->steps(), 1);
  window_.HandleKey(' ', *playback_);
  window_.Play(*playback_, 0.5, FrameClock());
  EXPECT_GT(playback_->steps(), 1);
  window_.HandleKey(GLFW_KEY_BACKSPACE, *playback_);
  EXPECT_EQ(playback_->steps(), 0);

  // the help is drawn and taken away; Esc ends a play without a time limit
  const Image plain = window_.Capture(*playback_);
  window_.HandleKey(GLFW_KEY_F1, *playback_);
  EXPECT_GT(Difference(plain, window_.Capture(*playback_)), 0.01);
  window_.HandleKey(GLFW_KEY_F1, *playback_);
  EXPECT_EQ(Difference(plain, window_.Capture(*playback_)), 0);
  window_.HandleKey(GLFW_KEY_ESCAPE, *playback_);
  window_.Play(*playback_);
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
    EXPECT_NE(std::string(error.what()).find("xvfb-run"), std::string::npos) << error.what();
  }
  if (display) setenv("DISPLAY", saved.c_str(), 1);
}

TEST(Image, IsWrittenAsPpm) {
  const Image image{.width = 1, .height = 2, .rgb = {255, 0, 1, 2, 3, 4}};
  EXPECT_EQ(ToPpm(image), std::string("P6\n1 2\n255\n\xff\0\1\2\3\4", 17));
}

}  // namespace
}  // namespace fewstep
