// fewstep doctor
#include <cstdio>
#include <filesystem>
#include <sys/statvfs.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <mujoco/mujoco.h>
#include <nlohmann/json.hpp>
#include <torch/version.h>

#include "agents/device.h"
#include "core/atomic_file.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/build_info.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/reports/table.h"
#include "experiments/running/run_config.h"
#include "experiments/studies/device_check.h"

namespace fewstep {
namespace {

struct Check {
  std::string name;
  bool passed = false;
  bool required = true;
  std::string found, remedy;
};

Check CheckMujoco() {
  Check check{.name = "MuJoCo", .found = MujocoVersion()};
  check.passed = mj_version() == mjVERSION_HEADER && mj_version() >= 4000001;
  if (mj_version() == 4000000) {
    check.remedy = "4.0.0 computes wrong accelerations; install 4.0.1 with scripts/setup";
  } else if (!check.passed) {
    check.remedy = fmt::format("built with {}; rebuild, or install that version with scripts/setup",
                               mjVERSION_HEADER);
  }
  return check;
}

Check CheckLibTorch() {
  // a computation proves that the libraries load and agree
  Check check{.name = "LibTorch", .found = LibTorchVersion()};
  const torch::Tensor product = torch::ones({3, 4}).mm(torch::ones({4, 2}));
  check.passed = product.sum().item<float>() == 24.0f;
  check.remedy = check.passed ? "" : "install it again with scripts/setup";
  return check;
}

Check CheckGpu() {
  const bool available = CudaAvailable();
  return {.name = "GPU",
          .passed = available,
          .required = false,
          .found = available ? "usable with --device cuda" : "none usable; --device cpu works",
          .remedy = available ? "" : "for a GPU: scripts/setup --cuda, and a driver for CUDA 13"};
}

Check CheckThreads() {
  const int usable = ResolveThreads(0);
  const long online = sysconf(_SC_NPROCESSORS_ONLN);
  return {.name = "threads",
          .passed = true,
          .found = usable == online
                       ? fmt::format("{} processors", usable)
                       : fmt::format("{} of {} processors may be used here", usable, online),
          .remedy = ""};
}

// Writes, syncs and reads back a file in the folder of runs, or in the one where it would be made.
Check CheckDisk(const std::string& runs) {
  Check check{.name = "disk"};
  constexpr double kGigabyte = 1e9, kWanted = 1.0;
  std::error_code error;
  std::filesystem::path nearest = std::filesystem::absolute(runs, error);
  while (!std::filesystem::exists(nearest, error) && nearest.has_relative_path()) {
    nearest = nearest.parent_path();
  }
  const std::string directory = nearest.string();
  struct statvfs status {};
  if (!std::filesystem::is_directory(nearest, error) || statvfs(directory.c_str(), &status) != 0) {
    check.found = fmt::format("{} cannot be made", runs);
    check.remedy = "choose another folder with --set run.directory=PATH";
    return check;
  }
  const double free = static_cast<double>(status.f_bavail) * static_cast<double>(status.f_frsize);
  check.found = fmt::format("{:.1f} GB free in {}", free / kGigabyte, directory);
  try {
    const std::string probe = directory + "/.doctor";
    WriteFileAtomically(probe, std::string(1 << 16, 'x'));
    std::filesystem::remove(probe);
    check.passed = free > kWanted * kGigabyte;
    if (!check.passed) check.remedy = fmt::format("make room: runs want {} GB", kWanted);
  } catch (const Error& problem) {
    check.found += fmt::format("; {}", problem.what());
    check.remedy = "choose another folder with --set run.directory=PATH";
  }
  return check;
}

Check CheckMemory() {
  const int64_t megabytes = MemoryMegabytes();
  const bool enough = megabytes >= 2000;
  return {.name = "memory",
          .passed = enough,
          .required = false,
          .found = fmt::format("{} MB", megabytes),
          .remedy = enough ? "" : "use smaller batches: agent.meta_batch_size, agent.episodes"};
}

struct DoctorArguments {
  std::string directory = "runs", device;
  int updates = 10;
  int64_t threads = 0;
};

// A device beside the processor; the exit code.
int RunDeviceCheck(const DoctorArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  const int threads = ResolveThreads(arguments.threads);
  const torch::Device device = OpenDevice(ValueOf(kDeviceNames, arguments.device));
  LogInfo(
      fmt::format("The quickstart's learner on {} and on {} thread{} of the processor: {} "
                  "updates each ...",
                  device.str(), threads, threads == 1 ? "" : "s", arguments.updates + 1));
  const DeviceCheck check = CheckDevice(
      common.catalog, {.device = device, .updates = arguments.updates, .threads = threads});

  Table table(
      {{"quantity"}, {"distance", Align::kRight}, {"tolerance", Align::kRight}, {"result"}});
  nlohmann::ordered_json json = {{"device", check.computed_on}, {"threads", threads}};
  for (const DeviceQuantity& q : check.quantities) {
    table.AddRow({q.name, fmt::format("{:.1e}", q.distance), fmt::format("{:g}", q.tolerance),
                  q.agrees() ? "ok" : "FAILED"});
    json["quantities"].push_back(
        {{"name", q.name}, {"distance", q.distance}, {"tolerance", q.tolerance}});
  }
  json["agrees"] = check.agrees();
  json["updates_per_second"] = {{"processor", check.processor_updates},
                                {"device", check.device_updates}};
  if (common.json) {
    Print(ToText(json));
  } else {
    Print("{}\nMeta-updates a second: {:.2f} on the processor, {:.2f} on {}\n", FittedText(table),
          check.processor_updates, check.device_updates, check.computed_on);
  }
  return check.agrees() ? 0 : static_cast<int>(ErrorKind::kRuntime);
}

int RunDoctor(const std::string& directory, const CommonOptions& common) {
  const std::vector<Check> checks = {CheckMujoco(),  CheckLibTorch(), CheckGpu(),
                                     CheckThreads(), CheckMemory(),   CheckDisk(directory)};
  Table table({{"check"}, {"result"}, {"found"}, {"remedy"}});
  nlohmann::ordered_json json;
  bool healthy = true;
  for (const Check& check : checks) {
    const std::string result = check.passed ? "ok" : check.required ? "FAILED" : "no";
    healthy = healthy && (check.passed || !check.required);
    table.AddRow({check.name, result, check.found, check.remedy});
    json["checks"].push_back({{"name", check.name},
                              {"passed", check.passed},
                              {"required", check.required},
                              {"found", check.found},
                              {"remedy", check.remedy}});
  }
  json["healthy"] = healthy;
  for (const auto& [name, value] : BuildFacts()) json["facts"][name] = value;
  if (common.json) {
    Print(ToText(json));
  } else {
    for (const auto& [name, value] : BuildFacts()) Print("{:<11} {}\n", name, value);
    Print("\n{}", FittedText(table));
  }
  return healthy ? 0 : static_cast<int>(ErrorKind::kRuntime);
}

}  // namespace

void AddDoctorCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<DoctorArguments>();
  CLI::App* command = app.add_subcommand(
      "doctor", "Check what a run needs and print the remedy for what is wrong.");
  command->footer(
      "Exit code 0 when everything required is there, 1 otherwise.\n\n"
      "With --device it checks that device's figures instead: the quickstart's learner computes "
      "the\n"
      "same update there and on the processor, from the same episodes. Distances are parts of the\n"
      "length of the processor's result; tolerances allow for sums in another order. Exit code 1\n"
      "when one is exceeded. scripts/gpu_check does it on another machine.\n\n"
      "Examples:\n"
      "  fewstep doctor\n"
      "  fewstep doctor --device cuda --updates 50");
  command->add_option("--directory", arguments->directory, "Folder that will hold run folders")
      ->capture_default_str();
  command->add_option("--device", arguments->device, "cpu or cuda: compare it with the processor")
      ->check(CLI::IsMember(NamesOf(kDeviceNames)));
  command->add_option("--updates", arguments->updates, "Updates to take the time of (--device)")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--threads", arguments->threads, "0 for one a processor (--device)")
      ->check(CLI::Range(0, 4096));
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print JSON");
  command->callback([arguments, &common, &exit_code] {
    exit_code = arguments->device.empty() ? RunDoctor(arguments->directory, common)
                                          : RunDeviceCheck(*arguments, common);
  });
}

}  // namespace fewstep
