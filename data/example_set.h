// Labelled examples, decoded once and kept in memory in the layout that episodes are gathered from:
// pictures as bytes, vectors as floats, classes one behind the other.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"

namespace fewstep {

// What a class is for. Classes of different splits have no example in common.
enum class DataSplit { kTrain, kValidation, kTest };
inline constexpr ChoiceName<DataSplit> kDataSplitNames[] = {{"train", DataSplit::kTrain},
                                                            {"validation", DataSplit::kValidation},
                                                            {"test", DataSplit::kTest}};

// The shape of an example: a picture [channels, height, width], or a vector.
struct ExampleShape {
  bool picture = true;
  int channels = 1, height = 1, width = 0;  // of a vector: its numbers are `width`

  int64_t size() const { return int64_t{channels} * height * width; }
  std::string Text() const;  // "1 x 28 x 28", "vectors of 300"
  bool operator==(const ExampleShape&) const = default;
};

struct ExampleClass {
  std::string name;              // "Korean/character12"
  std::string group = {};        // what it belongs to: an alphabet, a superclass; or ""
  int64_t first = 0, count = 0;  // its examples
};

// Immutable once built: any number of threads.
class ExampleSet {
 public:
  // Of pictures, a byte of 0 to 255 becomes scale * byte + offset.
  ExampleSet(ExampleShape shape, double scale, double offset)
      : shape_(shape), scale_(scale), offset_(offset) {}

  // While it is built: opens a class; what is added from then on belongs to it.
  void BeginClass(std::string name, std::string group = {});
  void AddPicture(std::span<const uint8_t> pixels);  // [channels, height, width]
  void AddVector(std::span<const float> numbers);
  // Of vectors: the last `count` numbers are targets to be predicted from those before them, and a
  // class is a task of regression.
  void SetTargets(int count) { targets_ = count; }
  // Which classes a split has. Throws Error(kData) with `source` for a class without examples, or
  // that is in it twice or in another split.
  void SetSplit(DataSplit split, std::vector<int> classes, const std::string& source);

  const ExampleShape& shape() const { return shape_; }  // targets included
  int targets() const { return targets_; }              // 0: examples of classes
  const std::vector<ExampleClass>& classes() const { return classes_; }
  const std::vector<int>& split(DataSplit split) const { return splits_[Index(split)]; }
  int64_t num_examples() const { return num_examples_; }
  // The smallest class of a split; 0 for a split without classes.
  int64_t SmallestClass(DataSplit split) const;
  // Of examples, classes and splits: 16 hexadecimal digits.
  std::string Hash() const;

  // Writes example `example` into `out` [shape().size()], as floats, turned by `turns` quarters
  // against the clock; only square pictures can be turned.
  void Copy(int64_t example, int turns, float* out) const;

 private:
  static size_t Index(DataSplit split) { return static_cast<size_t>(split); }

  ExampleShape shape_;
  double scale_, offset_;
  int targets_ = 0;
  std::vector<ExampleClass> classes_;
  std::array<std::vector<int>, 3> splits_;
  int64_t num_examples_ = 0;
  std::vector<uint8_t> pixels_;  // [num_examples, shape], or
  std::vector<float> numbers_;
};

}  // namespace fewstep
