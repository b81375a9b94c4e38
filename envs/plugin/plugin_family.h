// A family of a plug-in as one of ours.
#pragma once

#include <memory>

#include "envs/plugin/plugin_library.h"

namespace fewstep::plugin {

// `family` is one of the library's.
FamilyEntry EntryOfPlugin(const std::shared_ptr<const Library>& library,
                          const fewstep_family* family);

// What a plug-in has said of why a function fails, since this was asked last; "" for nothing. Of
// any thread and any plug-in.
std::string TakeLastReport();

}  // namespace fewstep::plugin
