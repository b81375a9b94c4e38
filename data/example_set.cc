#include "data/example_set.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/error.h"
#include "core/hash.h"

namespace fewstep {

std::string ExampleShape::Text() const {
  return picture ? fmt::format("{} x {} x {}", channels, height, width)
                 : fmt::format("vectors of {}", width);
}

void ExampleSet::BeginClass(std::string name, std::string group) {
  classes_.push_back({std::move(name), std::move(group), num_examples_, 0});
}

void ExampleSet::AddPicture(std::span<const uint8_t> pixels) {
  FEWSTEP_CHECK(shape_.picture && static_cast<int64_t>(pixels.size()) == shape_.size(),
                "{} bytes for {}", pixels.size(), shape_.Text());
  pixels_.insert(pixels_.end(), pixels.begin(), pixels.end());
  ++classes_.back().count;
  ++num_examples_;
}

void ExampleSet::AddVector(std::span<const float> numbers) {
  FEWSTEP_CHECK(!shape_.picture && static_cast<int64_t>(numbers.size()) == shape_.size(),
                "{} numbers for {}", numbers.size(), shape_.Text());
  numbers_.insert(numbers_.end(), numbers.begin(), numbers.end());
  ++classes_.back().count;
  ++num_examples_;
}

void ExampleSet::SetSplit(DataSplit split, std::vector<int> classes, const std::string& source) {
  std::vector<int> taken;
  for (const std::vector<int>& other : splits_) {
    if (&other != &splits_[Index(split)]) taken.insert(taken.end(), other.begin(), other.end());
  }
  std::vector<bool> is_taken(classes_.size());
  for (const int c : taken) is_taken[static_cast<size_t>(c)] = true;
  for (const int c : classes) {
    const ExampleClass& of = classes_.at(static_cast<size_t>(c));
    if (is_taken[static_cast<size_t>(c)]) {
      throw Error(ErrorKind::kData,
                  fmt::format("class '{}' is in two splits, or twice in one", of.name),
                  {.file = source, .remedy = "What is trained on cannot be judged on"});
    }
    is_taken[static_cast<size_t>(c)] = true;
    if (of.count == 0) {
      throw Error(ErrorKind::kData, fmt::format("class '{}' has no examples", of.name),
                  {.file = source});
    }
  }
  splits_[Index(split)] = std::move(classes);
}

int64_t ExampleSet::SmallestClass(DataSplit split) const {
  int64_t smallest = 0;
  for (const int c : splits_[Index(split)]) {
    const int64_t count = classes_[static_cast<size_t>(c)].count;
    smallest = smallest == 0 ? count : std::min(smallest, count);
  }
  return smallest;
}

std::string ExampleSet::Hash() const {
  std::string facts = fmt::format("{}\n{} {}\n", shape_.Text(), scale_, offset_);
  if (targets_ > 0) facts += fmt::format("{} targets\n", targets_);
  for (const ExampleClass& of : classes_) {
    facts += fmt::format("{}\n{}\n{} {}\n", of.name, of.group, of.first, of.count);
  }
  for (const std::vector<int>& split : splits_) facts += fmt::format("{}\n", fmt::join(split, " "));
  return HashOf(facts + HashOf(std::as_bytes(std::span(pixels_))) +
                HashOf(std::as_bytes(std::span(numbers_))));
}

void ExampleSet::Copy(int64_t example, int turns, float* out) const {
  const auto size = static_cast<size_t>(shape_.size());
  const size_t first = static_cast<size_t>(example) * size;
  if (!shape_.picture) {
    std::copy_n(numbers_.data() + first, size, out);
    return;
  }
  const uint8_t* pixels = pixels_.data() + first;
  const auto scale = static_cast<float>(scale_), offset = static_cast<float>(offset_);
  const auto value = [&](size_t i) { return scale * static_cast<float>(pixels[i]) + offset; };
  if (turns % 4 == 0) {
    for (size_t i = 0; i < size; ++i) out[i] = value(i);
    return;
  }
  FEWSTEP_CHECK(shape_.height == shape_.width, "turning a picture of {}", shape_.Text());
  const auto side = static_cast<size_t>(shape_.width), last = side - 1;
  for (size_t c = 0; c < static_cast<size_t>(shape_.channels); ++c) {
    const size_t plane = c * side * side;
    for (size_t y = 0; y < side; ++y) {
      for (size_t x = 0; x < side; ++x) {
        const size_t from_y = turns == 1 ? x : turns == 2 ? last - y : last - x;
        const size_t from_x = turns == 1 ? last - y : turns == 2 ? last - x : y;
        out[plane + y * side + x] = value(plane + from_y * side + from_x);
      }
    }
  }
}

}  // namespace fewstep
