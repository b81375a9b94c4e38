// Frames a second of the viewer: panes of half-cheetahs that swing, drawn into memory, or with
// --window into a window of the display. Usage: viewer_bench [--window] [seconds a row]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "core/clock.h"
#include "core/error.h"
#include "envs/family_catalog.h"
#include "tests/viewer/scripted_adaptation.h"
#include "viewer/family_subject.h"
#include "viewer/gl.h"
#include "viewer/window.h"

namespace fewstep {
namespace {

struct Row {
  const char* name;
  int panes, width, height;
  bool shadows, plots;
};

constexpr Row kRows[] = {
    {"two panes, 1280 x 400", 2, 1280, 400, false, false},
    {"two panes and plots, 1280 x 720", 2, 1280, 720, false, true},
    {"four panes, 1280 x 720", 4, 1280, 720, false, false},
    {"four panes and plots, 1280 x 800", 4, 1280, 800, false, true},
    {"two panes, shadows and reflections", 2, 1280, 400, true, false},
};

void Run(double seconds, bool in_window) {
  const std::unique_ptr<TaskFamily> family = BuiltinFamilies().Make("half-cheetah-vel@promp");
  std::optional<Window> window;
  std::unique_ptr<GlContext> context;
  std::optional<Screen> memory;
  if (in_window) {
    window.emplace("viewer_bench");
  } else {
    context = MakeOffscreenContext();
    memory.emplace(*context, 1.0, Screen::Quality::kSpeed);
  }
  Screen& screen = in_window ? window->screen() : *memory;
  std::printf("%s\n", screen.renderer().c_str());
  for (const Row& row : kRows) {
    std::vector<std::unique_ptr<Subject>> subjects;
    subjects.push_back(MakeFamilySubject(
        "bench", *family,
        std::make_unique<ScriptedAdaptation>(family->spec(), std::make_shared<Script>()), 0));
    Show show(std::move(subjects), {.units = row.panes - 1}, Rng(1));
    show.NextTask();
    show.WaitUntilAdapted();
    const StageOptions options{.panel = in_window, .plots = row.plots, .controls = in_window};
    std::optional<Stage> stage;
    if (in_window) {
      window->Resize(row.width, row.height);
      window->Open(show, options);
    } else {
      stage.emplace(show, screen, options);
    }
    show.look().flags[mjRND_SHADOW] = row.shadows ? 1 : 0;
    show.look().flags[mjRND_REFLECTION] = row.shadows ? 1 : 0;

    // the first frames make what later ones use
    int frames = 0;
    double start = 0, last = SteadySeconds();
    for (int warm = 5; start == 0 || last - start < seconds;) {
      const double now = SteadySeconds();
      if (in_window) {
        window->Frame(now - last);
      } else {
        show.Advance(now - last);
        stage->Draw(row.width, row.height, {}, FrameTarget::kMemory);
        screen.Finish();
      }
      last = now;
      if (warm > 0 && --warm == 0) start = SteadySeconds();
      if (warm == 0) ++frames;
    }
    std::printf("  %-36s %6.1f frames/s\n", row.name, frames / (SteadySeconds() - start));
  }
}

}  // namespace
}  // namespace fewstep

int main(int argc, char** argv) {
  bool in_window = false;
  double seconds = 3;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--window") == 0) {
      in_window = true;
    } else {
      seconds = std::atof(argv[i]);
    }
  }
  try {
    fewstep::Run(seconds, in_window);
  } catch (const fewstep::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
