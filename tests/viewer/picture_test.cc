// Pictures without a display: what is to be seen in them.
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "core/child_process.h"
#include "core/error.h"
#include "envs/outside_families.h"
#include "tests/viewer/pictures.h"
#include "tests/viewer/scripted_learner.h"
#include "tests/viewer/show_testing.h"
#include "viewer/recorder.h"
#include "viewer/theme.h"

namespace fewstep {
namespace {

constexpr int kWidth = 960, kHeight = 600;

class PictureTest : public ::testing::Test {
 protected:
  Image Draw(Stage& stage, int width = kWidth, int height = kHeight) {
    stage.Draw(width, height, input_, FrameTarget::kMemory);
    return screen_.Read();
  }

  Input input_;
  std::unique_ptr<GlContext> context_ = MakeOffscreenContext();
  Screen screen_{*context_, 1.0, Screen::Quality::kSmooth};
};

// Every family that is compiled in, and those of the examples: drawn after some steps, before and
// after adapting.
TEST_F(PictureTest, OfEveryFamily) {
  FamilyCatalog catalog = BuiltinFamilies();
  AddFamilies(std::string(FEWSTEP_SOURCE_DIR) + "/examples/families", {}, Clash::kRefuse, catalog);
  for (const std::string& name : catalog.Names()) {
    SCOPED_TRACE(name);
    const auto family = catalog.Make(name);
    const auto show = ReadyShow(*family, {.units = 2, .shown = {0, 2}});
    Stage stage(*show, screen_, {});
    const Image first = Draw(stage);
    for (int step = 0; step < 25; ++step) show->StepBy(1);
    const Image later = Draw(stage);
    Keep(later, name);
    EXPECT_GT(Difference(first, later), 0.0005);
    const Rect before = *stage.Where("pane 0");
    const float head = 40;
    const Rect inside = {before.x + 4, before.y + head, before.width - 8,
                         before.height - head - 30};
    EXPECT_GT(Colors(Cut(later, inside)), 12u);
    if (const auto after = stage.Where("pane 1")) {
      const Rect other = {after->x + 4, after->y + head, inside.width, inside.height};
      // the ground below what is followed may be all that differs
      EXPECT_GT(Difference(Cut(later, inside), Cut(later, other), 15), 0.0005);
    }
  }
}

TEST_F(PictureTest, IsTheSameWhenNothingHasChanged) {
  const auto family = ShortFamily("half-cheetah-vel@promp", 40);
  const auto show = ReadyShow(*family, {.units = 1});
  Stage stage(*show, screen_, {});
  show->StepBy(5);
  const Image picture = Draw(stage);
  EXPECT_EQ(picture.rgb, Draw(stage).rgb);
  // there and back
  show->StepBy(1);
  show->StepBy(-1);
  const Rect pane = *stage.Where("pane 1");
  EXPECT_EQ(Cut(picture, pane).rgb, Cut(Draw(stage), pane).rgb);
}

TEST_F(PictureTest, ShowsTheTaskAsArrows) {
  const auto family = ShortFamily("half-cheetah-vel@promp", 40);
  const auto show = ReadyShow(*family, {.units = 0});
  show->SetTask({3.0});
  show->WaitUntilAdapted();
  Stage stage(*show, screen_, {.panel = false, .plots = false, .controls = false});
  show->StepBy(3);
  const auto inside = [&](const Image& image) {
    const Rect pane = *stage.Where("pane 0");
    return Cut(image, {pane.x, pane.y + 40, pane.width, pane.height - 70});
  };
  const Image with = inside(Draw(stage));
  show->look().arrows = false;
  const Image without = inside(Draw(stage));
  EXPECT_GT(PixelsLike(with, theme::kTarget), PixelsLike(without, theme::kTarget) + 300);
  EXPECT_GT(Difference(with, without), 0.001);
}

TEST_F(PictureTest, TintsWhatATaskHasChanged) {
  FamilyCatalog catalog;
  AddFamilies(std::string(FEWSTEP_SOURCE_DIR) + "/examples/families/hover-dynamics", {},
              Clash::kRefuse, catalog);
  const auto family = catalog.Make("hover-dynamics@example");
  const auto show = ScriptedShow(*family, {.units = 0});
  show->SetTask({5, 1, 1, 1, 1});  // five times as heavy
  show->WaitUntilAdapted();
  Stage stage(*show, screen_, {.panel = false, .plots = false, .controls = false});
  const Image tinted = Draw(stage);
  show->look().tint = false;
  const Image plain = Draw(stage);
  EXPECT_GT(Difference(tinted, plain), 0.005);
}

TEST_F(PictureTest, HasTextThatCanBeRead) {
  const auto family = ShortFamily("point-nav@maml", 40);
  const auto show = ReadyShow(*family, {.units = 1});
  for (const double scale : {1.0, 2.0}) {
    screen_.SetScale(scale);
    Stage stage(*show, screen_, {.panel = false, .plots = false, .controls = false});
    const Image image =
        Draw(stage, static_cast<int>(kWidth * scale), static_cast<int>(kHeight * scale));
    const Rect pane = *stage.Where("pane 0");
    const auto s = static_cast<float>(scale);
    const Image title = Cut(image, {pane.x + 10 * s, pane.y + 2 * s, 100 * s, 17 * s});
    EXPECT_GT(Contrast(title), 7) << scale;  // level AAA
    // letters are as high as they should be: rows in which there is ink
    int rows = 0;
    for (int y = 0; y < title.height; ++y) {
      bool ink = false;
      for (int x = 0; x < title.width; ++x) ink = ink || title.Pixel(x, y)[0] > 150;
      rows += ink ? 1 : 0;
    }
    EXPECT_GE(rows, 9 * scale) << scale;
  }
}

TEST_F(PictureTest, ShowsWhatIsBelieved) {
  const auto family = ShortFamily("point-nav@maml", 40);
  auto script = std::make_shared<Script>();
  const auto plain = ReadyShow(*family, {.units = 2, .shown = {2}}, script);
  script->believes = true;
  const auto believing = ReadyShow(*family, {.units = 2, .shown = {2}}, script);
  const StageOptions options{.panel = false, .plots = true, .controls = false};
  Stage plain_stage(*plain, screen_, options), stage(*believing, screen_, options);
  const Image without = Draw(plain_stage), with = Draw(stage);
  Keep(with, "belief");
  const Rect pane = *stage.Where("pane 0");
  EXPECT_GT(Difference(Cut(with, pane), Cut(without, pane)), 0.0005);
  EXPECT_FALSE(plain_stage.Where("plot 5"));
  EXPECT_GT(
      Difference(Cut(with, *stage.Where("plot 1")), Cut(without, *plain_stage.Where("plot 1"))),
      0.005);
}

// Of a learner that is no agent: a show, adapted to its first episode.
std::unique_ptr<Show> LearnerShow(ScriptedData data, ShowOptions options) {
  std::vector<std::unique_ptr<Subject>> subjects;
  subjects.push_back(LearnerSubject(data, nullptr, !options.shown.empty()));
  options.last_score = false;
  auto show = std::make_unique<Show>(std::move(subjects), std::move(options), Rng(1));
  show->NextTask();
  show->WaitUntilAdapted();
  return show;
}

TEST_F(PictureTest, OfAFitThatMovesWithEveryStep) {
  const auto show = LearnerShow(ScriptedData::kSines, {.units = 5});
  Stage stage(*show, screen_, {});
  Image last = Draw(stage);
  for (int step = 1; step <= 5; ++step) {
    show->StepBy(1);
    const Image next = Draw(stage);
    EXPECT_GT(Difference(Cut(last, *stage.Where("pane 0")), Cut(next, *stage.Where("pane 0"))),
              1e-3)
        << step;
    last = next;
  }
  for (const char* slider : {"episode", "shots", "units"}) EXPECT_TRUE(stage.Where(slider));
  EXPECT_FALSE(stage.Where("ways"));
  Keep(last, "sinusoid");
}

TEST_F(PictureTest, OfAnEpisodeOfImages) {
  const auto show = LearnerShow(ScriptedData::kPictures, {.units = 3});
  Stage stage(*show, screen_, {});
  const Image before = Draw(stage);
  show->StepBy(3);
  const Image after = Draw(stage);
  Keep(before, "images-before");
  Keep(after, "images");
  // what is wrong is marked in red, what is right in green
  const Rect pane = *stage.Where("pane 0");
  const auto like = [&](const Image& image, const Color& color) {
    return PixelsLike(Cut(image, {pane.x, pane.y + 40, pane.width, pane.height - 40}), color);
  };
  EXPECT_GT(like(before, theme::kBad), 2000);
  EXPECT_EQ(like(after, theme::kBad), 0);
  EXPECT_GT(like(after, theme::kTarget), like(before, theme::kTarget) + 1000);
  EXPECT_TRUE(stage.Where("ways"));
}

TEST_F(PictureTest, OfEpisodesSideBySideAndOfTables) {
  const auto panes = LearnerShow(ScriptedData::kPictures, {.units = 3, .shown = {0, 1, 3}});
  Stage stage(*panes, screen_, {});
  const Image image = Draw(stage, 1280, 800);
  Keep(image, "images-side-by-side");
  EXPECT_GT(Difference(Cut(image, *stage.Where("pane 0")), Cut(image, *stage.Where("pane 2"))),
            0.02);
  const auto table = LearnerShow(ScriptedData::kVectors, {.units = 3});
  Stage of_table(*table, screen_, {});
  const Image rows = Draw(of_table);
  Keep(rows, "answers");
  EXPECT_GT(PixelsLike(Cut(rows, *of_table.Where("pane 0")), theme::kBad), 500);
}

// Frames with more corners than sixteen bits can number.
TEST_F(PictureTest, OfVeryMuch) {
  const auto family = ShortFamily("point-nav@maml", 8000);
  const auto show = ReadyShow(*family, {.units = 1000, .shown = {0, 1000}});
  show->StepBy(8000);
  Stage stage(*show, screen_, {});
  Draw(stage);
  // pictures that are no icons, one of them twice
  class Album final : public Pane {
   public:
    Album() {
      for (uint64_t i = 0; i < 6; ++i) {
        images_.push_back(Image::Blank(300, 200));
        Rng rng(i % 5);
        for (uint8_t& byte : images_.back().rgb) byte = static_cast<uint8_t>(rng.Below(256));
      }
    }
    void Restart(const Rng&) override {}
    void Advance() override {}
    int length() const override { return 0; }
    bool ended() const override { return true; }
    int longest() const override { return 0; }
    double step_seconds() const override { return 1; }
    std::string TaskText(int) const override { return ""; }
    std::string Caption(int) const override { return ""; }
    void Draw(Canvas& canvas, const Rect& rect, int, Look&) override {
      for (size_t i = 0; i < images_.size(); ++i) {
        canvas.Picture({rect.x + 310.f * static_cast<float>(i % 3),
                        rect.y + 210.f * static_cast<float>(i / 3), 300, 200},
                       images_[i]);
      }
    }
    std::vector<Image> images_;
  } album;
  screen_.Begin(kWidth, kHeight, {}, FrameTarget::kMemory);
  Look look;
  album.Draw(screen_.canvas(), {5, 5, 950, 590}, 0, look);
  screen_.End();
  const Image drawn = screen_.Read();
  for (size_t i = 0; i < 6; ++i) {
    const Image part = Cut(drawn, {5 + 310.f * static_cast<float>(i % 3),
                                   5 + 210.f * static_cast<float>(i / 3), 300, 200});
    EXPECT_LT(Difference(part, album.images_[i]), 0.01) << i;
  }
}

TEST_F(PictureTest, OfAnySize) {
  const auto family = ShortFamily("half-cheetah-vel@promp", 40);
  const auto show = ReadyShow(*family, {.units = 3});
  Stage stage(*show, screen_, {});
  for (const auto& [width, height] :
       {std::pair{1, 1}, {40, 30}, {200, 100}, {1600, 120}, {120, 1200}, {1920, 1080}}) {
    const Image image = Draw(stage, width, height);
    EXPECT_EQ(image.rgb.size(),
              size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height));
  }
}

class FilmTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) { return ::testing::TempDir() + name; }

  std::unique_ptr<TaskFamily> family_ = ShortFamily("half-cheetah-vel@promp", 20);
  std::unique_ptr<Show> show_ = ReadyShow(*family_, {.units = 1});
};

