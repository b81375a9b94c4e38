// fewstep record
#include <algorithm>
#include <charconv>
#include <chrono>
#include <span>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/commands/watching.h"
#include "experiments/output.h"
#include "experiments/running/signals.h"
#include "viewer/recorder.h"

namespace fewstep {
namespace {

// What a signal ends a recording by.
struct Interrupted {
  int signal = 0;
};

// A sheet's pictures are half as large as the film's, so that their letters can be read.
constexpr int kSheetShrink = 2;

struct RecordArguments : WatchArguments {
  std::vector<std::string> out;
  std::string frames, sheet, picture, pictures, size = "1280x720", grid = "3x3";
  int tasks = 8;
  FilmOptions film;
  double at = -1;
  bool no_plots = false;
};

// "1280x720".
std::pair<int, int> ParseSize(const std::string& text, const char* key) {
  int first = 0, second = 0;
  const char* end = text.data() + text.size();
  const auto [middle, error] = std::from_chars(text.data(), end, first);
  const bool cross = error == std::errc() && middle != end && *middle == 'x';
  const auto last = cross ? std::from_chars(middle + 1, end, second)
                          : std::from_chars_result{end, std::errc::invalid_argument};
  if (last.ec != std::errc() || last.ptr != end || first < 1 || second < 1) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is no size", text),
                {.key = key, .remedy = "Write two numbers, as in 1280x720"});
  }
  return {first, second};
}

constexpr double kTellEvery = 2;  // seconds

// Waits until all is adapted and scored, unless a signal comes.
void WaitUntilAdapted(Show& show, const SignalGuard& signals) {
  double told = SteadySeconds();
  for (size_t i = 0; i < show.num_subjects(); ++i) {
    while (!show.progress(i).done) {
      if (signals.received() != 0) throw Interrupted{signals.received()};
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      show.Update();
      if (SteadySeconds() - told < kTellEvery) continue;
      told = SteadySeconds();
      // the first is of before adapting
      const size_t units = std::max<size_t>(1, show.progress(i).units.size()) - 1;
      LogInfo(fmt::format("{} of {} units of adaptation", units, show.units()));
    }
  }
  show.WaitUntilAdapted(/*until_done=*/true);
}

// Picture `index` of a recording, or its last one, for a sink of many.
class OnePicture final : public FrameSink {
 public:
  OnePicture(int index, FrameSink& into) : index_(index), into_(into) {}
  bool Wants(int index, bool last) const override {
    return index == index_ || (last && index < index_);
  }
  bool WantsMore(int index) const override { return index < index_; }
  void Add(const Image& image) override { into_.Add(image); }
  void Close() override {}

 private:
  int index_;
  FrameSink& into_;
};

// What a show is of: the task, and the mean scores after 0, 1, ... units of every agent.
nlohmann::ordered_json TaskJson(const Show& show) {
  nlohmann::ordered_json json;
  json["task"] = nlohmann::ordered_json::object();
  for (size_t i = 0; i < show.controls().size(); ++i) {
    json["task"][show.controls()[i].name] = show.task()[i];
  }
  for (size_t i = 0; i < show.num_subjects(); ++i) {
    std::vector<double> means;
    for (const std::vector<double>& of_unit : show.progress(i).scores) {
      double sum = 0;
      for (const double score : of_unit) sum += score;
      means.push_back(sum / static_cast<double>(std::max<size_t>(1, of_unit.size())));
    }
    json["scores"].push_back(means);
  }
  return json;
}

