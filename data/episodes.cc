#include "data/episodes.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>

#include <fmt/format.h>

#include "core/error.h"

namespace fewstep {

void EpisodeOptions::Visit(FieldVisitor& v) {
  constexpr double kMany = 1e6;
  v.Choice("size", size, kEpisodeSizeNames,
           {.help = "fixed: ways and shots as below; imbalanced: of each class 1 to 2 shots - 1 "
                    "examples; variable: ways and shots of chance, by Meta-Dataset's rule."});
  v.Field("ways", ways,
          {.help = "Classes of an episode.", .unit = "classes", .min = 2, .max = kMany});
  v.Field("shots", shots,
          {.help = "Examples of each class to learn from.",
           .unit = "examples",
           .min = 1,
           .max = kMany});
  v.Field("queries", queries,
          {.help = "Examples of each class to be judged on.",
           .unit = "examples",
           .min = 1,
           .max = kMany});
  v.Field("within_group", within_group,
          {.help = "Whether all classes of an episode are of one group, e.g. an alphabet."});
}

namespace {

// Classes that a class gives.
int TurnsOf(Rotations rotations) { return rotations == Rotations::kClasses ? 4 : 1; }

// The sampler of Meta-Dataset (Triantafillou et al., ICLR 2020, section 3.2 and appendix).
constexpr int64_t kFewestWays = 5, kMostWays = 50, kMostSupport = 500, kMostOfClass = 100,
                  kMostQueries = 10;

// `count` different numbers below `size`, in an order of chance.
std::vector<int64_t> Choose(int64_t size, int64_t count, Rng& rng) {
  // Floyd's method: as many draws as numbers, whatever the size
  std::vector<int64_t> chosen;
  for (int64_t i = size - count; i < size; ++i) {
    const auto drawn = static_cast<int64_t>(rng.Below(static_cast<uint64_t>(i) + 1));
    const bool taken = std::ranges::find(chosen, drawn) != chosen.end();
    chosen.push_back(taken ? i : drawn);
  }
  for (size_t i = chosen.size(); i > 1; --i) std::swap(chosen[i - 1], chosen[rng.Below(i)]);
  return chosen;
}

void Shuffle(std::vector<EpisodeExample>& examples, Rng& rng) {
  for (size_t i = examples.size(); i > 1; --i) std::swap(examples[i - 1], examples[rng.Below(i)]);
}

}  // namespace

int64_t ClassesOf(const ExampleSet& set, DataSplit split, Rotations rotations) {
  return static_cast<int64_t>(set.split(split).size()) * TurnsOf(rotations);
}

EpisodeSampler::EpisodeSampler(const ExampleSet& set, DataSplit split, Rotations rotations,
                               const EpisodeOptions& options)
    : set_(set), split_(split), rotations_(rotations), options_(options) {
  const std::string name = NameOf(kDataSplitNames, split);
  const std::vector<int>& classes = set.split(split);
  if (rotations != Rotations::kNone &&
      (!set.shape().picture || set.shape().height != set.shape().width)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("examples of {} cannot be turned", set.shape().Text()),
                {.key = "rotations", .remedy = "Set rotations = \"none\""});
  }

  // classes, with their turns, that may meet
  std::map<std::string, std::vector<VirtualClass>> pools;
  int next = 0;
  for (const int c : classes) {
    const std::string& group = set.classes()[static_cast<size_t>(c)].group;
    std::vector<VirtualClass>& pool = pools[options.within_group ? group : ""];
    for (int turn = 0; turn < TurnsOf(rotations); ++turn) pool.push_back({c, turn, next++});
  }
  const bool variable = options.size == EpisodeSize::kVariable;
  const int64_t fewest = variable ? kFewestWays : options.ways;
  size_t largest = 0;
  for (auto& [group, pool] : pools) {
    largest = std::max(largest, pool.size());
    if (static_cast<int64_t>(pool.size()) >= fewest) pools_.push_back(std::move(pool));
  }
  if (pools_.empty()) {
    throw Error(ErrorKind::kUsage,
                fmt::format("episodes of {} ways, but {} has {} classes{}", fewest, name, largest,
                            options.within_group ? " in its largest group" : ""),
                {.key = "ways", .remedy = "Ask for fewer ways"});
  }