TEST_F(FilmTest, HasAsManyPicturesAsItShould) {
  ASSERT_FALSE(FindProgram("ffprobe").empty()) << "scripts/setup installs ffmpeg";
  Recorder recorder({.width = 480, .height = 270, .fps = 20});
  // twenty steps of 0.05 s and a second: 40 pictures
  EXPECT_EQ(recorder.FramesOf(*show_), 40);
  std::vector<std::unique_ptr<FrameSink>> sinks;
  for (const char* name : {"film.mp4", "film.gif", "film.webm"}) {
    sinks.push_back(MakeVideo(Path(name), 480, 270, 20));
  }
  sinks.push_back(MakeContactSheet(Path("sheet.png"), 3, 2, 3));
  int frames = 0;
  recorder.Record(*show_, sinks, [&](int count) { frames = count; });
  EXPECT_EQ(frames, 40);
  for (const char* name : {"film.mp4", "film.gif", "film.webm"}) {
    const ChildResult probe =
        RunChild({FindProgram("ffprobe"), "-v", "error", "-count_frames", "-select_streams", "v:0",
                  "-show_entries", "stream=nb_read_frames,width,height,r_frame_rate", "-of",
                  "csv=p=0", Path(name)},
                 60);
    EXPECT_EQ(probe.output, "480,270,20/1,40") << name;
  }
  const std::string sheet = ReadFile(Path("sheet.png"));
  EXPECT_EQ(sheet.substr(1, 3), "PNG");
  // 3 x 2 pictures of 160 x 90 with gaps of 4, as the header says
  const auto number = [&](size_t at) {
    return static_cast<unsigned char>(sheet[at + 2]) * 256 +
           static_cast<unsigned char>(sheet[at + 3]);
  };
  EXPECT_EQ(number(16), 3 * 164 - 4);
  EXPECT_EQ(number(20), 2 * 94 - 4);
}

