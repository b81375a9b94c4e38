#include "experiments/cli.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <new>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"
#include "experiments/build_info.h"
#include "experiments/running/catalog.h"

namespace fewstep {
namespace {

constexpr const char* kFooter =
    R"(Examples:
  fewstep list                                           what there is
  fewstep describe half-cheetah-dir@promp                a family's exact definition
  fewstep train quickstart                               meta-train; files go to runs/quickstart
  fewstep describe quickstart > my.toml                  a recipe to start from
  fewstep resume runs/quickstart                         continue where it stopped
  fewstep evaluate runs/quickstart                       adaptation curve on held-out tasks
  fewstep ruler bandit-bernoulli@rl2                     classical agents and exact optima
  fewstep verify                                         meta-gradients against the truth
  fewstep new family my-arm                              a task family of your own
  fewstep check my-arm                                   whether it holds to every rule
)"
#ifdef FEWSTEP_VIEWER
    R"(  fewstep view runs/quickstart                           watch the agent adapt, in a window
  fewstep record runs/quickstart --out film.mp4          the same as a film, without a display
)"
#endif
    R"(
Exit codes: 0 success, 1 the machine refused, 2 bad usage or configuration, 3 bad data, 4 bad
definition of a task family, 129/130/143 interrupted by SIGHUP/SIGINT/SIGTERM with a checkpoint saved.
`fewstep COMMAND --help` explains a command.)";

// Seconds that compiling a model from outside may take.
constexpr const char* kModelSecondsVariable = "FEWSTEP_MODEL_SECONDS";

// The first word of this program as the child of a ModelGuard.
constexpr const char* kCompileModelWord = "compile-model-for-guard";

constexpr const char* kOutOfMemory =
    "out of memory. Use smaller batches (agent.meta_batch_size, agent.episodes)";

// CLI11 says only that something was unexpected; name what is near.
std::string UsageHint(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (argc > 1 && argv[1][0] != '-') {
    for (const CLI::App* command : app.get_subcommands({})) {
      if (command->get_name() != argv[1]) continue;
      // an option of this command that was misspelt
      std::vector<std::string> options;
      for (const CLI::Option* option : command->get_options({})) {
        options.push_back(option->get_name(false, true));
        for (const std::string& name : option->get_lnames()) options.push_back("--" + name);
      }
      for (int i = 2; i < argc; ++i) {
        const std::string word = std::string(argv[i]).substr(0, std::string(argv[i]).find('='));
        if (word.starts_with("--") && std::ranges::find(options, word) == options.end()) {
          return fmt::format("unknown option '{}'{}", word, DidYouMean(word, options));
        }
      }
      return "";
    }
    return fmt::format("unknown command '{}'{}", argv[1], DidYouMean(argv[1], names));
  }
  return "";
}

int Report(std::string_view message, ErrorKind kind) {
  // a closed stderr changes nothing about the exit code
  std::fputs(fmt::format("fewstep: {}\n", message).c_str(), stderr);
  return static_cast<int>(kind);
}

