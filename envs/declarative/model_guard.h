// A model from outside is compiled in a process of its own first: MuJoCo's compiler can be made to
// run for ever, or to end the program, by a few hundred bytes of XML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "envs/declarative/family_folder.h"

namespace fewstep::declarative {

struct ModelGuard {
  // Program and arguments that end in a call of CompileForGuard, to which the folder's path and
  // the limits are appended. Empty: models are compiled without a guard, for tests.
  std::vector<std::string> command;
  int seconds = 30;          // of processor time and twice as many by the clock
  int64_t memory_mb = 4096;  // beyond what the process has when it begins

  // Compiles the folder's model and simulates it a little. Throws Error(kData) naming the model
  // when the child says it is bad, takes too long, needs too much memory or dies.
  void Check(const FamilyFolder& folder) const;
};

// The child's part: reads FOLDER SECONDS MEMORY_MB. Returns the exit code; a message for the user
// goes to stdout.
int CompileForGuard(const std::vector<std::string>& arguments);

}  // namespace fewstep::declarative