TEST_F(FilmTest, CanBeAFolderOfPicturesOrOneOfThem) {
  const std::string folder = Path("frames");
  std::filesystem::remove_all(folder);
  Recorder recorder({.width = 320, .height = 180, .fps = 10, .seconds = 0.5});
  std::vector<std::unique_ptr<FrameSink>> sinks;
  sinks.push_back(MakeFrameFolder(folder));
  sinks.push_back(MakeSinglePicture(Path("third.png"), 2));
  recorder.Record(*show_, sinks);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(std::filesystem::exists(fmt::format("{}/{:06}.png", folder, i))) << i;
  }
  EXPECT_FALSE(std::filesystem::exists(folder + "/000005.png"));
  EXPECT_EQ(ReadFile(Path("third.png")), ReadFile(folder + "/000002.png"));
  EXPECT_THROW(MakeFrameFolder(folder), Error) << "it is not empty";
  EXPECT_THROW(MakeSinglePicture("/proc/none/x.png", 2), Error);
  EXPECT_THROW(MakeSinglePicture(folder, 2), Error) << "a folder";
}

// One picture is not the price of a film, and the last is the last.
TEST_F(FilmTest, DrawsNoMoreThanIsWanted) {
  class Counting final : public FrameSink {
   public:
    explicit Counting(int last) : last_(last) {}
    bool Wants(int index, bool) const override { return index == last_; }
    bool WantsMore(int index) const override { return index < last_; }
    void Add(const Image&) override { ++added; }
    void Close() override {}
    int added = 0;

   private:
    int last_;
  };
  Recorder recorder({.width = 320, .height = 180, .fps = 10});
  std::vector<std::unique_ptr<FrameSink>> sinks;
  auto counting = std::make_unique<Counting>(3);
  Counting* const counted = counting.get();
  sinks.push_back(std::move(counting));
  int frames = 0;
  recorder.Record(*show_, sinks, [&](int count) { frames = count; });
  EXPECT_EQ(counted->added, 1);
  EXPECT_EQ(frames, 4);
}

