// Episodes of few-shot classification: N ways, K shots to learn from (support), Q queries to be
// judged on. An episode is a function of (seed, split, index), the same in any order and on any
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/config.h"
#include "core/rng.h"
#include "data/example_set.h"

namespace fewstep {

// What quarter turns of pictures are: nothing; classes of their own, four of every class; or in
// training a turn for each class that is drawn anew with every episode.
enum class Rotations { kNone, kClasses, kAugment };
inline constexpr ChoiceName<Rotations> kRotationsNames[] = {
    {"none", Rotations::kNone}, {"classes", Rotations::kClasses}, {"augment", Rotations::kAugment}};

// How many ways and shots an episode has.
enum class EpisodeSize {
  kFixed,       // ways x shots, and as many queries of each class
  kImbalanced,  // ways, and 1 to 2 shots - 1 of each class, each by itself
  kVariable,    // Meta-Dataset's: ways from 5 up, as many shots as the classes give
};
inline constexpr ChoiceName<EpisodeSize> kEpisodeSizeNames[] = {
    {"fixed", EpisodeSize::kFixed},
    {"imbalanced", EpisodeSize::kImbalanced},
    {"variable", EpisodeSize::kVariable}};

struct EpisodeOptions : Options {
  EpisodeSize size = EpisodeSize::kFixed;
  int64_t ways = 5, shots = 1, queries = 15;
  // Whether all classes of an episode are of one group: an alphabet.
  bool within_group = false;
  void Visit(FieldVisitor& visitor) override;
};

struct EpisodeExample {
  int64_t example = 0;  // of the set
  int turns = 0;        // quarters
  int label = 0;        // 0 to ways - 1

  bool operator==(const EpisodeExample&) const = default;
};
struct Episode {
  int ways = 0;
  std::vector<EpisodeExample> support, query;  // each in an order of chance
  std::vector<int> classes;                    // [ways], of the set, by label
  std::vector<int> of_split;                   // [ways], less than ClassesOf: turned ones apart

  bool operator==(const Episode&) const = default;
};

// Classes of a split, turned ones counted where they are classes of their own.
int64_t ClassesOf(const ExampleSet& set, DataSplit split, Rotations rotations);

// Draws episodes from a set that outlives it. Immutable: any number of threads.
class EpisodeSampler {
 public:
  // Throws Error(kUsage) with the numbers when a split cannot give such episodes.
  EpisodeSampler(const ExampleSet& set, DataSplit split, Rotations rotations,
                 const EpisodeOptions& options);

  Episode Draw(uint64_t seed, uint64_t index) const;

 private:
  struct VirtualClass {
    int of = 0;        // the class
    int turns = 0;     // quarters
    int of_split = 0;  // its number among those of the split
  };

  // How many examples of each class the support has, for classes with `counts` examples.
  std::vector<int64_t> Shots(const std::vector<int64_t>& counts, int64_t queries, Rng& rng) const;

  const ExampleSet& set_;
  DataSplit split_;
  Rotations rotations_;
  EpisodeOptions options_;
  // What can be together in an episode: all, or each group with enough classes.
  std::vector<std::vector<VirtualClass>> pools_;
};

}  // namespace fewstep
