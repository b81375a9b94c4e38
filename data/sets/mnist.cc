// MNIST (LeCun et al. 1998) and Fashion-MNIST (Xiao et al. 2017): ten classes in the IDX format.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/error.h"
#include "data/formats/archive.h"
#include "data/formats/idx.h"
#include "data/sets/sets.h"

namespace fewstep {
namespace {

constexpr int kClasses = 10;
constexpr int kSide = 28;

struct MnistOptions final : PictureOptions {
  MnistOptions() { size = kSide; }
  std::vector<int64_t> test_classes, validation_classes;
  void Visit(FieldVisitor& v) override {
    PictureOptions::Visit(v);
    v.Field(
        "test_classes", test_classes,
        {.help = "Classes that are for test alone, the others for training; []: all ten are for "
                 "both, with the published training pictures and the published test pictures.",
         .min = 0,
         .max = kClasses - 1});
    v.Field("validation_classes", validation_classes,
            {.help = "Beside test_classes: classes that are for validation alone.",
             .min = 0,
             .max = kClasses - 1});
  }
  DataSplit SplitOf(int of_class) const {
    const auto holds = [&](const std::vector<int64_t>& classes) {
      return std::ranges::find(classes, of_class) != classes.end();
    };
    if (holds(test_classes)) return DataSplit::kTest;
    return holds(validation_classes) ? DataSplit::kValidation : DataSplit::kTrain;
  }
  void Check() const {
    for (const int64_t of_class : validation_classes) {
      if (!test_classes.empty() && SplitOf(static_cast<int>(of_class)) == DataSplit::kValidation) {
        continue;
      }
      throw Error(
          ErrorKind::kUsage,
          fmt::format("class {} is for validation alone, but for test as well", of_class),
          {.key = "validation_classes", .remedy = "Name other classes in data.test_classes"});
    }
  }
};

struct Part {
  std::vector<uint8_t> pixels, labels;
};

Part ReadPart(const std::string& name, const std::string& directory, const std::string& folder,
              const std::string& stem) {
  constexpr uint64_t kMostBytes = uint64_t{1} << 30;
  const auto read = [&](const std::string& kind, size_t dimensions, std::string* path) {
    const std::string file = fmt::format("{}-{}", stem, kind);
    *path = FindData(name, directory,
                     {folder + "/" + file, folder + "/" + file + ".gz", file, file + ".gz"});
    return ParseIdx(ReadMaybeGzip(*path, kMostBytes), dimensions, *path);
  };
  std::string pictures_path, labels_path;
  IdxArray pictures = read("images-idx3-ubyte", 3, &pictures_path);
  IdxArray labels = read("labels-idx1-ubyte", 1, &labels_path);
  if (pictures.shape[1] != kSide || pictures.shape[2] != kSide) {
    throw Error(ErrorKind::kData,
                fmt::format("pictures of {} x {} pixels instead of {} x {}", pictures.shape[1],
                            pictures.shape[2], kSide, kSide),
                {.file = pictures_path});
  }
  if (pictures.shape[0] != labels.shape[0]) {
    throw Error(ErrorKind::kData,
                fmt::format("{} labels for {} pictures", labels.shape[0], pictures.shape[0]),
                {.file = labels_path});
  }
  for (size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] >= kClasses) {
      throw Error(ErrorKind::kData,
                  fmt::format("label {} of picture {} is none of 0 to 9", labels.values[i], i),
                  {.file = labels_path});
    }
  }
  return {std::move(pictures.values), std::move(labels.values)};
}

DataEntry Entry(std::string name, std::string folder, std::array<const char*, kClasses> classes,
                std::string summary, std::string source) {
  std::string files =
      fmt::format("{}/{{train,t10k}}-{{images-idx3,labels-idx1}}-ubyte, raw or .gz", folder);
  return DataEntryOf<MnistOptions>(
      std::move(summary), std::move(source), std::move(files),
      [name, folder, classes](const MnistOptions& options, const std::string& directory) {
        options.Check();
        const auto side = static_cast<int>(options.size);
        auto set = std::make_unique<ExampleSet>(
            ExampleShape{.channels = 1, .height = side, .width = side}, 1.0 / 255, 0);
        constexpr double kExamples = 70'000;
        CheckMemory(kExamples, set->shape(), "data.size");
        ClassSplit split;
        for (const bool train : {true, false}) {
          const Part part = ReadPart(name, directory, folder, train ? "train" : "t10k");
          for (int c = 0; c < kClasses; ++c) {
            DataSplit of = train ? DataSplit::kTrain : DataSplit::kTest;
            if (!options.test_classes.empty()) {
              of = options.SplitOf(c);
              if ((of == DataSplit::kTrain) != train) continue;
            }
            (of == DataSplit::kTrain  ? split.train
             : of == DataSplit::kTest ? split.test
                                      : split.validation)
                .push_back(static_cast<int>(set->classes().size()));
            set->BeginClass(classes[static_cast<size_t>(c)]);
            for (size_t i = 0; i < part.labels.size(); ++i) {
              if (part.labels[i] != c) continue;
              const auto first =
                  part.pixels.begin() + static_cast<std::ptrdiff_t>(i) * kSide * kSide;
              const Image image{1, kSide, kSide, {first, first + kSide * kSide}};
              set->AddPicture(Resized(image, side, side, options.resize).pixels);
            }
          }
        }
        SetSplits(*set, std::move(split), directory);
        return set;
      });
}

}  // namespace

void AddMnist(DataCatalog& catalog) {
  catalog.Add("mnist", Entry("MNIST", "mnist", {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
                             "Hand-written digits: 60,000 to train on and 10,000 to test on.",
                             "LeCun, Bottou, Bengio and Haffner, 1998"));
  catalog.Add("fashion-mnist", Entry("Fashion-MNIST", "fashion-mnist",
                                     {"T-shirt", "trouser", "pullover", "dress", "coat", "sandal",
                                      "shirt", "sneaker", "bag", "boot"},
                                     "Pictures of clothes in the format of MNIST.",
                                     "Xiao, Rasul and Vollgraf, 2017"));
}

}  // namespace fewstep
