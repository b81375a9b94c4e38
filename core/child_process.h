// Runs a program to its end, or for so long.
#pragma once

#include <string>
#include <vector>

namespace fewstep {

struct ChildResult {
  int exit_code = -1;      // when it ended by itself
  int signal = 0;          // that ended it, or 0
  bool timed_out = false;  // it was stopped after the given time
  std::string output;      // of stdout, the first bytes of it, without a last line's end
};

// `words`: the program's path and its arguments. Its stdin is empty and its stderr is dropped; it
// and everything it starts are killed after `seconds` by the clock. Throws Error(kRuntime) when the
// machine has no process to give.
ChildResult RunChild(const std::vector<std::string>& words, double seconds);

// For a program that was started by RunChild: it ends when whoever started it does.
void EndWithParent();

}  // namespace fewstep