  // examples
  const int64_t smallest = set.SmallestClass(split);
  const int64_t shots =
      options.size == EpisodeSize::kImbalanced ? 2 * options.shots - 1 : options.shots;
  if (!variable && shots + options.queries > smallest) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} shots and {} queries are {} examples of a class, but the smallest "
                            "class of {} has {}",
                            shots, options.queries, shots + options.queries, name, smallest),
                {.key = "shots", .remedy = "Ask for fewer shots or queries"});
  }
  if (variable && smallest < 2) {
    throw Error(ErrorKind::kUsage,
                fmt::format("the smallest class of {} has {} example, and an episode needs two",
                            name, smallest),
                {.key = "size"});
  }
}

std::vector<int64_t> EpisodeSampler::Shots(const std::vector<int64_t>& counts, int64_t queries,
                                           Rng& rng) const {
  std::vector<int64_t> shots(counts.size(), options_.shots);
  if (options_.size == EpisodeSize::kImbalanced) {
    for (int64_t& of_class : shots) {
      of_class = 1 + static_cast<int64_t>(rng.Below(static_cast<uint64_t>(2 * options_.shots - 1)));
    }
  }
  if (options_.size != EpisodeSize::kVariable) return shots;

  // the size of the support set
  const double beta = 1 - rng.Uniform();  // of (0, 1]
  int64_t support = 0;
  for (const int64_t count : counts) {
    const auto most = static_cast<double>(std::min(kMostOfClass, count - queries));
    support += static_cast<int64_t>(std::ceil(beta * most));
  }
  support = std::min(kMostSupport, support);
  // shared out in proportion to the classes' sizes times exp(U(log 1/2, log 2)); one for each first
  std::vector<double> weights;
  for (const int64_t count : counts) {
    weights.push_back(static_cast<double>(count) *
                      std::exp(rng.Uniform(std::log(0.5), std::log(2.0))));
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto rest = static_cast<double>(support - static_cast<int64_t>(counts.size()));
  for (size_t i = 0; i < counts.size(); ++i) {
    shots[i] = std::min(static_cast<int64_t>(weights[i] / sum * rest) + 1, counts[i] - queries);
  }
  return shots;
}

Episode EpisodeSampler::Draw(uint64_t seed, uint64_t index) const {
  Rng rng = Rng(seed).Fork(NameOf(kDataSplitNames, split_)).Fork("episode", index);
  const bool variable = options_.size == EpisodeSize::kVariable;

  // classes
  const std::vector<VirtualClass>& pool = pools_[rng.Below(pools_.size())];
  const auto size = static_cast<int64_t>(pool.size());
  const int64_t ways = variable
                           ? kFewestWays + static_cast<int64_t>(rng.Below(static_cast<uint64_t>(
                                               std::min(kMostWays, size) - kFewestWays + 1)))
                           : options_.ways;
  std::vector<VirtualClass> classes;
  std::vector<int64_t> counts;
  Episode episode{static_cast<int>(ways), {}, {}, {}, {}};
  for (const int64_t chosen : Choose(size, ways, rng)) {
    VirtualClass drawn = pool[static_cast<size_t>(chosen)];
    if (rotations_ == Rotations::kAugment && split_ == DataSplit::kTrain) {
      drawn.turns = static_cast<int>(rng.Below(4));
    }
    classes.push_back(drawn);
    episode.classes.push_back(drawn.of);
    episode.of_split.push_back(drawn.of_split);
    counts.push_back(set_.classes()[static_cast<size_t>(drawn.of)].count);
  }
  int64_t queries = options_.queries;
  if (variable) {
    queries = kMostQueries;
    for (const int64_t count : counts) queries = std::min(queries, count / 2);
  }

  // examples
  const std::vector<int64_t> shots = Shots(counts, queries, rng);
  for (size_t i = 0; i < classes.size(); ++i) {
    const int64_t first = set_.classes()[static_cast<size_t>(classes[i].of)].first;
    const std::vector<int64_t> chosen = Choose(counts[i], shots[i] + queries, rng);
    for (size_t k = 0; k < chosen.size(); ++k) {
      const bool supports = k < static_cast<size_t>(shots[i]);
      (supports ? episode.support : episode.query)
          .push_back({first + chosen[k], classes[i].turns, static_cast<int>(i)});
    }
  }
  Shuffle(episode.support, rng);
  Shuffle(episode.query, rng);
  return episode;
}

}  // namespace fewstep
