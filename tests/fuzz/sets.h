// A data set that reads one file.
#pragma once

#include <memory>
#include <vector>

#include "core/config.h"
#include "data/data_catalog.h"
#include "tests/fuzz/fuzz.h"

namespace fewstep {

class Reader {
 public:
  // A data set of the catalogue and its keys, besides data.path.
  Reader(const std::string& name, std::string file, const std::string& keys)
      : file_(std::move(file)), entry_(BuiltinData().Get(name)), options_(entry_.make_options()) {
    Config::ParseText(fmt::format("[data]\npath = \"{}\"\n{}", FileOf("", file_), keys), "recipe")
        .Read("data", *options_);
  }

  // Every example is there, and classes of splits have some.
  void Read(std::string_view input) const {
    FileOf(input, file_);
    Decode([&] {
      const std::unique_ptr<ExampleSet> set = entry_.make(*options_, "");
      std::vector<float> example(static_cast<size_t>(set->shape().size()));
      for (const ExampleClass& of : set->classes()) {
        for (int64_t i = 0; i < of.count; ++i) set->Copy(of.first + i, 0, example.data());
      }
      for (const auto& [name, split] : kDataSplitNames) {
        FEWSTEP_CHECK(set->split(split).empty() || set->SmallestClass(split) > 0, "{}", name);
      }
      set->Hash();
    });
  }

 private:
  std::string file_;
  DataEntry entry_;
  std::unique_ptr<Options> options_;
};

}  // namespace fewstep
