// Other programs: run to their end, or fed with bytes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/file_io.h"

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

// A program that reads what it is given. Its stdout is dropped; it is killed when this is destroyed
// before Close.
class ChildWriter {
 public:
  // Throws Error(kRuntime) as RunChild does.
  explicit ChildWriter(const std::vector<std::string>& words);
  ~ChildWriter();
  ChildWriter(const ChildWriter&) = delete;
  ChildWriter& operator=(const ChildWriter&) = delete;

  // False when the program reads no more; SIGPIPE must be ignored.
  bool Write(std::span<const unsigned char> bytes);
  // Ends its input and waits for its end; `output` is what it wrote to stderr.
  ChildResult Close();

 private:
  internal::FileDescriptor input_, errors_;
  int child_ = 0;
};

// Where $PATH has a program of this name; empty when it has none.
std::string FindProgram(const std::string& name);

// For a program that was started by RunChild: it ends when whoever started it does.
void EndWithParent();

}  // namespace fewstep
