// fewstep new
#include <algorithm>
#include <filesystem>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/atomic_file.h"
#include "core/config.h"
#include "core/error.h"
#include "embedded/family_examples.h"
#include "experiments/cli.h"
#include "experiments/output.h"

namespace fewstep {
namespace {

namespace fs = std::filesystem;

// An example that a new family starts from, and the words of it that become the family's own.
struct Skeleton {
  std::string_view folder, family, stem;  // "families/arm-reach", "arm-reach@example", ""
};
enum class From { kDeclarative, kC, kCpp };
constexpr ChoiceName<From> kFromNames[] = {
    {"declarative", From::kDeclarative}, {"c", From::kC}, {"cpp", From::kCpp}};

Skeleton SkeletonOf(From from) {
  switch (from) {
    case From::kC:
      return {"plugins/cart_c", "cart-speed@example", "cart"};
    case From::kCpp:
      return {"plugins/bandit_cpp", "restless-bandit@example", "bandit"};
    default:
      return {"families/arm-reach", "arm-reach@example", ""};
  }
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

constexpr const char* kRecipe = R"([run]
name = "{stem}"
iterations = 50
{evaluation}
[family]
name = "{family}"

[agent]
name = "{agent}"
meta_batch_size = {batch}
)";

struct NewArguments {
  std::string name, from = "declarative", directory = ".";
};

int RunNew(const NewArguments& arguments) {
  // "my-arm@me": the folder is called my-arm
  const std::string stem = arguments.name.substr(0, arguments.name.find('@'));
  const std::string family = stem == arguments.name ? fmt::format("{}@me", stem) : arguments.name;
  const bool word = !stem.empty() && stem.front() != '.' && stem.front() != '-' &&
                    std::ranges::all_of(family, [](unsigned char c) {
                      return std::isalnum(c) || c == '-' || c == '_' || c == '@' || c == '.';
                    });
  if (!word) {
    throw Error(ErrorKind::kUsage, fmt::format("'{}' is no name of a family", arguments.name),
                {.remedy = "Letters, digits, - and _, as in my-arm or my-arm@me"});
  }
  const fs::path folder = (fs::path(arguments.directory) / stem).lexically_normal();
  std::error_code error;
  if (fs::exists(folder, error)) {
    throw Error(ErrorKind::kUsage, "this is there already", {.file = folder.string()});
  }
  const From from = ValueOf(kFromNames, arguments.from);
  const Skeleton skeleton = SkeletonOf(from);

  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorKind::kRuntime, fmt::format("cannot make the folder: {}", error.message()),
                {.file = folder.string()});
  }
  for (const embedded::family_examples_file& file : embedded::family_examples) {
    const std::string prefix = fmt::format("{}/", skeleton.folder);
    if (!file.name.starts_with(prefix)) continue;
    std::string name(file.name.substr(prefix.size()));
    std::string text = Replaced(std::string(file.text), skeleton.family, family);
    text = Replaced(std::move(text), fmt::format("fewstep, examples/{}", skeleton.folder),
                    fmt::format("made from fewstep's example {}", skeleton.folder));
    if (name == "CMakeLists.txt") text = Replaced(std::move(text), skeleton.stem, stem);
    if (!skeleton.stem.empty()) name = Replaced(std::move(name), skeleton.stem, stem);
    WriteFileAtomically((folder / name).string(), text);
  }
  const bool bandit = from == From::kCpp;
  WriteFileAtomically(
      (folder / "recipe.toml").string(),
      fmt::format(kRecipe, fmt::arg("stem", stem), fmt::arg("family", family),
                  fmt::arg("agent", bandit ? "rl2" : "promp"), fmt::arg("batch", bandit ? 200 : 20),
                  fmt::arg("evaluation", bandit ? "" : "evaluation_units = 3\n")));

  // what to do with it
  const std::string at = folder.string();
  const std::string plugin =
      from == From::kDeclarative ? at : fmt::format("{}/build/{}.so", at, stem);
  Print("{} is the family {}. Next:\n", at, family);
  if (from != From::kDeclarative) {
    Print("  cmake -S {0} -B {0}/build && cmake --build {0}/build\n", at);
  }
  Print("  fewstep check {}\n  fewstep train {}/recipe.toml --plugin {}\n", plugin, at, plugin);
  return 0;
}

}  // namespace

void AddNewCommand(CLI::App& app, CommonOptions&, int& exit_code) {
  CLI::App* command = app.add_subcommand("new", "Write a task family to start from.");
  command->require_subcommand(1);
  auto arguments = std::make_shared<NewArguments>();
  CLI::App* family = command->add_subcommand("family", "A folder with a family that works.");
  family->footer(
      "declarative: family.toml and an MJCF model, no compiler; an arm that reaches.\n"
      "c, cpp:      a plug-in library, built by CMake with the installed package of fewstep: a "
      "cart "
      "on\n"
      "             MuJoCo's physics in C, a bandit with a state of its own in C++.\n"
      "`fewstep describe family.toml` explains the keys, docs/add_a_family.md the way from there "
      "to "
      "a\ntrained agent.\n\n"
      "Examples:\n"
      "  fewstep new family my-arm\n"
      "  fewstep new family my-cart --from c");
  family->add_option("name", arguments->name, "Name of the family and its folder")->required();
  family->add_option("--from", arguments->from, "What it is written in")
      ->check(CLI::IsMember(NamesOf(kFromNames)))
      ->capture_default_str();
  family->add_option("--directory", arguments->directory, "Where the folder is made")
      ->capture_default_str();
  family->callback([arguments, &exit_code] { exit_code = RunNew(*arguments); });
}

}  // namespace fewstep
