// Data sets by name, as recipes call them in [data].
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/config.h"
#include "core/registry.h"
#include "data/example_set.h"

namespace fewstep {

struct DataEntry {
  std::string summary;  // one sentence
  std::string source;   // where it was published
  // What lies in the data directory, "" for what needs none: "omniglot/images_background.zip, ...".
  std::string files;
  std::function<std::unique_ptr<Options>()> make_options;
  // Reads it from the data directory, which may be "". Throws Error(kUsage) when it is not there,
  // Error(kData) when it is damaged.
  std::function<std::unique_ptr<ExampleSet>(const Options&, const std::string& directory)> make;
};
using DataCatalog = Registry<DataEntry>;

// Every data set that is compiled in.
DataCatalog BuiltinData();

// `option` where it is not empty, else $FEWSTEP_DATA_DIR, else "".
std::string DataDirectory(const std::string& option);

}  // namespace fewstep
