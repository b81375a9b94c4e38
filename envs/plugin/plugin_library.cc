#define XXH_INLINE_ALL
#define XXH_VECTOR 0
#include "envs/plugin/plugin_library.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <filesystem>
#include <link.h>
#include <mutex>
#include <ucontext.h>
#include <unistd.h>

#include <mujoco/mujoco.h>
#include <xxhash.h>

#include "core/atomic_file.h"
#include "core/error.h"
#include "envs/plugin/plugin_family.h"

namespace fewstep::plugin {
namespace {

[[noreturn]] void Fail(const std::string& path, const std::string& message,
                       std::string remedy = "") {
  throw Error(ErrorKind::kPlugin, message, {.file = path, .remedy = std::move(remedy)});
}

// That the file is a whole library of this kind of machine: the loader maps what a cut one says it
// has, and dies where it ends.
void CheckFile(const std::string& path, const std::string& bytes) {
  const auto fail = [&](std::string_view what) {
    Fail(path, fmt::format("it cannot be loaded: {}", what), "A plug-in is a shared library");
  };
  ElfW(Ehdr) file;
  if (bytes.size() < sizeof(file) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    fail("it is no shared library");
  }
  std::memcpy(&file, bytes.data(), sizeof(file));
#if defined(__x86_64__)
  if (file.e_ident[EI_CLASS] != ELFCLASS64 || file.e_machine != EM_X86_64) {
    fail("it was built for another kind of machine");
  }
#endif
  const auto within = [&](uint64_t offset, uint64_t size) {
    return offset <= bytes.size() && size <= bytes.size() - offset;
  };
  if (file.e_phentsize != sizeof(ElfW(Phdr)) ||
      !within(file.e_phoff, uint64_t{file.e_phnum} * file.e_phentsize)) {
    fail("it is damaged or cut off");
  }
  for (size_t i = 0; i < file.e_phnum; ++i) {
    ElfW(Phdr) segment;
    std::memcpy(&segment, bytes.data() + file.e_phoff + i * sizeof(segment), sizeof(segment));
    if (!within(segment.p_offset, segment.p_filesz)) fail("it is damaged or cut off");
  }
}

// The header alone, before anything is believed of the rest.
void CheckHeader(const std::string& path, const fewstep_plugin_header& header) {
  if (std::memcmp(header.magic, "fewstep", 8) != 0) {
    Fail(path, "this is no plug-in of fewstep: its fewstep_plugin_abi does not begin as one",
         "Use FEWSTEP_PLUGIN of fewstep/plugin.h");
  }
  if (header.abi_version != FEWSTEP_ABI_VERSION) {
    Fail(path,
         fmt::format("it was built for version {} of the plug-in interface, this program has {}",
                     header.abi_version, FEWSTEP_ABI_VERSION),
         "Build it again with the fewstep/plugin.h of this program");
  }
  if (header.mujoco_version != 0 &&
      header.mujoco_version != static_cast<uint32_t>(mjVERSION_HEADER)) {
    Fail(path,
         fmt::format("it was built for MuJoCo {}, this program has {}", header.mujoco_version,
                     mjVERSION_HEADER),
         "Build it again with the headers of this program's MuJoCo");
  }
  if (header.pointer_bytes != sizeof(void*) || header.family_bytes != sizeof(fewstep_family)) {
    Fail(path,
         fmt::format("its fewstep_family has {} bytes, and this program's {}", header.family_bytes,
                     sizeof(fewstep_family)),
         "Build it again with the fewstep/plugin.h of this program");
  }
}

void CheckInfo(const std::string& path, const fewstep_plugin_header& header,
               const fewstep_plugin_info* info) {
  if (info == nullptr || info->size != sizeof(fewstep_plugin_info)) {
    Fail(path, "fewstep_plugin() gives no fewstep_plugin_info of the right size");
  }
  if (info->num_families == 0 || info->families == nullptr) Fail(path, "it has no family");
  std::vector<std::string> names;
  for (size_t i = 0; i < info->num_families; ++i) {
    const fewstep_family& family = info->families[i];
    const auto require = [&](bool condition, std::string_view what) {
      if (!condition) Fail(path, fmt::format("family {} of it {}", i, what));
    };
    require(family.size == sizeof(fewstep_family), "is no fewstep_family of the right size");
    require(family.name != nullptr && *family.name != 0, "has no name");
    const std::string name = family.name;
    const auto require_of = [&](bool condition, std::string_view what) {
      if (!condition) Fail(path, fmt::format("the family '{}' {}", name, what));
    };
    require(std::ranges::all_of(name, [](unsigned char c) { return c > ' ' && c < 0x7F; }) &&
                name.find_first_of("=,/\"'") == std::string::npos,
            "has a name that is no word");
    require_of(std::ranges::find(names, name) == names.end(), "is there twice");
    require_of(family.summary != nullptr && *family.summary != 0, "has no summary");
    require_of(family.create != nullptr, "has no function create");
    require_of(family.destroy != nullptr, "has no function destroy");
    require_of(family.spec != nullptr, "has no function spec");
    require_of((family.world == nullptr) != (family.physics == nullptr),
               "has not exactly one of world and physics");
    require_of(family.num_options == 0 || family.options != nullptr, "has no list of its options");
    std::vector<std::string> keys = {"name", "horizon", "trial_episodes", "observe_task"};
    for (size_t o = 0; o < family.num_options; ++o) {
      const fewstep_option& option = family.options[o];
      require_of(option.size == sizeof(fewstep_option),
                 fmt::format("has an option {} of the wrong size", o));
      require_of(option.name && *option.name && option.help && option.unit,
                 fmt::format("has an option {} without name, help or unit", o));
      const std::string key = option.name;
      const bool word = std::ranges::all_of(
          key, [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
      require_of(word && std::ranges::find(keys, key) == keys.end(),
                 fmt::format("has the option '{}', which is no word or is there already", key));
      keys.push_back(key);
      require_of(
          option.low <= option.high && option.value >= option.low && option.value <= option.high,
          fmt::format("has the option '{}', whose value {} is not in [{}, {}]", option.name,
                      option.value, option.low, option.high));
    }
    if (family.world) {
      const fewstep_world& w = *family.world;
      require_of(w.size == sizeof(fewstep_world), "has a world of the wrong size");
      require_of(
          w.create && w.destroy && w.begin && w.reset && w.step && w.get_state && w.set_state,
          "has a world that lacks a function");
    } else {
      const fewstep_physics& p = *family.physics;
      require_of(p.size == sizeof(fewstep_physics), "has physics of the wrong size");
      require_of(header.mujoco_version != 0,
                 "has physics, but the library does not say which MuJoCo it was built for: include "
                 "mujoco/mujoco.h before fewstep/plugin.h");
      require_of(p.mjcf || p.mjcf_of, "has no MJCF");
      require_of(p.reset && p.control && p.reward && p.observe,
                 "has physics that lack reset, control, reward or observe");
    }
    names.push_back(name);
  }
}

// For the crash handler, which may not allocate: written before it can run.
struct Loaded {
  char path[1024];
  uintptr_t begin = 0, end = 0;
};
constexpr size_t kMostLoaded = 64;
std::array<Loaded, kMostLoaded> loaded;
std::atomic<size_t> num_loaded = 0;

void Remember(const std::string& path, const void* symbol) {
  const size_t index = num_loaded.load();
  if (index == kMostLoaded) return;
  Loaded& entry = loaded[index];
  std::strncpy(entry.path, path.c_str(), sizeof(entry.path) - 1);
  Dl_info info;
  if (dladdr(symbol, &info) != 0) {
    entry.begin = reinterpret_cast<uintptr_t>(info.dli_fbase);
    // the segments of the object that begins there
    dl_iterate_phdr(
        [](dl_phdr_info* object, size_t, void* argument) {
          Loaded& of = *static_cast<Loaded*>(argument);
          if (object->dlpi_addr != of.begin) return 0;
          for (int i = 0; i < object->dlpi_phnum; ++i) {
            const ElfW(Phdr)& segment = object->dlpi_phdr[i];
            if (segment.p_type != PT_LOAD) continue;
            of.end = std::max(of.end, object->dlpi_addr + segment.p_vaddr + segment.p_memsz);
          }
          return 1;
        },
        &entry);
  }
  num_loaded.store(index + 1);
}

void Say(const char* text) {
  // nothing can be done when this fails
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text, std::strlen(text));
}

void HandleCrash(int signal, siginfo_t*, void* context) {
  // several threads may crash at once: the first one speaks, and if it crashes again, is done
  static std::atomic<pid_t> speaker = 0;
  pid_t nobody = 0;
  if (!speaker.compare_exchange_strong(nobody, gettid())) {
    while (speaker != gettid()) pause();
    std::signal(signal, SIG_DFL);
    raise(signal);
  }
  const size_t count = num_loaded.load();
  uintptr_t at = 0;
#if defined(__x86_64__)
  at = static_cast<uintptr_t>(static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#else
  static_cast<void>(context);
#endif
  const Loaded* where = nullptr;
  for (size_t i = 0; i < count; ++i) {
    if (at >= loaded[i].begin && at < loaded[i].end) where = &loaded[i];
  }
  Say("fewstep: the program crashed (signal ");
  const char digits[] = {static_cast<char>('0' + signal / 10), static_cast<char>('0' + signal % 10),
                         0};
  Say(digits);
  if (where) {
    Say(") in the plug-in ");
    Say(where->path);
  } else {
    Say(") with a plug-in loaded: ");
    for (size_t i = 0; i < count; ++i) {
      if (i > 0) Say(", ");
      Say(loaded[i].path);
    }
  }
  Say(". The last checkpoint is intact; fewstep check tests a plug-in\n");
  // the program ends as it would have
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

bool IsLibrary(const std::string& path) {
  std::error_code ignored;
  return path.ends_with(".so") && !std::filesystem::is_directory(path, ignored) &&
         std::filesystem::exists(path, ignored);
}

std::shared_ptr<const Library> OpenLibrary(const std::string& path) {
  auto library = std::make_shared<Library>();
  library->path = path;
  const std::string bytes = ReadFile(path);
  library->hash = fmt::format("{:016x}", XXH3_64bits(bytes.data(), bytes.size()));

  CheckFile(path, bytes);

  // without a '/' it would be searched for among the system's libraries
  const std::string absolute = std::filesystem::absolute(path).string();
  void* handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* problem = dlerror();
    Fail(path, fmt::format("it cannot be loaded: {}", problem ? problem : "no reason is known"),
         "A plug-in is a shared library for this machine; undefined symbols must be linked to it");
  }
  const auto symbol = [&](const char* name) {
    void* found = dlsym(handle, name);
    if (found == nullptr) {
      Fail(path, fmt::format("it is no plug-in of fewstep: it has no symbol {}", name),
           "Use FEWSTEP_PLUGIN of fewstep/plugin.h");
    }
    return found;
  };
  const auto* header = static_cast<const fewstep_plugin_header*>(symbol("fewstep_plugin_abi"));
  CheckHeader(path, *header);
  const auto entry = reinterpret_cast<const fewstep_plugin_info* (*)()>(symbol("fewstep_plugin"));
  Remember(path, reinterpret_cast<const void*>(entry));
  NameLibrariesInCrashes();
  library->info = entry();
  CheckInfo(path, *header, library->info);
  return library;
}

std::vector<std::pair<std::string, FamilyEntry>> EntriesOf(
    const std::shared_ptr<const Library>& library) {
  std::vector<std::pair<std::string, FamilyEntry>> entries;
  for (size_t i = 0; i < library->info->num_families; ++i) {
    const fewstep_family* family = &library->info->families[i];
    entries.emplace_back(family->name, EntryOfPlugin(library, family));
  }
  return entries;
}

void NameLibrariesInCrashes() {
  static const bool installed = [] {
    // a stack of its own for the thread that opens plug-ins, in case theirs is what ran out
    static std::array<char, 64 * 1024> stack_memory;
    const stack_t stack = {
        .ss_sp = stack_memory.data(), .ss_flags = 0, .ss_size = stack_memory.size()};
    sigaltstack(&stack, nullptr);
    struct sigaction action = {};
    action.sa_sigaction = HandleCrash;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
      sigaction(signal, &action, nullptr);
    }
    return true;
  }();
  static_cast<void>(installed);
}

}  // namespace fewstep::plugin
