// The command line: `fewstep COMMAND ...`. Results go to stdout, progress and errors to stderr.
// Exit codes: 0 success, 1 the machine refused, 2 bad usage or configuration, 3 bad data,
// 4 bad definition of a task family, 129, 130 and 143 interrupted by SIGHUP, SIGINT or SIGTERM with
// a checkpoint saved.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace fewstep {

// The whole program but main().
int RunCommandLine(int argc, char** argv);

struct Catalog;
struct FamilyOpener;

// What every command has.
struct CommonOptions {
  Catalog& catalog;  // complete once options are read: --plugin adds to it
  bool quiet = false;
  bool json = false;
  std::string command_line = {};
};

// Adds --plugin and --override, by which families from outside enter the catalogue.
void AddPluginOptions(CLI::App& command, CommonOptions& common);

// Each adds one subcommand to `app`; parsing it sets `exit_code` by running it.
void AddTrainCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddResumeCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddEvaluateCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddCompareCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddGradientNoiseCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddViewCommand(CLI::App& app, CommonOptions& common, int& exit_code);    // if FEWSTEP_VIEWER
void AddRecordCommand(CLI::App& app, CommonOptions& common, int& exit_code);  // if FEWSTEP_VIEWER
void AddRulerCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddRolloutCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddVerifyCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddListCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddDescribeCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddDoctorCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddCheckCommand(CLI::App& app, CommonOptions& common, int& exit_code);
void AddNewCommand(CLI::App& app, CommonOptions& common, int& exit_code);

// The first word of this program as the child of `fewstep check`, and what it does then: opens the
// families at `path` and tells on stdout, a line each, which rules they hold to.
inline constexpr const char* kCheckFamilyWord = "check-families-for-parent";
int CheckFamilies(const std::string& path, const FamilyOpener& opener);

}  // namespace fewstep
