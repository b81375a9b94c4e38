// Omniglot: Lake, Salakhutdinov and Tenenbaum, "Human-level concept learning through probabilistic
// program induction", Science 2015. 1,623 characters of 50 alphabets, 20 drawings of each, in the
// layout of the official archives: SET/ALPHABET/characterNN/xxxx_yy.png, 105 x 105, ink = 0.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "data/formats/file_tree.h"
#include "data/sets/sets.h"

namespace fewstep {
namespace {

enum class OmniglotSplit {
  kVinyals,   // Vinyals et al. 2016, as listed by Prototypical Networks: 1028, 172, 423
  kShuffled,  // 1100, 100, 423 of all characters in an order of chance, as MAML's code
  kTwo,       // 1200 and 423 of the same
  kAlphabet,  // the two archives, which have no alphabet in common: 964 and 659
};
constexpr ChoiceName<OmniglotSplit> kSplits[] = {{"vinyals", OmniglotSplit::kVinyals},
                                                 {"shuffled", OmniglotSplit::kShuffled},
                                                 {"shuffled-1200", OmniglotSplit::kTwo},
                                                 {"alphabet", OmniglotSplit::kAlphabet}};

struct OmniglotOptions final : PictureOptions {
  OmniglotOptions() { size = 28; }
  OmniglotSplit split = OmniglotSplit::kVinyals;
  void Visit(FieldVisitor& v) override {
    PictureOptions::Visit(v);
    v.Choice(
        "split", split, kSplits,
        {.help = "Which characters are for training, validation and test. vinyals: 1028, 172, "
                 "423, from the lists in omniglot/splits/vinyals; shuffled: 1100, 100, 423 in "
                 "an order of chance that is always the same, as MAML's code has one; "
                 "shuffled-1200: 1200 and 423 of it; alphabet: the two archives, 964 and 659."});
  }
};

constexpr const char* kBackground = "images_background";
constexpr const char* kEvaluation = "images_evaluation";
constexpr uint64_t kMostBytes = uint64_t{1} << 22;  // of a picture
constexpr size_t kDrawings = 20;

// "Korean/character12" of every line "Korean/character12/rot090", each once.
std::vector<std::string> ReadList(const std::string& path) {
  std::vector<std::string> names;
  std::set<std::string> known;
  std::istringstream lines(ReadFile(path, uint64_t{1} << 24));
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> parts = PathParts(line);
    if (parts.empty()) continue;
    if (parts.size() < 2) {
      throw Error(ErrorKind::kData, fmt::format("'{}' is not alphabet/character", line),
                  {.file = path});
    }
    std::string name = parts[0] + "/" + parts[1];
    if (known.insert(name).second) names.push_back(std::move(name));
  }
  return names;
}

void AddArchive(const std::string& path, ExampleSet& set, const OmniglotOptions& options) {
  const FileTree tree(path);
  CheckMemory(static_cast<double>(tree.files().size()), set.shape(), "data.size");
  std::string current;
  for (const FileTree::File& file : tree.files()) {
    // .../alphabet/character/drawing.png, whatever it lies in
    const std::vector<std::string> parts = PathParts(file.path);
    if (!file.path.ends_with(".png") || parts.size() < 3 || parts[0] == "__MACOSX") continue;
    const std::string& alphabet = parts[parts.size() - 3];
    const std::string name = alphabet + "/" + parts[parts.size() - 2];
    if (name != current) {
      set.BeginClass(name, alphabet);
      current = name;
    }
    const Image image = DecodeImage(tree.Read(file, kMostBytes), 1, tree.NameOf(file));
    const auto side = static_cast<int>(options.size);
    set.AddPicture(Resized(image, side, side, options.resize).pixels);
  }
}

std::unique_ptr<ExampleSet> ReadOmniglot(const OmniglotOptions& options,
                                         const std::string& directory) {
  const auto side = static_cast<int>(options.size);
  // ink is 1
  auto set = std::make_unique<ExampleSet>(
      ExampleShape{.channels = 1, .height = side, .width = side}, -1.0 / 255, 1);
  int of_background = 0;
  std::string folder;
  for (const char* part : {kBackground, kEvaluation}) {
    const std::string zip = fmt::format("{}.zip", part);
    const std::string path = FindData(
        "Omniglot", directory, {"omniglot/" + zip, fmt::format("omniglot/{}", part), zip, part});
    folder = path.substr(0, path.rfind('/'));
    AddArchive(path, *set, options);
    if (part == kBackground) of_background = static_cast<int>(set->classes().size());
  }

  // what the splits count on
  const auto classes = static_cast<int>(set->classes().size());
  std::map<std::string, int> by_name;
  for (int i = 0; i < classes; ++i) {
    const ExampleClass& of = set->classes()[static_cast<size_t>(i)];
    if (!by_name.emplace(of.name, i).second) {
      throw Error(ErrorKind::kData, fmt::format("'{}' is in both archives", of.name),
                  {.file = folder});
    }
    if (of.count != kDrawings) {
      throw Error(ErrorKind::kData,
                  fmt::format("'{}' has {} drawings instead of {}", of.name, of.count, kDrawings),
                  {.file = folder, .remedy = "Get the archives from where they were published"});
    }
  }
  const auto need = [&](int count) {
    if (classes >= count) return;
    throw Error(ErrorKind::kData,
                fmt::format("{} characters, and the split has {}", classes, count),
                {.file = folder, .remedy = "Set split = \"alphabet\", which takes what there is"});
  };
  switch (options.split) {
    case OmniglotSplit::kVinyals: {
      ClassSplit split;
      for (const auto& [list, to] :
           {std::pair{"train", &split.train}, {"val", &split.validation}, {"test", &split.test}}) {
        const std::string path = FindData("lists of Vinyals' split", folder,
                                          {fmt::format("splits/vinyals/{}.txt", list)});
        for (const std::string& name : ReadList(path)) {
          const auto found = by_name.find(name);
          if (found == by_name.end()) {
            throw Error(ErrorKind::kData, fmt::format("'{}' is not in the archives", name),
                        {.file = path});
          }
          to->push_back(found->second);
        }
      }
      constexpr int kCharacters = 1623;
      const std::array<size_t, 3> found = {split.train.size(), split.validation.size(),
                                           split.test.size()};
      if (classes == kCharacters && found != std::array<size_t, 3>{1028, 172, 423}) {
        throw Error(
            ErrorKind::kData,
            fmt::format("{} characters instead of 1028, 172 and 423", fmt::join(found, ", ")),
            {.file = folder + "/splits/vinyals",
             .remedy = "Get the lists from where they were published"});
      }
      SetSplits(*set, std::move(split), folder);
      break;
    }
    case OmniglotSplit::kShuffled:
      need(1623);
      SetSplits(*set, ShuffledSplit(classes, 1100, 100, 423), folder);
      break;
    case OmniglotSplit::kTwo:
      need(1623);
      SetSplits(*set, ShuffledSplit(classes, 1200, 0, 423), folder);
      break;
    case OmniglotSplit::kAlphabet: {
      ClassSplit split;
      for (int i = 0; i < classes; ++i) (i < of_background ? split.train : split.test).push_back(i);
      SetSplits(*set, std::move(split), folder);
      break;
    }
  }
  return set;
}

}  // namespace

void AddOmniglot(DataCatalog& catalog) {
  catalog.Add("omniglot",
              DataEntryOf<OmniglotOptions>(
                  "Hand-written characters of 50 alphabets, 1,623 of them, 20 drawings of each.",
                  "Lake et al., Science 2015; brendenlake/omniglot",
                  "omniglot/images_background.zip and images_evaluation.zip, packed or unpacked; "
                  "omniglot/splits/vinyals/{train,val,test}.txt for split = \"vinyals\"",
                  ReadOmniglot));
}

}  // namespace fewstep
