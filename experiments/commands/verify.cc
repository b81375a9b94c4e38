// fewstep verify
#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "agents/device.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/cli.h"
#include "experiments/output.h"
#include "experiments/reports/table.h"
#include "experiments/running/run_config.h"
#include "meta/verification/verification.h"

namespace fewstep {
namespace {

struct VerifyArguments {
  std::string file;
  VerificationOptions options;
  int64_t seed = 1, threads = 0;
};

std::string Row(const std::vector<double>& values) {
  constexpr size_t kShown = 8;
  std::vector<std::string> numbers;
  for (size_t i = 0; i < std::min(values.size(), kShown); ++i) {
    numbers.push_back(fmt::format("{:.4g}", values[i]));
  }
  if (values.size() > kShown) numbers.emplace_back("...");
  return fmt::format("{}", fmt::join(numbers, ", "));
}

nlohmann::ordered_json ToJson(const Finding& f, const std::vector<double>& offsets) {
  nlohmann::ordered_json json = {
      {"name", f.estimator.name},
      {"inner_surrogate", NameOf(kSurrogateNames, f.estimator.inner_surrogate)},
      {"inner_order", NameOf(kGradientOrderNames, f.estimator.inner_order)},
      {"expectation", f.expected},
      {"relative_error", RelativeError(f.expected, f.truth)},
      {"cosine", Cosine(f.expected, f.truth)},
      {"reward_offsets", nlohmann::ordered_json::array()},
      {"monte_carlo",
       {{"mean", f.sampled.mean},
        {"standard_error", f.sampled.standard_error},
        {"distance", DistanceInErrors(f.sampled, f.expected)}}}};
  for (size_t i = 0; i < f.offset_expected.size(); ++i) {
    json["reward_offsets"].push_back(
        {{"offset", offsets[i]},
         {"relative_error", RelativeError(f.offset_expected[i], f.offset_truth[i])},
         {"cosine", Cosine(f.offset_expected[i], f.offset_truth[i])}});
  }
  return json;
}

void PrintTables(const std::vector<Finding>& findings, const std::vector<double>& offsets) {
  // the exact part
  std::vector<TableColumn> columns = {{"estimator"},
                                      {"exact expectation"},
                                      {"relative error", Align::kRight},
                                      {"cosine", Align::kRight}};
  for (const double offset : offsets) {
    columns.push_back({fmt::format("reward {:+g}: error", offset), Align::kRight});
    columns.push_back({"cosine", Align::kRight});
  }
  Table exact(columns);
  for (const Finding& f : findings) {
    std::vector<std::string> cells = {f.estimator.name, Row(f.expected)};
    const auto add = [&](const std::vector<double>& estimate, const std::vector<double>& truth) {
      cells.push_back(fmt::format("{:.3g}", RelativeError(estimate, truth)));
      cells.push_back(fmt::format("{:.4f}", Cosine(estimate, truth)));
    };
    add(f.expected, f.truth);
    for (size_t i = 0; i < offsets.size(); ++i) add(f.offset_expected[i], f.offset_truth[i]);
    exact.AddRow(cells);
  }
  Print("{}\n", FittedText(exact));

  // what training samples
  Table sampled({{"estimator"},
                 {"mean as training samples it"},
                 {"standard error"},
                 {"farthest from the expectation", Align::kRight}});
  for (const Finding& f : findings) {
    sampled.AddRow({f.estimator.name, Row(f.sampled.mean), Row(f.sampled.standard_error),
                    fmt::format("{:.1f} s.e.", DistanceInErrors(f.sampled, f.expected))});
  }
  Print("{}\n", FittedText(sampled));
}

// Everything, for machines. `contradictions` beside what they were found in.
std::string JsonText(const VerifyArguments& arguments, const EnumerableMdp& mdp,
                     const Verification& found, const std::vector<std::string>& contradictions) {
  const MdpOptions& o = mdp.options();
  nlohmann::ordered_json json = {
      {"mdp", arguments.file.empty() ? "built in" : arguments.file},
      {"states", o.states},
      {"actions", o.actions},
      {"horizon", o.horizon},
      {"trajectories", mdp.trajectories().size()},
      {"inner_learning_rate", o.inner_learning_rate},
      {"inner_steps", o.inner_steps},
      {"inner_optimizer", NameOf(kInnerOptimizerNames, o.inner_optimizer)},
      {"replicas", arguments.options.sampling.replicas},
      {"episodes", arguments.options.sampling.episodes},
      {"seed", arguments.seed},
      {"truth", {{"gradient", found.truth.values}, {"uncertainty", found.truth.uncertainty}}},
      {"estimators", nlohmann::ordered_json::array()}};
  for (const Finding& f : found.limit) {
    json["estimators"].push_back(ToJson(f, arguments.options.offsets));
  }
  if (!found.sampled_step.empty()) {
    json["sampled_step"] = {{"episodes", arguments.options.support},
                            {"truth",
                             {{"gradient", found.sampled_truth.values},
                              {"uncertainty", found.sampled_truth.uncertainty}}},
                            {"estimators", nlohmann::ordered_json::array()}};
    for (const Finding& f : found.sampled_step) {
      json["sampled_step"]["estimators"].push_back(ToJson(f, {}));
    }
  }
  json["contradictions"] = contradictions;
  json["verified"] = contradictions.empty();
  return ToText(json);
}

void PrintReport(const VerifyArguments& arguments, const EnumerableMdp& mdp,
                 const Verification& found, const std::vector<std::string>& contradictions) {
  const MdpOptions& o = mdp.options();
  const int64_t support = arguments.options.support;
  Print("{}: {} states, {} actions, horizon {}, {} trajectories; {} inner step{} of rate {}{}\n\n",
        arguments.file.empty() ? "The built-in process" : arguments.file, o.states, o.actions,
        o.horizon, mdp.trajectories().size(), o.inner_steps, o.inner_steps == 1 ? "" : "s",
        o.inner_learning_rate,
        o.inner_optimizer == InnerOptimizer::kGradient
            ? ""
            : fmt::format(" ({})", NameOf(kInnerOptimizerNames, o.inner_optimizer)));
  Print(
      "Adapting on many episodes. The true meta-gradient, by finite differences of the exact\n"
      "objective (uncertain by {:.0e}):\n{}\n\n",
      found.truth.uncertainty, Row(found.truth.values));
  PrintTables(found.limit, arguments.options.offsets);
  if (found.sampled_step.empty()) {
    Print(
        "A step on {} sampled episode{} is not checked: they can be drawn in {:.3g} ways, and at "
        "most {} are enumerated.\n\n",
        support, support == 1 ? "" : "s", found.ways, kMaxWays);
  } else {
    Print(
        "Adapting once on {} sampled episode{}. The true meta-gradient, by finite differences of\n"
        "the mean over all ways to draw them (uncertain by {:.0e}):\n{}\n\n",
        support, support == 1 ? "" : "s", found.sampled_truth.uncertainty,
        Row(found.sampled_truth.values));
    PrintTables(found.sampled_step, {});
  }
  for (const std::string& contradiction : contradictions) Print("WRONG: {}\n", contradiction);
  if (contradictions.empty()) {
    Print(
        "Verified: what is claimed to be exact ({}) is so to {:g}, and what training samples lies "
        "within {:g}\nstandard errors of the exact expectations.\n",
        found.sampled_step.empty() ? "dice" : "dice; exact credit", kExactTolerance, kMaxErrors);
  }
}

int RunVerify(const VerifyArguments& arguments, const CommonOptions& common) {
  SetLogLevel(common.quiet ? LogLevel::kQuiet : LogLevel::kNormal);
  const EnumerableMdp mdp =
      arguments.file.empty() ? EnumerableMdp(TwoStateMdp()) : EnumerableMdp::Read(arguments.file);
  WorkerPool pool(ResolveThreads(arguments.threads), UseOneTorchThread);
  UseOneTorchThread();

  const Rng rng = Rng(static_cast<uint64_t>(arguments.seed)).Fork("verify");
  const Verification found =
      Verify(mdp, arguments.options, pool, rng, [](const std::string& text) { LogInfo(text); });
  std::vector<std::string> contradictions = Contradictions(found.limit);
  for (std::string& more : Contradictions(found.sampled_step)) {
    contradictions.push_back(std::move(more));
  }
  if (common.json) {
    Print(JsonText(arguments, mdp, found, contradictions));
  } else {
    PrintReport(arguments, mdp, found, contradictions);
  }
  return contradictions.empty() ? 0 : 1;
}

}  // namespace

void AddVerifyCommand(CLI::App& app, CommonOptions& common, int& exit_code) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand(
      "verify", "Compare the meta-gradients that training uses with the truth, on a small MDP.");
  command->footer(
      R"(A decision process this small can be enumerated: the objective after adaptation is known exactly,
and its finite differences are the true meta-gradient. The code under test is the code that trains.

  exact expectation   what an estimator gives on all trajectories, weighted by their probabilities
  relative error      its distance from the truth, as a part of the truth's length
  cosine              of the angle between both: 1 the same direction, negative an ascent that descends
  reward +c           the same after a constant was added to every reward, which moves no optimum:
                      an estimator whose figures change depends on what should not matter
  mean, standard error   of the estimate as training makes it: sampled episodes, sampled adaptation
  farthest ...        the component of the mean that lies farthest from the exact expectation. A sampled
                      inner step biases a replica by O(1 / episodes): keep --episodes far above --replicas

dice is unbiased to the digits of double precision; likelihood_ratio leaves out terms of low weight;
log_likelihood lacks a part of the Hessian and depends on the baseline; first order has no Hessian.

The second part adapts once on few sampled episodes, as training does, where the meta-gradient has to
credit sampling for what it leads to. exact credit (E-MAML) does; without it, no surrogate is exact.

Exit code 0 when dice and exact credit agree with the truth to 1e-6 and every mean lies within 4
standard errors of its exact expectation, 1 otherwise.

Examples:
  fewstep verify                                          the built-in process, of two states
  fewstep verify experiments/mdps/three-state.toml --reward-offset 10
  fewstep verify my.toml --episodes 100000 --replicas 100 --seed 2 --json)");
  command->add_option("mdp", arguments->file, "File with a table [mdp]; see experiments/mdps");
  command
      ->add_option("--reward-offset", arguments->options.offsets,
                   "Constant to add to every reward; may be repeated")
      ->check(CLI::Range(-1e6, 1e6))
      ->capture_default_str();
  command
      ->add_option("--adaptation-episodes", arguments->options.support,
                   "Episodes of the sampled step of the second part")
      ->check(CLI::Range(1, 5))
      ->capture_default_str();
  command
      ->add_option("--episodes", arguments->options.sampling.episodes,
                   "Episodes of a replica, for each step")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_option("--replicas", arguments->options.sampling.replicas, "Independent estimates")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "Of everything sampled")
      ->check(CLI::Range(int64_t{0}, kLargestSeed))
      ->capture_default_str();
  command->add_option("--threads", arguments->threads, "0 for one a processor")
      ->check(CLI::Range(0, 4096));
  command->add_flag("--quiet", common.quiet, "No progress");
  command->add_flag("--json", common.json, "Print JSON");
  command->callback(
      [arguments, &common, &exit_code] { exit_code = RunVerify(*arguments, common); });
}

}  // namespace fewstep
