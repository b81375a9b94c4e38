#include "data/episodes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace fewstep {
namespace {

using testing::Contains;
using testing::HasSubstr;

// Classes with so many examples each, of 2 x 2 pictures that hold the number of the example. Groups
// of four classes.
ExampleSet SetOf(const std::vector<int>& counts) {
  ExampleSet set({.channels = 1, .height = 2, .width = 2}, 1, 0);
  std::vector<int> all;
  uint8_t number = 0;
  for (size_t c = 0; c < counts.size(); ++c) {
    all.push_back(static_cast<int>(c));
    set.BeginClass("class", "group" + std::to_string(c / 4));
    for (int i = 0; i < counts[c]; ++i, ++number) {
      set.AddPicture(std::vector<uint8_t>{number, 0, 0, 0});
    }
  }
  set.SetSplit(DataSplit::kTest, all, "test");
  return set;
}

EpisodeOptions Options(int64_t ways, int64_t shots, int64_t queries) {
  EpisodeOptions options;
  options.ways = ways;
  options.shots = shots;
  options.queries = queries;
  return options;
}

int ClassOf(const ExampleSet& set, int64_t example) {
  for (size_t c = 0; c < set.classes().size(); ++c) {
    const ExampleClass& of = set.classes()[c];
    if (example >= of.first && example < of.first + of.count) return static_cast<int>(c);
  }
  return -1;
}

TEST(ExampleSet, TurnsPicturesAgainstTheClock) {
  ExampleSet set({.channels = 2, .height = 2, .width = 2}, 0.5, 1);
  set.BeginClass("c");
  set.AddPicture(std::vector<uint8_t>{0, 2, 4, 6, 8, 10, 12, 14});
  std::vector<float> out(8);
  const auto turned = [&](int turns) {
    set.Copy(0, turns, out.data());
    return out;
  };
  //  1 2    2 4    4 3    3 1
  //  3 4    1 3    2 1    4 2
  EXPECT_THAT(turned(0), testing::ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(turned(1), testing::ElementsAre(2, 4, 1, 3, 6, 8, 5, 7));
  EXPECT_THAT(turned(2), testing::ElementsAre(4, 3, 2, 1, 8, 7, 6, 5));
  EXPECT_THAT(turned(3), testing::ElementsAre(3, 1, 4, 2, 7, 5, 8, 6));
}

TEST(Episodes, HaveWaysShotsAndQueriesOfDifferentExamples) {
  const ExampleSet set = SetOf(std::vector<int>(10, 6));
  const EpisodeSampler sampler(set, DataSplit::kTest, Rotations::kNone, Options(4, 2, 3));
  for (uint64_t index = 0; index < 200; ++index) {
    const Episode episode = sampler.Draw(1, index);
    EXPECT_EQ(episode.ways, 4);
    EXPECT_EQ(episode.support.size(), 8u);
    EXPECT_EQ(episode.query.size(), 12u);
    EXPECT_EQ(std::set<int>(episode.classes.begin(), episode.classes.end()).size(), 4u);
    std::set<int64_t> examples;
    std::vector<int> support(4), query(4);
    for (const auto* part : {&episode.support, &episode.query}) {
      for (const EpisodeExample& example : *part) {
        EXPECT_TRUE(examples.insert(example.example).second);
        EXPECT_EQ(ClassOf(set, example.example),
                  episode.classes[static_cast<size_t>(example.label)]);
        ++(part == &episode.support ? support : query)[static_cast<size_t>(example.label)];
      }
    }
    EXPECT_EQ(support, std::vector<int>(4, 2));
    EXPECT_EQ(query, std::vector<int>(4, 3));
  }
}

TEST(Episodes, AreFunctionsOfSeedSplitAndIndex) {
  const ExampleSet set = SetOf(std::vector<int>(10, 6));
  ExampleSet of_training = set;
  of_training.SetSplit(DataSplit::kTest, {}, "x");
  of_training.SetSplit(DataSplit::kTrain, set.split(DataSplit::kTest), "x");
  const EpisodeSampler test(set, DataSplit::kTest, Rotations::kClasses, Options(4, 2, 3));
  const EpisodeSampler train(of_training, DataSplit::kTrain, Rotations::kClasses, Options(4, 2, 3));
  std::vector<Episode> forwards(50), backwards(50);
  std::thread one([&] {
    for (uint64_t i = 0; i < 50; ++i) forwards[i] = test.Draw(7, i);
  });
  std::thread other([&] {
    for (uint64_t i = 50; i-- > 0;) backwards[i] = test.Draw(7, i);
  });
  one.join();
  other.join();
  int same_of_other_seed = 0, same_of_other_split = 0;
  for (uint64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(forwards[i], backwards[i]);
    same_of_other_seed += forwards[i] == test.Draw(8, i);
    same_of_other_split += forwards[i] == train.Draw(7, i);
  }
  EXPECT_EQ(same_of_other_seed, 0);
  EXPECT_EQ(same_of_other_split, 0);
}

// What is judged on stands as it was drawn.
TEST(Episodes, AreTurnedByChanceInTrainingAlone) {
  const ExampleSet set = SetOf(std::vector<int>(10, 6));
  const EpisodeSampler turned(set, DataSplit::kTest, Rotations::kAugment, Options(4, 2, 3));
  const EpisodeSampler plain(set, DataSplit::kTest, Rotations::kNone, Options(4, 2, 3));
  for (uint64_t i = 0; i < 20; ++i) EXPECT_EQ(turned.Draw(7, i), plain.Draw(7, i));
}

// Chi-squared against equal frequencies; .999 quantile by Wilson and Hilferty.
void ExpectUniform(const std::vector<int>& counts) {
  const double sum = std::accumulate(counts.begin(), counts.end(), 0.0);
  const double expected = sum / static_cast<double>(counts.size());
  double chi = 0;
  for (const int count : counts) chi += (count - expected) * (count - expected) / expected;
  const double k = static_cast<double>(counts.size()) - 1;
  EXPECT_LT(chi, k * std::pow(1 - 2 / (9 * k) + 3.09 * std::sqrt(2 / (9 * k)), 3));
}

TEST(Episodes, AllClassesLabelsExamplesTurnsAndPlacesAreEquallyLikely) {
  ExampleSet set = SetOf(std::vector<int>(8, 5));
  const std::vector<int> all = set.split(DataSplit::kTest);
  set.SetSplit(DataSplit::kTest, {}, "x");
  set.SetSplit(DataSplit::kTrain, all, "x");
  const EpisodeSampler sampler(set, DataSplit::kTrain, Rotations::kAugment, Options(3, 1, 2));
  std::vector<int> classes(8), label_of_first(3), examples(40), queried(40), turns(4),
      class_of_label_0(8), first_query_label(3);
  for (uint64_t index = 0; index < 20'000; ++index) {
    const Episode episode = sampler.Draw(3, index);
    for (const int c : episode.classes) ++classes[static_cast<size_t>(c)];
    ++class_of_label_0[static_cast<size_t>(episode.classes[0])];
    ++label_of_first[static_cast<size_t>(episode.support[0].label)];
    ++first_query_label[static_cast<size_t>(episode.query[0].label)];
    // one of each episode, so that counts are independent
    ++examples[static_cast<size_t>(episode.support[0].example)];
    ++queried[static_cast<size_t>(episode.query[0].example)];
    ++turns[static_cast<size_t>(episode.support[0].turns)];
  }
  for (const auto& counts :
       {classes, label_of_first, examples, queried, turns, class_of_label_0, first_query_label}) {
    ExpectUniform(counts);
  }
}

TEST(Episodes, RotatedClassesAreClassesOfTheirOwn) {
  const ExampleSet set = SetOf(std::vector<int>(3, 4));
  const EpisodeSampler sampler(set, DataSplit::kTest, Rotations::kClasses, Options(10, 1, 1));
  bool met = false;
  for (uint64_t index = 0; index < 20; ++index) {
    const Episode episode = sampler.Draw(1, index);
    std::set<std::pair<int, int>> kinds;
    for (const EpisodeExample& example : episode.support) {
      kinds.insert({ClassOf(set, example.example), example.turns});
    }
    EXPECT_EQ(kinds.size(), 10u);
    // a query is turned as its class is
    for (const EpisodeExample& query : episode.query) {
      for (const EpisodeExample& example : episode.support) {
        if (example.label == query.label) {
          EXPECT_EQ(example.turns, query.turns);
        }
      }
    }
    met = met || std::set<int>(episode.classes.begin(), episode.classes.end()).size() < 10;
  }
  EXPECT_TRUE(met);
}

TEST(Episodes, WithinAGroupAllClassesAreOfIt) {
  const ExampleSet set = SetOf(std::vector<int>(10, 4));  // groups of 4, 4 and 2 classes
  EpisodeOptions options = Options(3, 1, 1);
  options.within_group = true;
  const EpisodeSampler sampler(set, DataSplit::kTest, Rotations::kNone, options);
  std::vector<int> groups(2);
  for (uint64_t index = 0; index < 2000; ++index) {
    const Episode episode = sampler.Draw(1, index);
    const int group = episode.classes[0] / 4;
    for (const int c : episode.classes) EXPECT_EQ(c / 4, group);
    ++groups.at(static_cast<size_t>(group));
  }
  ExpectUniform(groups);
}

TEST(Episodes, ImbalancedOnesHaveAsManyShotsInTheMean) {
  const ExampleSet set = SetOf(std::vector<int>(6, 9));
  EpisodeOptions options = Options(3, 3, 2);
  options.size = EpisodeSize::kImbalanced;
  const EpisodeSampler sampler(set, DataSplit::kTest, Rotations::kNone, options);
  std::vector<int> shots(5);
  for (uint64_t index = 0; index < 5000; ++index) {
    const Episode episode = sampler.Draw(1, index);
    int of_label_0 = 0;
    for (const EpisodeExample& example : episode.support) of_label_0 += example.label == 0;
    ++shots.at(static_cast<size_t>(of_label_0 - 1));
    EXPECT_EQ(episode.query.size(), 6u);
  }
  ExpectUniform(shots);
}

// Meta-Dataset's rule (Triantafillou et al. 2020): ways uniform on 5 .. min(50, classes); queries
// min(10, half of the smallest class); at least one shot of each class, at most 500 in all, and
// what is left of a class after its queries.
TEST(Episodes, VariableOnesFollowMetaDataset) {
  std::vector<int> counts;
  for (int c = 0; c < 12; ++c) counts.push_back(4 + 3 * c);
  const ExampleSet set = SetOf(counts);
  EpisodeOptions options;
  options.size = EpisodeSize::kVariable;
  const EpisodeSampler sampler(set, DataSplit::kTest, Rotations::kNone, options);
  std::vector<int> ways(8);
  double largest_shots = 0, smallest_shots = 0;
  for (uint64_t index = 0; index < 4000; ++index) {
    const Episode episode = sampler.Draw(1, index);
    ++ways.at(static_cast<size_t>(episode.ways - 5));
    std::map<int, int> shots, queries;
    for (const EpisodeExample& example : episode.support) ++shots[example.label];
    for (const EpisodeExample& example : episode.query) ++queries[example.label];
    int smallest = 1000;
    for (const int c : episode.classes)
      smallest = std::min(smallest, counts[static_cast<size_t>(c)]);
    for (int label = 0; label < episode.ways; ++label) {
      const int of_class = counts[static_cast<size_t>(episode.classes[static_cast<size_t>(label)])];
      EXPECT_EQ(queries[label], std::min(10, smallest / 2));
      EXPECT_GE(shots[label], 1);
      EXPECT_LE(shots[label], of_class - queries[label]);
      if (of_class == 37) largest_shots += shots[label];
      if (of_class == 4) smallest_shots += shots[label];
    }
  }
  ExpectUniform(ways);
  EXPECT_GT(largest_shots, 4 * smallest_shots);
}

// The caps of the rule: 50 ways, 500 examples of support, 10 queries of each class.
TEST(Episodes, VariableOnesReachTheirCapsAndNeverExceedThem) {
  ExampleSet set({.picture = false, .width = 1}, 1, 0);
  std::vector<int> all;
  for (int c = 0; c < 70; ++c) {
    all.push_back(c);
    set.BeginClass("class");
    for (int i = 0; i < 150; ++i) set.AddVector(std::vector<float>{0});
  }
  set.SetSplit(DataSplit::kTest, all, "test");
  EpisodeOptions options;
  options.size = EpisodeSize::kVariable;
  const EpisodeSampler sampler(set, DataSplit::kTest, Rotations::kNone, options);
  size_t support = 0, of_class = 0;
  int ways = 0;
  double small = 0;
  for (uint64_t index = 0; index < 600; ++index) {
    const Episode episode = sampler.Draw(1, index);
    support = std::max(support, episode.support.size());
    ways = std::max(ways, episode.ways);
    EXPECT_EQ(episode.query.size(), 10u * static_cast<size_t>(episode.ways));
    std::vector<size_t> shots(static_cast<size_t>(episode.ways));
    for (const EpisodeExample& example : episode.support) {
      ++shots[static_cast<size_t>(example.label)];
    }
    of_class = std::max(of_class, *std::ranges::max_element(shots));
    // without the caps, 100 beta of each of so many classes: below the cap of 500 the share of
    // episodes with less than half of it is that of beta < 2.5 / ways
    small += episode.support.size() < 250 ? 1 : 0;
  }
  EXPECT_EQ(ways, 50);
  EXPECT_LE(support, 500u);
  EXPECT_GE(support, 470u);  // rounding down takes less than one of each class
  EXPECT_LE(of_class, 140u);
  EXPECT_GT(of_class, 100u);
  double expected = 0;
  for (int w = 5; w <= 50; ++w) expected += 2.5 / w / 46;
  EXPECT_NEAR(small / 600, expected, 0.05);
}

std::string Refusal(const ExampleSet& set, const EpisodeOptions& options,
                    Rotations rotations = Rotations::kNone, DataSplit split = DataSplit::kTest) {
  try {
    const EpisodeSampler sampler(set, split, rotations, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "none";
}

TEST(Episodes, ImpossibleOnesAreRefusedWithTheNumbers) {
  const ExampleSet set = SetOf({6, 5, 6, 6, 6, 6});
  EXPECT_EQ(Refusal(set, Options(6, 2, 3)), "none");
  EXPECT_THAT(Refusal(set, Options(7, 1, 1)), HasSubstr("7 ways, but test has 6 classes"));
  EXPECT_EQ(Refusal(set, Options(24, 1, 1), Rotations::kClasses), "none");
  EXPECT_THAT(Refusal(set, Options(2, 3, 3)),
              HasSubstr("3 shots and 3 queries are 6 examples of a class, but the smallest class "
                        "of test has 5"));
  EXPECT_THAT(Refusal(set, Options(2, 1, 1), Rotations::kNone, DataSplit::kValidation),
              HasSubstr("validation has 0 classes"));
  EpisodeOptions options = Options(5, 1, 1);
  options.within_group = true;
  EXPECT_THAT(Refusal(set, options), HasSubstr("test has 4 classes in its largest group"));
  options = Options(2, 2, 3);
  options.size = EpisodeSize::kImbalanced;
  EXPECT_THAT(Refusal(set, options), HasSubstr("3 shots and 3 queries"));
  ExampleSet vectors({.picture = false, .width = 3}, 1, 0);
  EXPECT_THAT(Refusal(vectors, Options(2, 1, 1), Rotations::kClasses),
              HasSubstr("vectors of 3 cannot be turned"));
}

}  // namespace
}  // namespace fewstep