int RunRecord(RecordArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  FilmOptions& film = arguments.film;
  std::tie(film.width, film.height) = ParseSize(arguments.size, "--size");
  const auto [columns, rows] = ParseSize(arguments.grid, "--grid");
  constexpr int kMostCells = 20;
  if (columns > kMostCells || rows > kMostCells) {
    throw Error(ErrorKind::kUsage, fmt::format("a sheet of {} x {} pictures", columns, rows),
                {.key = "--grid", .remedy = fmt::format("At most {} each way", kMostCells)});
  }
  film.plots = !arguments.no_plots;
  std::vector<std::string> files = arguments.out;
  for (const std::string& path :
       {arguments.frames, arguments.sheet, arguments.picture, arguments.pictures}) {
    if (!path.empty()) files.push_back(path);
  }
  if (files.empty()) {
    throw Error(ErrorKind::kUsage, "nothing is to be recorded",
                {.remedy = "Add --out film.mp4, --frames FOLDER, --sheet sheet.png, --picture "
                           "picture.png or --pictures FOLDER"});
  }
  for (size_t i = 0; i < files.size(); ++i) {
    if (std::count(files.begin(), files.end(), files[i]) == 1) continue;
    throw Error(ErrorKind::kUsage, "two recordings into one file", {.file = files[i]});
  }

  // whatever may be missing is missed before anything takes long
  Recorder recorder(film);
  const std::unique_ptr<Watched> watched = OpenWatched(arguments, common);
  std::vector<std::unique_ptr<FrameSink>> sinks;
  for (const std::string& path : arguments.out) {
    sinks.push_back(MakeVideo(path, film.width, film.height, film.fps));
  }
  if (!arguments.frames.empty()) sinks.push_back(MakeFrameFolder(arguments.frames));
  if (!arguments.sheet.empty()) {
    sinks.push_back(MakeContactSheet(arguments.sheet, columns, rows, kSheetShrink));
  }

  const int at = static_cast<int>(arguments.at >= 0 ? arguments.at * film.fps : 1e9);
  if (!arguments.picture.empty()) sinks.push_back(MakeSinglePicture(arguments.picture, at));
  // of every task one picture, into a folder of their own
  std::unique_ptr<FrameSink> pictures;
  if (!arguments.pictures.empty()) pictures = MakeFrameFolder(arguments.pictures);

  const SignalGuard signals;
  const double start = SteadySeconds();
  LogInfo(fmt::format("{}: adapting ({}, {})", watched->title(), recorder.kind(),
                      recorder.screen().renderer()));
  Show& show = *watched->show;
  BeginTask(arguments, *watched);
  WaitUntilAdapted(show, signals);
  const double adapting_seconds = show.progress(0).seconds;
  double told = SteadySeconds();
  int frames = 0;
  const auto record = [&](std::span<const std::unique_ptr<FrameSink>> of) {
    const int most = recorder.FramesOf(show);
    recorder.Record(show, of, [&](int count) {
      frames = count;
      if (signals.received() != 0) throw Interrupted{signals.received()};
      if (SteadySeconds() - told < kTellEvery) return;
      told = SteadySeconds();
      LogInfo(fmt::format("{} of {} pictures", count, most));
    });
  };
  if (!sinks.empty()) record(sinks);
  nlohmann::ordered_json tasks = nlohmann::ordered_json::array();
  tasks.push_back(TaskJson(show));
  for (int task = 0; pictures && task < arguments.tasks; ++task) {
    if (task > 0) {
      show.NextTask();
      WaitUntilAdapted(show, signals);
      tasks.push_back(TaskJson(show));
    }
    std::vector<std::unique_ptr<FrameSink>> one;
    one.push_back(std::make_unique<OnePicture>(at, *pictures));
    const int before = frames;
    record(one);
    frames = before + 1;
  }
  if (pictures) pictures->Close();
  const double seconds = SteadySeconds() - start;

  if (common.json) {
    Print(ToText({{"frames", frames},
                  {"fps", film.fps},
                  {"width", film.width},
                  {"height", film.height},
                  {"renderer", recorder.screen().renderer()},
                  {"adapting_seconds", adapting_seconds},
                  {"seconds", seconds},
                  {"tasks", tasks},
                  {"files", files}}));
    return 0;
  }
  for (const std::string& path : files) {
    Print("{}\n", path);
  }
  LogInfo(
      fmt::format("{} pictures of {} x {} in {:.1f} s", frames, film.width, film.height, seconds));
  return 0;
}

}  // namespace

void AddRecordCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<RecordArguments>();
  CLI::App* command =
      app.add_subcommand("record", "Film an agent before and after it adapts, without a display.");
  command->footer(
      "The film shows what `fewstep view` shows: panes of one task, before adapting and after\n"
      "each unit of adaptation, from the same start, for one episode. It is drawn with EGL or\n"
      "OSMesa, so neither a display nor a GPU is needed. Videos are made by ffmpeg.\n"
      "Of a run of few-shot learning it shows an episode: support, queries and what is predicted\n"
      "of them, or a function and its fit, from before adapting to the last unit.\n\n"
      "Examples:\n"
      "  fewstep record runs/quickstart --show 0,1 --out quickstart.mp4\n"
      "  fewstep record runs/quickstart --task direction=-1 --picture backwards.png --at 2\n"
      "  fewstep record runs/quickstart --sheet sheet.png --frames frames\n"
      "  fewstep record runs/promp-point-nav --size 800x450 --seconds 3 --out film.gif\n"
      "  fewstep record runs/maml-sinusoid-5 --show 0,1,10 --task episode=4 --picture fit.png\n"
      "  fewstep record runs/maml-omniglot --pictures episodes --tasks 20");
  AddWatchOptions(*command, *arguments);
  command->add_option("--out", arguments->out, "A video: .mp4, .webm or .gif; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false);
  command->add_option("--frames", arguments->frames, "A new folder for every picture as PNG")
      ->type_name("FOLDER");
  command->add_option("--sheet", arguments->sheet, "Pictures from start to end on one sheet, PNG")
      ->type_name("FILE");
  command->add_option("--grid", arguments->grid, "Columns and rows of the sheet")
      ->capture_default_str();
  command->add_option("--picture", arguments->picture, "One picture as PNG")->type_name("FILE");
  command
      ->add_option("--pictures", arguments->pictures,
                   "A new folder for one picture of each of some held-out tasks, PNG")
      ->type_name("FOLDER");
  command
      ->add_option("--tasks", arguments->tasks,
                   "How many tasks --pictures shows, from the one that is watched on")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command
      ->add_option("--at", arguments->at,
                   "The second of the film that --picture and --pictures show; default: its end")
      ->check(CLI::Range(0.0, 36000.0));
  command->add_option("--size", arguments->size, "Width and height in pixels")
      ->capture_default_str();
  command->add_option("--fps", arguments->film.fps, "Pictures a second")
      ->check(CLI::Range(1, 120))
      ->capture_default_str();
  command
      ->add_option("--seconds", arguments->film.seconds,
                   "Length of the film; default: one episode and a second")
      ->check(CLI::Range(0.01, 36000.0));
  command->add_option("--scale", arguments->film.scale, "Size of letters and lines")
      ->check(CLI::Range(0.5, 8.0))
      ->capture_default_str();
  command->add_flag("--no-plots", arguments->no_plots, "Panes alone");
  command->add_flag("--json", common.json, "Print a summary as JSON");
  command->add_flag("--quiet", common.quiet, "No progress");
  AddPluginOptions(*command, common);
  command->callback([arguments, &common, &exit_code] {
    try {
      exit_code = RunRecord(*arguments, common);
    } catch (const Interrupted& interrupted) {
      LogInfo("Interrupted: nothing was recorded");
      exit_code = 128 + interrupted.signal;
    }
  });
}

}  // namespace fewstep
