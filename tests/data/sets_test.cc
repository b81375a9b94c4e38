// Readers of published data sets, on small files in their formats, and on the real ones where
// $FEWSTEP_DATA_DIR has them.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/rng.h"
#include "core/safetensors.h"
#include "data/data_catalog.h"
#include "data/episodes.h"
#include "data/formats/csv_table.h"
#include "tests/core/scratch_directory.h"
#include "tests/data/packing.h"

namespace fewstep {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::unique_ptr<ExampleSet> Make(const std::string& name, const std::string& directory,
                                 const std::string& keys = "") {
  const DataCatalog catalog = BuiltinData();
  const DataEntry& entry = catalog.Get(name);
  const std::unique_ptr<Options> options = entry.make_options();
  Config config = Config::ParseText("[data]\n" + keys, "recipe");
  config.Read("data", *options);
  return entry.make(*options, directory);
}

std::string ErrorOf(const std::string& name, const std::string& directory,
                    const std::string& keys = "") {
  try {
    Make(name, directory, keys);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<float> Example(const ExampleSet& set, int64_t example) {
  std::vector<float> out(static_cast<size_t>(set.shape().size()));
  set.Copy(example, 0, out.data());
  return out;
}

// --- Omniglot ---

// Two alphabets in each archive, 2 and 3 characters, with a dot at a place of its own.
void WriteOmniglot(const std::string& folder, int drawings = 20) {
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const std::string archive : {"images_background", "images_evaluation"}) {
    std::vector<std::pair<std::string, std::string>> members;
    for (int alphabet = 0; alphabet < 2; ++alphabet) {
      for (int character = 1; character <= 2 + alphabet; ++character, ++number) {
        for (int drawing = 1; drawing <= drawings; ++drawing) {
          std::vector<unsigned char> pixels(105 * 105, 1);  // paper
          pixels[static_cast<size_t>(105 * number + drawing)] = 0;
          members.push_back(
              {fmt::format("{0}/{1}_{2}/character{3:02}/{4:04}_{5:02}.png", archive,
                           archive.substr(7, 4), alphabet, character, number, drawing),
               BitPng(105, 105, pixels)});
        }
      }
    }
    WriteZip(folder + "/" + archive + ".zip", members);
  }
}

TEST(Omniglot, IsReadFromItsArchivesAndFromFolders) {
  const ScratchDirectory scratch;
  WriteOmniglot(scratch.File("omniglot"));
  const auto packed = Make("omniglot", scratch.path(), "split = \"alphabet\"\nsize = 105");
  EXPECT_EQ(packed->classes().size(), 10u);
  EXPECT_EQ(packed->num_examples(), 200);
  EXPECT_THAT(packed->split(DataSplit::kTrain), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(packed->split(DataSplit::kTest), ElementsAre(5, 6, 7, 8, 9));
  EXPECT_EQ(packed->classes()[1].name, "back_0/character02");
  EXPECT_EQ(packed->classes()[1].group, "back_0");
  // ink is 1
  std::vector<float> dot(105 * 105, 0);
  dot[105 + 3] = 1;
  EXPECT_EQ(Example(*packed, 22), dot);

  const std::string command = fmt::format(
      "cd {} && unzip -q images_background.zip && unzip -q images_evaluation.zip && rm "
      "*.zip",
      scratch.File("omniglot"));
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto unpacked = Make("omniglot", scratch.path(), "split = \"alphabet\"\nsize = 105");
  ASSERT_EQ(unpacked->num_examples(), 200);
  for (int64_t i = 0; i < 200; ++i) EXPECT_EQ(Example(*packed, i), Example(*unpacked, i));
}

TEST(Omniglot, WhatIsMissingOrWrongIsNamed) {
  const ScratchDirectory scratch;
  EXPECT_THAT(ErrorOf("omniglot", ""), HasSubstr("--data-dir DIR or $FEWSTEP_DATA_DIR"));
  EXPECT_THAT(ErrorOf("omniglot", scratch.path()),
              HasSubstr("no Omniglot in it. Looked for omniglot/images_background.zip"));
  WriteOmniglot(scratch.path());
  EXPECT_THAT(ErrorOf("omniglot", scratch.path()), HasSubstr("no lists of Vinyals' split in it"));
  EXPECT_THAT(ErrorOf("omniglot", scratch.path(), "split = \"shuffled\""),
              HasSubstr("10 characters, and the split has 1623"));
  std::filesystem::create_directories(scratch.File("splits/vinyals"));
  const auto write = [&](const char* list, const char* name) {
    WriteFileAtomically(scratch.File(fmt::format("splits/vinyals/{}.txt", list)),
                        fmt::format("{0}/rot000\n{0}/rot090\n", name));
  };
  write("train", "back_0/character01");
  write("val", "back_0/character02");
  write("test", "eval_1/character01");
  EXPECT_EQ(ErrorOf("omniglot", scratch.path()), "no error");
  write("test", "back_0/character01");
  EXPECT_THAT(ErrorOf("omniglot", scratch.path()),
              HasSubstr("class 'back_0/character01' is in two splits"));
  WriteFileAtomically(scratch.File("splits/vinyals/val.txt"), "Korean/character01/rot000\n");
  EXPECT_THAT(ErrorOf("omniglot", scratch.path()),
              HasSubstr("val.txt: 'Korean/character01' is not in the archives"));
  WriteOmniglot(scratch.path(), 19);
  EXPECT_THAT(ErrorOf("omniglot", scratch.path(), "split = \"alphabet\""),
              HasSubstr("has 19 drawings instead of 20"));
}

// --- MNIST ---

void WriteMnist(const std::string& folder, bool packed) {
  std::filesystem::create_directories(folder);
  for (const auto& [stem, count] : {std::pair{"train", 30u}, {"t10k", 20u}}) {
    std::string pixels(count * 784, '\0'), labels;
    for (unsigned i = 0; i < count; ++i) {
      pixels[i * 784 + i] = '\xff';
      labels += static_cast<char>(i % 10);
    }
    const auto write = [&](const std::string& kind, const std::string& bytes) {
      const std::string path = fmt::format("{}/{}-{}", folder, stem, kind);
      WriteFileAtomically(packed ? path + ".gz" : path, packed ? Gzip(bytes) : bytes);
    };
    write("images-idx3-ubyte", Idx(0x803, {count, 28, 28}, pixels));
    write("labels-idx1-ubyte", Idx(0x801, {count}, labels));
  }
}

TEST(Mnist, IsReadRawAndPacked) {
  for (const bool packed : {false, true}) {
    const ScratchDirectory scratch;
    WriteMnist(scratch.File("mnist"), packed);
    const auto set = Make("mnist", scratch.path());
    EXPECT_EQ(set->classes().size(), 20u);
    EXPECT_EQ(set->num_examples(), 50);
    EXPECT_EQ(set->SmallestClass(DataSplit::kTrain), 3);
    EXPECT_EQ(set->SmallestClass(DataSplit::kTest), 2);
    // the second training picture of a 3 is number 13
    const std::vector<float> picture = Example(*set, set->classes()[3].first + 1);
    EXPECT_EQ(std::ranges::find(picture, 1.0f) - picture.begin(), 13);

    const auto apart = Make("mnist", scratch.path(), "test_classes = [8, 9]");
    EXPECT_EQ(apart->split(DataSplit::kTrain).size(), 8u);
    ASSERT_EQ(apart->split(DataSplit::kTest).size(), 2u);
    EXPECT_EQ(apart->classes()[static_cast<size_t>(apart->split(DataSplit::kTest)[1])].name, "9");
    const auto validated =
        Make("mnist", scratch.path(), "test_classes = [8, 9]\nvalidation_classes = [0]");
    EXPECT_EQ(validated->split(DataSplit::kTrain).size(), 7u);
    const std::vector<int>& validation = validated->split(DataSplit::kValidation);
    ASSERT_EQ(validation.size(), 1u);
    EXPECT_EQ(validated->classes()[static_cast<size_t>(validation[0])].name, "0");
    for (const char* classes : {"[8]", "[]"}) {
      EXPECT_THAT(ErrorOf("mnist", scratch.path(),
                          fmt::format("validation_classes = [8]\ntest_classes = {}", classes)),
                  HasSubstr("class 8 is for validation alone, but for test as well"));
    }
  }
}

TEST(Mnist, DamageIsNamed) {
  const ScratchDirectory scratch;
  WriteMnist(scratch.path(), false);
  const std::string images = scratch.File("train-images-idx3-ubyte"),
                    labels = scratch.File("train-labels-idx1-ubyte");
  const std::string whole = ReadFile(images), whole_labels = ReadFile(labels);
  const auto with = [&](const std::string& path, const std::string& bytes) {
    WriteFileAtomically(path, bytes);
    std::string error = ErrorOf("mnist", scratch.path());
    WriteFileAtomically(images, whole);
    WriteFileAtomically(labels, whole_labels);
    return error;
  };
  EXPECT_THAT(with(images, whole.substr(0, whole.size() - 1)),
              HasSubstr("train-images-idx3-ubyte: not the IDX file that is expected: it says 30 x "
                        "28 x 28 and holds 23519 bytes"));
  EXPECT_THAT(with(images, whole.substr(0, 9)), HasSubstr("less than its header"));
  EXPECT_THAT(with(images, whole_labels), HasSubstr("0x00000801 instead of 0x00000803"));
  // dimensions whose product overflows
  EXPECT_THAT(with(images, Idx(0x803, {0xffffffff, 0xffffffff, 0xffffffff}, "")),
              HasSubstr("4294967295"));
  EXPECT_THAT(with(images, Idx(0x803, {30, 27, 28}, std::string(30 * 27 * 28, 'x'))),
              HasSubstr("27 x 28 pixels"));
  std::string wrong = whole_labels;
  wrong[8 + 4] = 10;
  EXPECT_THAT(with(labels, wrong), HasSubstr("label 10 of picture 4 is none of 0 to 9"));
  EXPECT_THAT(with(labels, Idx(0x801, {29}, std::string(29, '\0'))),
              HasSubstr("29 labels for 30 pictures"));
  EXPECT_THAT(ErrorOf("fashion-mnist", scratch.File("none")), HasSubstr("no Fashion-MNIST in it"));
}

// --- CIFAR ---

// A record for every class, or two.
std::string Records(int classes, int superclasses, int first) {
  std::string bytes;
  for (int c = 0; c < classes; ++c) {
    if (superclasses > 0) bytes += static_cast<char>(c % superclasses);
    bytes += static_cast<char>(c);
    std::string pixels(3072, '\0');
    pixels[0] = static_cast<char>(first);
    pixels[1024] = static_cast<char>(c);
    bytes += pixels;
  }
  return bytes;
}

TEST(Cifar, HundredHasTheSplitsOfBothPapers) {
  const ScratchDirectory scratch;
  std::filesystem::create_directories(scratch.File("cifar-100-binary"));
  WriteFileAtomically(scratch.File("cifar-100-binary/train.bin"), Records(100, 20, 1));
  WriteFileAtomically(scratch.File("cifar-100-binary/test.bin"), Records(100, 20, 2));
  const auto set = Make("cifar-100", scratch.path());
  EXPECT_EQ(set->num_examples(), 200);
  EXPECT_EQ(set->split(DataSplit::kTrain).size(), 64u);
  EXPECT_EQ(set->split(DataSplit::kValidation).size(), 16u);
  EXPECT_EQ(set->split(DataSplit::kTest).size(), 20u);
  const auto name = [&](int c) { return set->classes()[static_cast<size_t>(c)].name; };
  EXPECT_EQ(name(set->split(DataSplit::kTest)[0]), "baby");
  EXPECT_EQ(name(set->split(DataSplit::kTest)[19]), "worm");
  const std::vector<float> first = Example(*set, set->classes()[7].first),
                           second = Example(*set, set->classes()[7].first + 1);
  EXPECT_FLOAT_EQ(first[0], 1 / 255.0f);
  EXPECT_FLOAT_EQ(second[0], 2 / 255.0f);
  EXPECT_FLOAT_EQ(first[1024], 7 / 255.0f);

  const auto fc = Make("cifar-100", scratch.path(), "split = \"fc100\"");
  EXPECT_EQ(fc->split(DataSplit::kTrain).size(), 60u);
  EXPECT_EQ(fc->split(DataSplit::kValidation).size(), 20u);
  std::set<std::string> groups;
  for (const int c : fc->split(DataSplit::kTest)) {
    groups.insert(fc->classes()[static_cast<size_t>(c)].group);
  }
  EXPECT_THAT(groups, ElementsAre("aquatic_mammals", "insects", "medium_mammals", "people"));
}

TEST(Cifar, TenAndDamage) {
  const ScratchDirectory scratch;
  for (int i = 1; i <= 5; ++i) {
    WriteFileAtomically(scratch.File(fmt::format("data_batch_{}.bin", i)), Records(10, 0, i));
  }
  const std::string test = scratch.File("test_batch.bin"), records = Records(10, 0, 6);
  WriteFileAtomically(test, records);
  const auto set = Make("cifar-10", scratch.path());
  EXPECT_EQ(set->SmallestClass(DataSplit::kTest), 6);
  EXPECT_EQ(set->split(DataSplit::kTest).size(), 4u);
  WriteFileAtomically(test, records.substr(0, 3073 * 2 - 1));
  EXPECT_THAT(ErrorOf("cifar-10", scratch.path()),
              HasSubstr("test_batch.bin: 6145 bytes are no whole number of records of 3073 bytes"));
  std::string wrong = records;
  wrong[3073] = 10;
  WriteFileAtomically(test, wrong);
  EXPECT_THAT(ErrorOf("cifar-10", scratch.path()), HasSubstr("label 10 of record 1"));
}

// --- folders, tables, glyphs ---

TEST(Folder, AFolderIsAClass) {
  const ScratchDirectory scratch;
  for (int c = 0; c < 6; ++c) {
    const std::string folder = scratch.File(fmt::format("pictures/class{}", c));
    std::filesystem::create_directories(folder);
    WriteFileAtomically(folder + "/a.png",
                        Png(2, 2, 1, std::vector<unsigned char>(4, static_cast<uint8_t>(10 * c))));
    WriteFileAtomically(folder + "/b.jpg", Jpeg(8, 8, std::vector<unsigned char>(192, 100)));
    WriteFileAtomically(folder + "/notes.txt", "no picture");
  }
  const std::string keys = "path = \"pictures\"\nsize = 2\ntest_classes = 2";
  const auto set = Make("folder", scratch.path(), keys);
  EXPECT_EQ(set->classes().size(), 6u);
  EXPECT_EQ(set->num_examples(), 12);
  EXPECT_EQ(set->split(DataSplit::kTrain).size(), 4u);
  EXPECT_FLOAT_EQ(Example(*set, 2 * 3)[0], 30 / 255.0f);
  EXPECT_FLOAT_EQ(Example(*Make("folder", scratch.path(), keys + "\ninvert = true"), 2 * 3)[0],
                  1 - 30 / 255.0f);
  EXPECT_EQ(Make("folder", scratch.path(), keys + "\ngrey = false")->shape().channels, 3);
  EXPECT_THAT(ErrorOf("folder", scratch.path(), "path = \"pictures\"\ntest_classes = 6"),
              HasSubstr("6 classes, of which 0 are for validation and 6 for test"));
  EXPECT_THAT(ErrorOf("folder", scratch.path(), "path = \"none\""), HasSubstr("none"));
  EXPECT_THAT(ErrorOf("folder", scratch.path()), HasSubstr("Set data.path"));

  // with splits
  for (const char* split : {"train", "val", "test"}) {
    std::filesystem::create_directories(scratch.File("splits"));
    std::filesystem::copy(scratch.File("pictures"), scratch.File(fmt::format("splits/{}", split)),
                          std::filesystem::copy_options::recursive);
  }
  const auto split = Make("folder", scratch.path(), "path = \"splits\"");
  EXPECT_EQ(split->split(DataSplit::kValidation).size(), 6u);
  std::filesystem::create_directories(scratch.File("splits/other"));
  WriteFileAtomically(scratch.File("splits/other/x.png"), Png(1, 1, 1, {0}));
  EXPECT_THAT(ErrorOf("folder", scratch.path(), "path = \"splits\""),
              HasSubstr("'other' is in none of train, validation and test"));
}

TEST(Folder, WhatLiesInOneFolderAndInFoldersOfAClass) {
  const ScratchDirectory scratch;
  const std::string grey = Png(1, 1, 1, {9});
  // as `zip -r data.zip data` packs it
  std::vector<std::pair<std::string, std::string>> members;
  for (const char* split : {"train", "test"}) {
    for (const char* name : {"cat", "dog"}) {
      members.push_back({fmt::format("data/{}/{}/1.png", split, name), grey});
    }
  }
  members.push_back({"data/notes.txt", std::string(1000, 'x')});
  WriteZip(scratch.File("a.zip"), members);
  const auto set = Make("folder", scratch.path(), "path = \"a.zip\"");
  EXPECT_EQ(set->split(DataSplit::kTrain).size(), 2u);
  EXPECT_EQ(set->split(DataSplit::kTest).size(), 2u);
  EXPECT_EQ(set->classes()[0].name, "test/cat");
  // a folder between the pictures of a class does not cut it in two
  WriteZip(scratch.File("b.zip"), {{"dog/1.png", grey},
                                   {"dog/extra/2.png", grey},
                                   {"dog/z.PNG", grey},
                                   {"cat/1.png", grey},
                                   {"cow/1.png", grey}});
  const auto classes = Make("folder", scratch.path(), "path = \"b.zip\"\ntest_classes = 1");
  ASSERT_EQ(classes->classes().size(), 4u);
  EXPECT_EQ(classes->classes()[2].name, "dog");
  EXPECT_EQ(classes->classes()[2].count, 2);
}

TEST(Sets, WhatDoesNotFitIntoMemoryIsRefusedWithFigures) {
  EXPECT_THAT(ErrorOf("glyphs", "", "alphabets = 10000\ncharacters = 10000\nsize = 256"),
              HasSubstr("examples of 1 x 256 x 256 need"));
}

TEST(Table, OfCsv) {
  const ScratchDirectory scratch;
  std::string csv = "x,label,y\r\n";
  for (int c = 0; c < 5; ++c) {
    for (int i = 0; i < 4; ++i) csv += fmt::format("{},\"c, {}\",{}\r\n", i, c, 100 * c + i);
  }
  WriteFileAtomically(scratch.File("t.csv"), csv);
  const auto raw = Make("table", scratch.path(), "path = \"t.csv\"\nstandardize = false");
  EXPECT_EQ(raw->shape().Text(), "vectors of 2");
  EXPECT_EQ(raw->classes()[3].name, "c, 3");
  EXPECT_THAT(Example(*raw, 4 * 3 + 2), ElementsAre(2, 302));
  EXPECT_EQ(raw->split(DataSplit::kTest).size(), 2u);

  // mean 0 and variance 1 over the training classes
  const auto set = Make("table", scratch.path(), "path = \"t.csv\"");
  double sum[2] = {}, squares[2] = {};
  for (const int c : set->split(DataSplit::kTrain)) {
    for (int64_t i = 0; i < 4; ++i) {
      const auto row = Example(*set, set->classes()[static_cast<size_t>(c)].first + i);
      for (size_t k = 0; k < 2; ++k) {
        sum[k] += row[k];
        squares[k] += row[k] * row[k];
      }
    }
  }
  for (size_t k = 0; k < 2; ++k) {
    EXPECT_NEAR(sum[k], 0, 1e-5);
    EXPECT_NEAR(squares[k], 12, 1e-4);
  }
  EXPECT_THAT(ErrorOf("table", scratch.path(), "path = \"t.csv\"\nlabel = \"lable\""),
              HasSubstr("no column 'lable'; did you mean 'label'?"));

  // large numbers that differ by little, and one that single precision does not hold
  std::string times = "label,t\n";
  for (int c = 0; c < 4; ++c) {
    for (int i = 0; i < 2; ++i) times += fmt::format("{},{}\n", c, 1'600'000'000 + 1000 * c + i);
  }
  WriteFileAtomically(scratch.File("t.csv"), times);
  const auto of_times = Make("table", scratch.path(), "path = \"t.csv\"");
  EXPECT_GT(std::abs(Example(*of_times, 0)[0] - Example(*of_times, 7)[0]), 1);
  WriteFileAtomically(scratch.File("t.csv"), times + "0,1e39\n");
  EXPECT_THAT(ErrorOf("table", scratch.path(), "path = \"t.csv\"\nstandardize = false"),
              HasSubstr("too large for single precision"));
}

TEST(Table, WithAColumnOfSplits) {
  const ScratchDirectory scratch;
  WriteFileAtomically(scratch.File("t.csv"),
                      "label,x,part\na,1,train\nb,2,test\na,3,train\nc,4,validation\n");
  const std::string keys = "path = \"t.csv\"\nsplit_column = \"part\"";
  const auto set = Make("table", scratch.path(), keys);
  EXPECT_THAT(set->split(DataSplit::kTrain), ElementsAre(0));
  EXPECT_THAT(set->split(DataSplit::kTest), ElementsAre(1));
  EXPECT_THAT(set->split(DataSplit::kValidation), ElementsAre(2));
  WriteFileAtomically(scratch.File("t.csv"), "label,x,part\na,1,train\na,2,test\n");
  EXPECT_THAT(ErrorOf("table", scratch.path(), keys),
              HasSubstr("class 'a' is in the splits 'train' and 'test'"));
  WriteFileAtomically(scratch.File("t.csv"), "label,x,part\na,1,training\n");
  EXPECT_THAT(ErrorOf("table", scratch.path(), keys),
              HasSubstr("'training' is none of train, validation and test"));
}

TEST(Table, OfSafetensors) {
  const ScratchDirectory scratch;
  TensorFile file;
  const std::vector<float> features = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<int64_t> labels = {7, -1, 7, 3};
  file.Add<float>("features", {4, 2}, features);
  file.Add<int64_t>("labels", {4}, labels);
  SaveTensorFile(file, scratch.File("t.safetensors"));
  const auto set = Make("table", scratch.path(),
                        "path = \"t.safetensors\"\nstandardize = false\ntest_classes = 1");
  EXPECT_EQ(set->classes().size(), 3u);
  EXPECT_EQ(set->classes()[2].name, "7");
  EXPECT_THAT(Example(*set, set->classes()[2].first + 1), ElementsAre(5, 6));
  TensorFile short_one;
  short_one.Add<float>("features", {4, 2}, features);
  short_one.Add<int64_t>("labels", {3}, std::span(labels).first(3));
  SaveTensorFile(short_one, scratch.File("t.safetensors"));
  EXPECT_THAT(ErrorOf("table", scratch.path(), "path = \"t.safetensors\""),
              HasSubstr("3 labels for 4 rows"));
}

// Rows to regress: inputs, then targets, in the order in which they are named.
TEST(Table, WithTargets) {
  const ScratchDirectory scratch;
  std::string csv = "y,user,a,when,b,z\n";
  for (int user = 0; user < 4; ++user) {
    for (int i = 0; i < 3; ++i) {
      csv += fmt::format("{},u{},{},{},{},{}\n", 10 * user + i, user, i,
                         user < 3 ? "train" : "test", 100 + i, 7 * i);
    }
  }
  WriteFileAtomically(scratch.File("t.csv"), csv);
  const std::string keys = "path = \"t.csv\"\nlabel = \"user\"\nsplit_column = \"when\"\n";
  const auto raw = Make("table", scratch.path(), keys + "targets = \"z, y\"\nstandardize = false");
  EXPECT_EQ(raw->targets(), 2);
  EXPECT_THAT(Example(*raw, 3 * 2 + 1), ElementsAre(1, 101, 7, 21));
  EXPECT_NE(raw->Hash(), Make("table", scratch.path(), keys + "standardize = false")->Hash());
  const auto error = [&](const std::string& targets) {
    return ErrorOf("table", scratch.path(), fmt::format("{}targets = \"{}\"", keys, targets));
  };
  EXPECT_THAT(error("yy"), HasSubstr("no column 'yy'"));
  EXPECT_THAT(error("y,y"), HasSubstr("the column 'y' has another use"));
  EXPECT_THAT(error("user"), HasSubstr("the column 'user' has another use"));
  EXPECT_THAT(error("a,b,y,z"), HasSubstr("no rows of numbers beside the targets"));
  EXPECT_EQ(error("y,"), "no error");  // a comma at the end says nothing

  TensorFile file;
  const std::vector<float> features = {1, 2, 3, 4};
  const std::vector<double> y = {5, 6, 7, 8, 9, 10, 11, 12};
  const std::vector<int64_t> labels = {0, 1, 0, 1};
  file.Add<float>("features", {4, 1}, features);
  file.Add<double>("y", {4, 2}, y);
  file.Add<int64_t>("labels", {4}, labels);
  SaveTensorFile(file, scratch.File("t.safetensors"));
  // halves, as embeddings often are: 1, -0.5, the smallest, 65504; and bfloat16
  TensorFile halves;
  const std::vector<uint16_t> bits = {0x3c00, 0xb800, 0x0001, 0x7bff}, brain = {0x3f80, 0xbf00};
  halves.Add("features", DType::kF16, {2, 2}, bits.data());
  halves.Add("y", DType::kBF16, {2, 1}, brain.data());
  halves.Add<int64_t>("labels", {2}, std::vector<int64_t>{0, 1});
  SaveTensorFile(halves, scratch.File("halves.safetensors"));
  const auto of_halves = Make("table", scratch.path(),
                              "path = \"halves.safetensors\"\nstandardize = false\n"
                              "test_classes = 1\ntargets = \"y\"");
  EXPECT_THAT(Example(*of_halves, 0), ElementsAre(1, -0.5, 1));
  EXPECT_THAT(Example(*of_halves, 1), ElementsAre(std::ldexp(1.0f, -24), 65504, -0.5));

  const std::string tensors = "path = \"t.safetensors\"\nstandardize = false\ntest_classes = 1\n";
  const auto set = Make("table", scratch.path(), tensors + "targets = \"y\"");
  EXPECT_EQ(set->targets(), 2);
  EXPECT_THAT(Example(*set, 1), ElementsAre(3, 9, 10));
  EXPECT_THAT(ErrorOf("table", scratch.path(), tensors + "targets = \"labels\""),
              HasSubstr("1 dimensions instead of 2"));
  EXPECT_THAT(ErrorOf("table", scratch.path(), tensors + "targets = \"x\""), HasSubstr("'x'"));
}

TEST(Table, AClassForEveryRowTakesNoLonger) {
  const ScratchDirectory scratch;
  constexpr int kRows = 400'000;
  std::string csv = "label,x\n";
  for (int i = 0; i < kRows; ++i) csv += fmt::format("{},1\n", i);
  WriteFileAtomically(scratch.File("t.csv"), csv);
  const auto seconds_of = [](const auto& function) {
    const std::clock_t begin = std::clock();
    function();
    return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  };
  // 8 times as long as parsing it; with a search for each class 450 times
  const double parsing = seconds_of([&] { ReadCsvTable(scratch.File("t.csv")); });
  const double all = seconds_of(
      [&] { EXPECT_EQ(Make("table", scratch.path(), "path = \"t.csv\"")->num_examples(), kRows); });
  EXPECT_LT(all, 60 * parsing);
}

std::string CsvError(const std::string& text) {
  try {
    const CsvTable table = ParseCsvTable(text, "t.csv");
    for (size_t row = 0; row < table.rows.size(); ++row) table.Number(row, 0);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(CsvTable, QuotesAndMistakes) {
  const CsvTable table = ParseCsvTable(
      "\xef\xbb\xbf"
      "a,\"b \"\"c\"\"\"\n1,\"two\nlines, one field\"\n\n 2.5 ,\n",
      "t.csv");
  EXPECT_THAT(table.columns, ElementsAre("a", "b \"c\""));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows[0][1], "two\nlines, one field");
  EXPECT_EQ(table.Number(1, 0), 2.5);
  EXPECT_EQ(table.lines[1], 5);
  EXPECT_THAT(CsvError("a,b\n1\n"), HasSubstr("t.csv:2: 1 fields, and the header has 2"));
  EXPECT_THAT(CsvError("a,b\n1,2,3\n"), HasSubstr("t.csv:2: more than 2 fields"));
  EXPECT_THAT(CsvError("a,a\n"), HasSubstr("two columns are called 'a'"));
  EXPECT_THAT(CsvError("a\nx\n"), HasSubstr("t.csv:2: 'a': 'x' is not a finite number"));
  for (const char* number : {"inf", "nan", "1e999", "", "1 2", "0x10"}) {
    EXPECT_NE(CsvError(fmt::format("a,b\n{},1\n", number)), "no error") << number;
  }
  EXPECT_THAT(CsvError("a\n\"x"), HasSubstr("t.csv:2: a quote that is not closed"));
  EXPECT_THAT(CsvError("a\n\"x\"y\n"), HasSubstr("text behind a quoted field"));
  EXPECT_THAT(CsvError(""), HasSubstr("no header"));
}

TEST(Glyphs, AreTheSameEveryTimeAndDifferFromEachOther) {
  const std::string keys = "alphabets = 5\ncharacters = 4\ndrawings = 3";
  const auto set = Make("glyphs", "", keys), again = Make("glyphs", "", keys),
             other = Make("glyphs", "", keys + "\nseed = 1");
  EXPECT_EQ(set->num_examples(), 60);
  EXPECT_EQ(set->split(DataSplit::kTrain).size(), 12u);
  EXPECT_EQ(set->split(DataSplit::kTest).size(), 4u);
  std::set<std::vector<float>> different;
  for (int64_t i = 0; i < 60; ++i) {
    EXPECT_EQ(Example(*set, i), Example(*again, i));
    EXPECT_NE(Example(*set, i), Example(*other, i));
    const std::vector<float> picture = Example(*set, i);
    different.insert(picture);
    const double ink = std::accumulate(picture.begin(), picture.end(), 0.0) / 784;
    EXPECT_GT(ink, 0.01);
    EXPECT_LT(ink, 0.4);
  }
  EXPECT_EQ(different.size(), 60u);
}

// --- the real ones ---

std::string RealData(const std::string& what) {
  const std::string directory = DataDirectory("");
  return !directory.empty() && std::filesystem::exists(directory + "/" + what) ? directory : "";
}

TEST(RealData, OmniglotHasItsPublishedSizes) {
  const std::string directory = RealData("omniglot");
  if (directory.empty()) GTEST_SKIP() << "$FEWSTEP_DATA_DIR has no omniglot";
  const auto set = Make("omniglot", directory);
  EXPECT_EQ(set->classes().size(), 1623u);
  EXPECT_EQ(set->num_examples(), 32'460);
  const std::map<std::string, std::vector<size_t>> sizes = {{"vinyals", {1028, 172, 423}},
                                                            {"shuffled", {1100, 100, 423}},
                                                            {"shuffled-1200", {1200, 0, 423}},
                                                            {"alphabet", {964, 0, 659}}};
  for (const auto& [split, counts] : sizes) {
    const auto of = Make("omniglot", directory, fmt::format("split = \"{}\"", split));
    std::set<int> classes;
    for (size_t i = 0; i < 3; ++i) {
      const std::vector<int>& part = of->split(static_cast<DataSplit>(i));
      EXPECT_EQ(part.size(), counts[i]) << split;
      classes.insert(part.begin(), part.end());
    }
    EXPECT_EQ(classes.size(), counts[0] + counts[1] + counts[2]) << split;
  }
  // ink is little and is there
  double ink = 0;
  for (int64_t i = 0; i < set->num_examples(); ++i) {
    const std::vector<float> picture = Example(*set, i);
    const double sum = std::accumulate(picture.begin(), picture.end(), 0.0);
    EXPECT_GT(sum, 0) << i;
    ink += sum;
  }
  EXPECT_NEAR(ink / (784.0 * static_cast<double>(set->num_examples())), 0.08, 0.03);
}

TEST(RealData, MnistHasItsPublishedSizes) {
  const std::string directory = RealData("mnist");
  if (directory.empty()) GTEST_SKIP() << "$FEWSTEP_DATA_DIR has no mnist";
  const auto set = Make("mnist", directory);
  EXPECT_EQ(set->num_examples(), 70'000);
  // the published counts of each digit
  const std::vector<int64_t> train = {5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949},
                             test = {980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009};
  for (size_t c = 0; c < 10; ++c) {
    EXPECT_EQ(set->classes()[c].count, train[c]);
    EXPECT_EQ(set->classes()[10 + c].count, test[c]);
  }
  // the mean pixel of the training pictures: .1307
  double sum = 0;
  for (int64_t i = 0; i < 60'000; ++i) {
    const std::vector<float> picture = Example(*set, i);
    sum += std::accumulate(picture.begin(), picture.end(), 0.0);
  }
  EXPECT_NEAR(sum / (60'000.0 * 784), 0.1307, 1e-4);
}

}  // namespace
}  // namespace fewstep
