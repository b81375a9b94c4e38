// CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in the binary version: records of a label (CIFAR-100: a
// superclass and a class) and 3 x 32 x 32 bytes. For few-shot learning all pictures of a class
// belong together, wherever they were published.
#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "data/sets/sets.h"

namespace fewstep {
namespace {

constexpr int kSide = 32, kChannels = 3;
constexpr size_t kPixels = size_t{kChannels} * kSide * kSide;

constexpr std::array<const char*, 10> kTenClasses = {
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
constexpr std::array<const char*, 20> kSuperclasses = {"aquatic_mammals",
                                                       "fish",
                                                       "flowers",
                                                       "food_containers",
                                                       "fruit_and_vegetables",
                                                       "household_electrical_devices",
                                                       "household_furniture",
                                                       "insects",
                                                       "large_carnivores",
                                                       "large_man-made_outdoor_things",
                                                       "large_natural_outdoor_scenes",
                                                       "large_omnivores_and_herbivores",
                                                       "medium_mammals",
                                                       "non-insect_invertebrates",
                                                       "people",
                                                       "reptiles",
                                                       "small_mammals",
                                                       "trees",
                                                       "vehicles_1",
                                                       "vehicles_2"};
constexpr std::array<const char*, 100> kHundredClasses = {
    "apple",       "aquarium_fish", "baby",      "bear",       "beaver",       "bed",
    "bee",         "beetle",        "bicycle",   "bottle",     "bowl",         "boy",
    "bridge",      "bus",           "butterfly", "camel",      "can",          "castle",
    "caterpillar", "cattle",        "chair",     "chimpanzee", "clock",        "cloud",
    "cockroach",   "couch",         "crab",      "crocodile",  "cup",          "dinosaur",
    "dolphin",     "elephant",      "flatfish",  "forest",     "fox",          "girl",
    "hamster",     "house",         "kangaroo",  "keyboard",   "lamp",         "lawn_mower",
    "leopard",     "lion",          "lizard",    "lobster",    "man",          "maple_tree",
    "motorcycle",  "mountain",      "mouse",     "mushroom",   "oak_tree",     "orange",
    "orchid",      "otter",         "palm_tree", "pear",       "pickup_truck", "pine_tree",
    "plain",       "plate",         "poppy",     "porcupine",  "possum",       "rabbit",
    "raccoon",     "ray",           "road",      "rocket",     "rose",         "sea",
    "seal",        "shark",         "shrew",     "skunk",      "skyscraper",   "snail",
    "snake",       "spider",        "squirrel",  "streetcar",  "sunflower",    "sweet_pepper",
    "table",       "tank",          "telephone", "television", "tiger",        "tractor",
    "train",       "trout",         "tulip",     "turtle",     "wardrobe",     "whale",
    "willow_tree", "wolf",          "woman",     "worm"};

// CIFAR-FS: Bertinetto et al., "Meta-learning with differentiable closed-form solvers", ICLR 2019.
// What is in neither list is for training: 64 classes.
constexpr std::array<std::string_view, 16> kFsValidation = {
    "beaver", "otter", "flatfish", "shark", "lamp",      "television", "beetle",     "butterfly",
    "sea",    "camel", "cattle",   "crab",  "crocodile", "maple_tree", "motorcycle", "tractor"};
constexpr std::array<std::string_view, 20> kFsTest = {
    "whale",    "poppy",   "rose",  "sweet_pepper", "telephone",    "bed",   "table",
    "wardrobe", "leopard", "plain", "chimpanzee",   "fox",          "snail", "worm",
    "baby",     "man",     "woman", "bicycle",      "pickup_truck", "rocket"};
// FC100: Oreshkin et al., "TADAM", NeurIPS 2018: superclasses apart.
constexpr std::array<int, 4> kFcValidation = {8, 11, 13, 16}, kFcTest = {0, 7, 12, 14};

enum class CifarSplit { kFs, kFc100 };
constexpr ChoiceName<CifarSplit> kSplits[] = {{"cifar-fs", CifarSplit::kFs},
                                              {"fc100", CifarSplit::kFc100}};

struct CifarOptions : PictureOptions {
  CifarOptions() { size = kSide; }
};
struct HundredOptions final : CifarOptions {
  CifarSplit split = CifarSplit::kFs;
  void Visit(FieldVisitor& v) override {
    CifarOptions::Visit(v);
    v.Choice("split", split, kSplits,
             {.help = "cifar-fs: 64, 16 and 20 classes; fc100: 60, 20 and 20, no superclass in two "
                      "of them."});
  }
};
struct TenOptions final : CifarOptions {
  std::vector<int64_t> validation_classes, test_classes = {6, 7, 8, 9};
  void Visit(FieldVisitor& v) override {
    CifarOptions::Visit(v);
    v.Field("validation_classes", validation_classes,
            {.help = "Classes for validation, 0 to 9.", .min = 0, .max = 9});
    v.Field("test_classes", test_classes,
            {.help = "Classes for test, 0 to 9; the others are for training.", .min = 0, .max = 9});
  }
};

// The pictures of each class, and the superclass of each where records have one.
struct Records {
  std::vector<std::vector<uint8_t>> pixels;  // [classes][pictures * kPixels]
  std::vector<int> superclass;               // [classes], -1: not seen
};

void AddRecords(const std::string& path, size_t labels, Records& records) {
  const std::string bytes = ReadFile(path, uint64_t{1} << 31);
  const size_t record = labels + kPixels, classes = records.pixels.size();
  if (bytes.empty() || bytes.size() % record != 0) {
    throw Error(
        ErrorKind::kData,
        fmt::format("{} bytes are no whole number of records of {} bytes", bytes.size(), record),
        {.file = path, .remedy = "It is truncated, or not the binary version"});
  }
  for (size_t at = 0; at < bytes.size(); at += record) {
    const auto label = [&](size_t i) { return static_cast<uint8_t>(bytes[at + i]); };
    const size_t c = label(labels - 1);
    const auto fail = [&](const char* what, size_t value, size_t most) {
      throw Error(
          ErrorKind::kData,
          fmt::format("{} {} of record {} is none of 0 to {}", what, value, at / record, most - 1),
          {.file = path});
    };
    if (c >= classes) fail("label", c, classes);
    if (labels == 2) {
      if (label(0) >= kSuperclasses.size()) fail("superclass", label(0), kSuperclasses.size());
      int& superclass = records.superclass[c];
      if (superclass >= 0 && superclass != label(0)) {
        throw Error(ErrorKind::kData,
                    fmt::format("class {} has the superclasses {} and {}", c, superclass, label(0)),
                    {.file = path});
      }
      superclass = label(0);
    }
    const char* first = bytes.data() + at + labels;
    records.pixels[c].insert(records.pixels[c].end(), first, first + kPixels);
  }
}

template <size_t n>
std::unique_ptr<ExampleSet> SetOf(const Records& records, const std::array<const char*, n>& names,
                                  const CifarOptions& options) {
  const auto side = static_cast<int>(options.size);
  auto set = std::make_unique<ExampleSet>(
      ExampleShape{.channels = kChannels, .height = side, .width = side}, 1.0 / 255, 0);
  constexpr double kExamples = 60'000;
  CheckMemory(kExamples, set->shape(), "data.size");
  for (size_t c = 0; c < n; ++c) {
    const int superclass = records.superclass[c];
    set->BeginClass(names[c],
                    superclass >= 0 ? kSuperclasses[static_cast<size_t>(superclass)] : "");
    const std::vector<uint8_t>& pixels = records.pixels[c];
    for (size_t at = 0; at < pixels.size(); at += kPixels) {
      const auto first = pixels.begin() + static_cast<std::ptrdiff_t>(at);
      const Image image{kChannels, kSide, kSide, {first, first + kPixels}};
      set->AddPicture(Resized(image, side, side, options.resize).pixels);
    }
  }
  return set;
}

std::unique_ptr<ExampleSet> ReadHundred(const HundredOptions& options,
                                        const std::string& directory) {
  Records records{std::vector<std::vector<uint8_t>>(kHundredClasses.size()),
                  std::vector<int>(kHundredClasses.size(), -1)};
  for (const char* file : {"train.bin", "test.bin"}) {
    AddRecords(FindData("CIFAR-100", directory,
                        {fmt::format("cifar-100-binary/{}", file),
                         fmt::format("cifar-100/{}", file), file}),
               2, records);
  }
  auto set = SetOf(records, kHundredClasses, options);
  ClassSplit split;
  for (int c = 0; c < static_cast<int>(kHundredClasses.size()); ++c) {
    const std::string_view name = kHundredClasses[static_cast<size_t>(c)];
    const int superclass = records.superclass[static_cast<size_t>(c)];
    const auto has = [](const auto& list, const auto& value) {
      return std::ranges::find(list, value) != list.end();
    };
    const bool fs = options.split == CifarSplit::kFs;
    const bool validation = fs ? has(kFsValidation, name) : has(kFcValidation, superclass);
    const bool test = fs ? has(kFsTest, name) : has(kFcTest, superclass);
    (validation ? split.validation : test ? split.test : split.train).push_back(c);
  }
  SetSplits(*set, std::move(split), directory);
  return set;
}

std::unique_ptr<ExampleSet> ReadTen(const TenOptions& options, const std::string& directory) {
  Records records{std::vector<std::vector<uint8_t>>(kTenClasses.size()),
                  std::vector<int>(kTenClasses.size(), -1)};
  for (const char* file : {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                           "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"}) {
    AddRecords(FindData("CIFAR-10", directory,
                        {fmt::format("cifar-10-batches-bin/{}", file),
                         fmt::format("cifar-10/{}", file), file}),
               1, records);
  }
  auto set = SetOf(records, kTenClasses, options);
  ClassSplit split;
  for (int c = 0; c < static_cast<int>(kTenClasses.size()); ++c) {
    const auto has = [&](const std::vector<int64_t>& list) {
      return std::ranges::find(list, c) != list.end();
    };
    (has(options.test_classes)         ? split.test
     : has(options.validation_classes) ? split.validation
                                       : split.train)
        .push_back(c);
  }
  SetSplits(*set, std::move(split), directory);
  return set;
}

}  // namespace

void AddCifar(DataCatalog& catalog) {
  catalog.Add("cifar-10",
              DataEntryOf<TenOptions>(
                  "Photographs of ten kinds of things, 32 x 32 pixels.", "Krizhevsky, 2009",
                  "cifar-10-batches-bin/data_batch_{1..5}.bin and test_batch.bin", ReadTen));
  catalog.Add("cifar-100",
              DataEntryOf<HundredOptions>(
                  "Photographs of a hundred kinds of things, 32 x 32 pixels, with the splits "
                  "CIFAR-FS and FC100.",
                  "Krizhevsky, 2009; Bertinetto et al., ICLR 2019; Oreshkin et al., NeurIPS 2018",
                  "cifar-100-binary/train.bin and test.bin", ReadHundred));
}

}  // namespace fewstep
