#include "envs/declarative/model_guard.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <sys/resource.h>
#include <unistd.h>

#include "core/child_process.h"
#include "core/error.h"

namespace fewstep::declarative {
namespace {

constexpr int kBadModel = 3;

void Limit(__rlimit_resource resource, uint64_t value) {
  const rlimit limit{value, value};
  setrlimit(resource, &limit);
}

int64_t ToNumber(const std::string& text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Address space in use.
uint64_t UsedBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  statm >> pages;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

void ModelGuard::Check(const FamilyFolder& folder) const {
  if (command.empty()) return;
  std::vector<std::string> words = command;
  words.push_back(folder.path);
  words.push_back(fmt::format("{}", seconds));
  words.push_back(fmt::format("{}", memory_mb));
  const ChildResult child = RunChild(words, 2.0 * seconds);

  const auto fail = [&](std::string_view what, std::string remedy = "") {
    throw Error(ErrorKind::kData, what, {.file = folder.model_path(), .remedy = std::move(remedy)});
  };
  if (child.timed_out || child.signal == SIGXCPU || child.signal == SIGKILL) {
    fail(fmt::format("compiling the model took more than {} seconds and was stopped", seconds),
         "Make the model smaller; numbers such as inf can make MuJoCo's compiler run for ever");
  }
  if (child.signal != 0) {
    fail(fmt::format("compiling the model ended a process of its own with {}",
                     strsignal(child.signal)));
  }
  if (child.exit_code == kBadModel) fail(child.output);
  if (child.exit_code != 0) {
    fail(fmt::format("the process that compiles it failed (exit code {}){}{}", child.exit_code,
                     child.output.empty() ? "" : ": ", child.output));
  }
}

int CompileForGuard(const std::vector<std::string>& arguments) {
  if (arguments.size() != 3) return 2;
  EndWithParent();
  const auto seconds = static_cast<uint64_t>(ToNumber(arguments[1]));
  Limit(RLIMIT_CPU, seconds);
  Limit(RLIMIT_AS, UsedBytes() + (static_cast<uint64_t>(ToNumber(arguments[2])) << 20));
  Limit(RLIMIT_CORE, 0);
  const auto say = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    return kBadModel;
  };
  try {
    const FamilyFolder folder = ReadFamilyFolder(arguments[0]);
    const ModelPtr model =
        CompileModel(folder.mjcf, folder.files, folder.file.simulation.model, Textures::kKeep);
    const BatchPtr batch = MakeBatch(model.get(), 1, 1);
    mjb_step(batch.get(), nullptr, 0, 20, 0);
    return 0;
  } catch (const Error& error) {
    // the parent says which file
    std::string message = error.what();
    const std::string prefix = error.context().file + ": ";
    if (message.starts_with(prefix)) message.erase(0, prefix.size());
    return say(message);
  } catch (const std::bad_alloc&) {
    return say("compiling the model needs too much memory");
  }
}

}  // namespace fewstep::declarative
