#include "viewer/film.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/child_process.h"
#include "core/error.h"

namespace fewstep {
namespace {

namespace fs = std::filesystem;

// Makes the folder of a file that is going to be written.
void PrepareFolderOf(const std::string& path) {
  const fs::path file(path), folder = file.has_parent_path() ? file.parent_path() : ".";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || access(folder.c_str(), W_OK) != 0 || fs::is_directory(file)) {
    throw Error(ErrorKind::kRuntime,
                fs::is_directory(file)
                    ? "this is a folder"
                    : fmt::format("nothing can be written in {}: {}", folder.string(),
                                  error ? error.message() : "no permission"),
                {.file = path, .remedy = "Name another place"});
  }
}

class Video final : public FrameSink {
 public:
  Video(std::string path, std::vector<std::string> words, std::string temporary)
      : path_(std::move(path)),
        temporary_(std::move(temporary)),
        ffmpeg_(std::make_unique<ChildWriter>(words)) {}
  ~Video() override {
    ffmpeg_.reset();  // before what it writes goes
    std::error_code ignored;
    fs::remove(temporary_, ignored);
  }

  void Add(const Image& image) override {
    if (ffmpeg_->Write(image.rgb)) return;
    cut_short_ = true;
    Finish();
  }

  void Close() override {
    Finish();
    std::error_code error;
    fs::rename(temporary_, path_, error);
    if (error) Fail(error.message());
  }

 private:
  [[noreturn]] void Fail(const std::string& why) const {
    throw Error(ErrorKind::kRuntime, fmt::format("the film cannot be written: {}", why),
                {.file = path_});
  }

  void Finish() {
    const ChildResult result = ffmpeg_->Close();
    if (result.exit_code == 0 && !cut_short_) return;
    const size_t line = result.output.rfind('\n');
    Fail(result.output.empty()
             ? fmt::format("ffmpeg ended with {}", result.exit_code)
             : "ffmpeg says: " + result.output.substr(line == std::string::npos ? 0 : line + 1));
  }

  std::string path_, temporary_;
  std::unique_ptr<ChildWriter> ffmpeg_;
  bool cut_short_ = false;
};

class FrameFolder final : public FrameSink {
 public:
  explicit FrameFolder(std::string folder) : folder_(std::move(folder)) {
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) {
      throw Error(ErrorKind::kRuntime, fmt::format("cannot make the folder: {}", error.message()),
                  {.file = folder_});
    }
    if (!fs::is_empty(folder_, error)) {
      throw Error(ErrorKind::kUsage, "the folder for pictures is not empty",
                  {.file = folder_, .remedy = "Name a new one"});
    }
  }

  void Add(const Image& image) override {
    WriteFileAtomically(fmt::format("{}/{:06}.png", folder_, count_++), ToPng(image));
  }
  void Close() override {}

 private:
  std::string folder_;
  int count_ = 0;
};

class ContactSheet final : public FrameSink {
 public:
  ContactSheet(std::string path, int columns, int rows, int shrink)
      : path_(std::move(path)), columns_(columns), rows_(rows), shrink_(shrink) {}

  // Keeps every stride-th picture; when there are many more than are wanted, every other one goes.
  void Add(const Image& image) override {
    if (index_++ % stride_ != 0) return;
    kept_.push_back(Shrunk(image, shrink_));
    const auto wanted = static_cast<size_t>(columns_ * rows_);
    if (kept_.size() < 8 * wanted) return;
    for (size_t i = 1; 2 * i < kept_.size(); ++i) kept_[i] = std::move(kept_[2 * i]);
    kept_.resize((kept_.size() + 1) / 2);
    stride_ *= 2;
  }

