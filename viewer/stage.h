// What a show looks like and how it is steered: panes in a grid, plots, a panel with the task's
// sliders, keys and the mouse. The same for a window, a film and a picture.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "viewer/screen.h"
#include "viewer/show.h"

namespace fewstep {

// Keys that are no letters.
enum class Key {
  kLetter,  // `letter` says which
  kSpace,
  kLeft,
  kRight,
  kHome,
  kEnd,
  kPageUp,
  kPageDown,
  kBackspace,
  kEnter,
  kTab,
  kEscape,
  kF1,
  kF2,
  kF5,
  kF6,
  kF7,
  kF12,
};
struct KeyPress {
  Key key = Key::kLetter;
  char letter = 0;  // as typed
  bool control = false, shift = false;
};

// What a key asks of who owns the stage.
enum class Request { kNone, kClose, kFullScreen, kScreenshot };

struct StageOptions {
  bool panel = true, plots = true;
  bool controls = true;  // false: a film, in which nothing is pressed
};

class Stage {
 public:
  // Both must outlive it. On a software renderer shadows and reflections are off at first.
  Stage(Show& show, Screen& screen, const StageOptions& options);

  // Draws one frame of the show as it is, and does what the mouse and panels ask for.
  void Draw(int width, int height, const Input& input, FrameTarget target);

  // The same into memory, without mouse, keys and messages: nothing happens but the picture.
  void DrawPicture(int width, int height);

  // Does what a key asks for, or returns what others must do.
  Request Press(const KeyPress& press);

  // A line that is shown for some seconds: "saved as ...".
  void Say(std::string message);

  // Where something was drawn last: "velocity" (a slider), "pane 0", "next task", "timeline", ...
  // Empty when it was not.
  std::optional<Rect> Where(const std::string& name) const;
  bool pushing() const { return grabbed_ != nullptr; }  // the mouse holds something

 private:
  struct Layout;
  Layout MakeLayout() const;
  bool HasPlots() const;
  void DrawHeader(const Rect& rect);
  void DrawPanes(const Rect& rect);
  void DrawPane(Pane& pane, const Rect& rect, const Color& color);
  std::string TimeText(int step) const;
  void DrawTimeline(const Rect& rect);
  void DrawPlots(const Rect& rect);
  void DrawScores(const Rect& rect);
  void DrawBeliefs(const Rect& rect, size_t subject);
  void DrawCurves(const Rect& rect, const std::string& name);
  void DrawPanel(const Rect& rect);
  void TaskControls();
  void TaskSlider(size_t i);
  void AdaptationControls();
  void UnitsSlider();
  void TimeControls();
  void LookControls();
  void DrawHelp();
  void DrawMessage();
  void UseMouse(const Input& input);
  void Later(std::function<void()> action) { later_.push_back(std::move(action)); }
  void Note(const std::string& name, const Rect& rect) { places_[name] = rect; }

  Show& show_;
  Screen& screen_;
  StageOptions options_;
  bool help_ = false;
  int width_ = 0, height_ = 0;
  Input input_, before_;
  std::map<std::string, Rect> places_;
  std::vector<double> wanted_;                // the task that sliders stand at
  bool wanted_is_new_ = false;                // it differs from the show's
  int wanted_units_ = -1;                     // that the slider of units stands at, while held
  std::vector<std::function<void()>> later_;  // once the frame is drawn
  std::vector<std::pair<Pane*, Rect>> drawn_;
  Pane* grabbed_ = nullptr;
  bool turning_ = false;    // a drag of the camera began in a pane
  bool scrubbing_ = false;  // one on the timeline
  bool quiet_ = false;      // no message, no mouse
  std::string message_;
  double message_until_ = 0;
};

}  // namespace fewstep