TEST_F(FilmTest, SaysWhatIsWrong) {
  const auto message = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing";
  };
  EXPECT_NE(message([&] { MakeVideo(Path("film.avi"), 64, 64, 10); }).find(".mp4"),
            std::string::npos);
  EXPECT_NE(message([&] { MakeVideo(Path("film.mp4"), 65, 64, 10); }).find("even"),
            std::string::npos);
  EXPECT_NE(message([&] { Recorder({.width = 10, .height = 10}); }).find("10 x 10"),
            std::string::npos);

  // no ffmpeg
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  EXPECT_NE(
      message([&] { MakeVideo(Path("film.mp4"), 64, 64, 10); }).find("apt-get install ffmpeg"),
      std::string::npos);
  // one that fails
  const std::string bin = Path("bin");
  std::filesystem::create_directories(bin);
  WriteFileAtomically(bin + "/ffmpeg", "#!/bin/sh\necho it hurts >&2\nexit 3\n");
  std::filesystem::permissions(bin + "/ffmpeg", std::filesystem::perms::owner_all);
  setenv("PATH", bin.c_str(), 1);
  std::signal(SIGPIPE, SIG_IGN);
  EXPECT_NE(message([&] {
              const auto video = MakeVideo(Path("hurts.mp4"), 640, 640, 10);
              for (int i = 0; i < 100; ++i) video->Add(Image::Blank(640, 640));
              video->Close();
            }).find("it hurts"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(Path("hurts.mp4")));
  setenv("PATH", path.c_str(), 1);
}

TEST(Offscreen, TellsWhatToInstall) {
  setenv("FEWSTEP_GL", "magic", 1);
  EXPECT_THROW(MakeOffscreenContext(), Error);
  unsetenv("FEWSTEP_GL");
}

TEST(Offscreen, AContextThatIsGoneIsAnError) {
  auto context = MakeOffscreenContext();
  Screen screen(*context, 1, Screen::Quality::kSpeed);
  screen.Begin(100, 100, {}, FrameTarget::kMemory);
  screen.End();
  // another context of the thread, which ends with it
  auto other = MakeOffscreenContext();
  other.reset();
  EXPECT_THROW(screen.Begin(100, 100, {}, FrameTarget::kMemory), Error);
}

}  // namespace
}  // namespace fewstep