void PrepareProcess() {
  // a missing stdin, stdout or stderr would give its number to the next file that is opened
  for (int missing = open("/dev/null", O_RDWR); missing >= 0; missing = open("/dev/null", O_RDWR)) {
    if (missing <= STDERR_FILENO) continue;
    close(missing);
    break;
  }
  // a reader that left and a file size limit are errors of one write, not the end of a run
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  // whoever started this program may have ignored it, and then no child can be waited for
  std::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

namespace {

// This program as the guard of models.
FamilyOpener UsualOpener() {
  FamilyOpener opener;
  opener.guard.command = {"/proc/self/exe", kCompileModelWord};
  if (const char* seconds = std::getenv(kModelSecondsVariable)) {
    opener.guard.seconds = std::clamp(std::atoi(seconds), 1, 3600);
  }
  return opener;
}

// What is always looked at.
void AddUsualFamilies(Catalog& catalog) {
  const char* variable = std::getenv(kPluginsVariable);
  for (std::string_view paths = variable ? variable : ""; !paths.empty();) {
    const size_t end = std::min(paths.find(':'), paths.size());
    AddFamiliesIfAny(std::string(paths.substr(0, end)), catalog.opener, catalog.families);
    paths.remove_prefix(std::min(end + 1, paths.size()));
  }
  AddFamiliesIfAny(UserPlugins(), catalog.opener, catalog.families);
}

// The whole program; what goes wrong is thrown.
int Run(int argc, char** argv) {
  CLI::App app("fewstep meta-trains agents that adapt to a new MuJoCo task in a few steps.",
               "fewstep");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", fmt::format("fewstep {} ({})", Version(), GitRevision()));
  Catalog catalog = BuiltinCatalog();
  catalog.opener = UsualOpener();
  // only for commands that name families: a plug-in that hangs when it is opened must not keep
  // `fewstep check` from saying so
  constexpr std::string_view kCommands[] = {"train",  "resume",  "evaluate",      "view",
                                            "record", "rollout", "list",          "describe",
                                            "ruler",  "compare", "gradient-noise"};
  if (argc > 1 && std::ranges::find(kCommands, argv[1]) != std::end(kCommands)) {
    AddUsualFamilies(catalog);
  }
  CommonOptions common{.catalog = catalog};
  common.command_line = fmt::format("{}", fmt::join(argv, argv + argc, " "));
  int exit_code = 0;
  AddTrainCommand(app, common, exit_code);
  AddResumeCommand(app, common, exit_code);
  AddEvaluateCommand(app, common, exit_code);
  AddCompareCommand(app, common, exit_code);
  AddGradientNoiseCommand(app, common, exit_code);
#ifdef FEWSTEP_VIEWER
  AddViewCommand(app, common, exit_code);
  AddRecordCommand(app, common, exit_code);
#endif
  AddRulerCommand(app, common, exit_code);
  AddRolloutCommand(app, common, exit_code);
  AddVerifyCommand(app, common, exit_code);
  AddListCommand(app, common, exit_code);
  AddDescribeCommand(app, common, exit_code);
  AddCheckCommand(app, common, exit_code);
  AddNewCommand(app, common, exit_code);
  AddDoctorCommand(app, common, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    const std::string hint = UsageHint(app, argc, argv);
    return Report(
        fmt::format(
            "{}\nRun fewstep {}--help for help.", hint.empty() ? error.what() : hint,
            argc > 1 && hint.starts_with("unknown option") ? fmt::format("{} ", argv[1]) : ""),
        ErrorKind::kUsage);
  }
  return exit_code;
}

}  // namespace

void AddPluginOptions(CLI::App& command, CommonOptions& common) {
  auto replace = std::make_shared<bool>(false);
  command.add_flag("--override", *replace,
                   "A family of --plugin takes the place of one that has its name");
  command
      .add_option_function<std::vector<std::string>>(
          "--plugin",
          [&common, replace](const std::vector<std::string>& paths) {
            for (const std::string& path : paths) {
              AddFamilies(path, common.catalog.opener, *replace ? Clash::kReplace : Clash::kRefuse,
                          common.catalog.families);
            }
          },
          fmt::format(
              "Families from outside: a folder with a family.toml, a plug-in (*.so), or a folder "
              "of\nsuch; may be repeated. Those in ${} and in {} are always there",
              kPluginsVariable, "~/.local/share/fewstep/plugins"))
      ->type_name("PATH")
      ->allow_extra_args(false);
  command.add_option("--data-dir", common.catalog.data_directory,
                     "Folder that holds data sets for few-shot learning, instead of "
                     "$FEWSTEP_DATA_DIR");
}

int RunCommandLine(int argc, char** argv) {
  PrepareProcess();
  if (argc > 1 && argv[1] == std::string_view(kCompileModelWord)) {
    return declarative::CompileForGuard({argv + 2, argv + argc});
  }
  try {
    if (argc == 3 && argv[1] == std::string_view(kCheckFamilyWord)) {
      return CheckFamilies(argv[2], UsualOpener());
    }
    return Run(argc, argv);
  } catch (const Error& error) {
    return Report(error.what(), error.kind());
  } catch (const std::bad_alloc&) {
    return Report(kOutOfMemory, ErrorKind::kRuntime);
  } catch (const c10::Error& error) {  // its what() holds a backtrace
    const std::string message = error.what_without_backtrace();
    const bool memory = message.find("can't allocate memory") != std::string::npos;
    return Report(memory ? kOutOfMemory : message, ErrorKind::kRuntime);
  } catch (const std::exception& error) {
    return Report(error.what(), ErrorKind::kRuntime);
  }
}

}  // namespace fewstep