  void Close() override {
    FEWSTEP_CHECK(!kept_.empty(), "a sheet of no pictures");
    const int width = kept_[0].width, height = kept_[0].height, count = columns_ * rows_;
    Image sheet = Image::Blank(columns_ * (width + kGap) - kGap, rows_ * (height + kGap) - kGap);
    for (int i = 0; i < count; ++i) {
      // the first, the last, and others between them; one alone is the last
      const auto last = static_cast<int64_t>(kept_.size()) - 1;
      const int64_t chosen = count == 1 ? last : i * last / (count - 1);
      Paste(kept_[static_cast<size_t>(chosen)], i % columns_ * (width + kGap),
            i / columns_ * (height + kGap), sheet);
    }
    WriteFileAtomically(path_, ToPng(sheet));
  }

 private:
  static constexpr int kGap = 4;
  std::string path_;
  int columns_, rows_, shrink_, index_ = 0, stride_ = 1;
  std::vector<Image> kept_;
};

class SinglePicture final : public FrameSink {
 public:
  SinglePicture(std::string path, int index) : path_(std::move(path)), index_(index) {}
  bool Wants(int index, bool last) const override { return index == index_ || last; }
  bool WantsMore(int index) const override { return index < index_; }
  void Add(const Image& image) override {
    if (image_.rgb.empty()) image_ = image;
  }
  void Close() override { WriteFileAtomically(path_, ToPng(image_)); }

 private:
  std::string path_;
  int index_;
  Image image_;
};

}  // namespace

std::unique_ptr<FrameSink> MakeVideo(const std::string& path, int width, int height, int fps) {
  const fs::path file(path);
  const std::string end = file.extension();
  std::vector<std::string> encoding;
  if (end == ".mp4") {
    // what every player and browser shows
    encoding = {"-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-movflags", "+faststart"};
  } else if (end == ".webm") {
    encoding = {"-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-crf", "32", "-b:v", "0"};
  } else if (end == ".gif") {
    encoding = {"-vf",
                "split[a][b];[a]palettegen=max_colors=128:stats_mode=diff[p];"
                "[b][p]paletteuse=dither=none:diff_mode=rectangle",
                "-loop", "0"};
  } else {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is no kind of video", end),
                {.file = path, .remedy = "Name it .mp4, .webm or .gif"});
  }
  if (width % 2 != 0 || height % 2 != 0) {
    throw Error(ErrorKind::kUsage, fmt::format("a video of {} x {} pixels", width, height),
                {.remedy = "Width and height must be even"});
  }
  const std::string ffmpeg = FindProgram("ffmpeg");
  if (ffmpeg.empty()) {
    throw Error(ErrorKind::kRuntime, "there is no ffmpeg to make a video with",
                {.file = path,
                 .remedy = "Install it (apt-get install ffmpeg), or record PNG files with --frames "
                           "or a sheet with --sheet"});
  }
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  PrepareFolderOf(path);
  const std::string temporary =
      (folder / fmt::format(".{}.tmp{}", file.stem().string(), end)).string();
  std::vector<std::string> words = {ffmpeg,     "-loglevel",
                                    "error",    "-y",
                                    "-f",       "rawvideo",
                                    "-pix_fmt", "rgb24",
                                    "-s",       fmt::format("{}x{}", width, height),
                                    "-r",       fmt::format("{}", fps),
                                    "-i",       "-"};
  words.insert(words.end(), encoding.begin(), encoding.end());
  words.push_back(temporary);
  return std::make_unique<Video>(path, std::move(words), temporary);
}

std::unique_ptr<FrameSink> MakeFrameFolder(const std::string& folder) {
  return std::make_unique<FrameFolder>(folder);
}

std::unique_ptr<FrameSink> MakeContactSheet(const std::string& path, int columns, int rows,
                                            int shrink) {
  PrepareFolderOf(path);
  return std::make_unique<ContactSheet>(path, columns, rows, shrink);
}

std::unique_ptr<FrameSink> MakeSinglePicture(const std::string& path, int index) {
  PrepareFolderOf(path);
  return std::make_unique<SinglePicture>(path, index);
}

}  // namespace fewstep
