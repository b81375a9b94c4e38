#include "experiments/running/workbench.h"

#include <fmt/format.h>

#include "agents/device.h"
#include "core/error.h"
#include "core/log.h"
#include "experiments/running/run_directory.h"
#include "experiments/running/training_loop.h"

namespace fewstep {

namespace {

const RunConfig& OfMetaRl(const RunConfig& config) {
  if (config.few_shot()) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} on {} is few-shot learning: it has no episodes to act",
                            config.learner_name, config.data_name),
                {.file = config.run_path(),
                 .remedy = "fewstep evaluate measures it; this command is for meta-RL"});
  }
  return config;
}

}  // namespace

Workbench::Workbench(const RunConfig& config, const Catalog& catalog_of)
    : catalog((OfMetaRl(config), catalog_of)),
      family(catalog.families.Make(config.family_name, *config.family)),
      pool(ResolveThreads(config.run.threads), UseOneTorchThread),
      device(OpenDevice(config.run.device)),
      agent((UseOneTorchThread(),
             catalog.agents.Get(config.agent_name)
                 .make(*config.agent,
                       {.family = *family,
                        .pool = pool,
                        .device = device,
                        .init = Rng(static_cast<uint64_t>(config.run.seed)).Fork("init")}))),
      sampler(*family, pool, config.run.sampling_plan, device) {}

uint64_t EvaluationSeed(const RunConfig& config) {
  return Rng(static_cast<uint64_t>(config.run.seed))
      .Fork("evaluation", static_cast<uint64_t>(config.run.evaluation_seed))
      .key();
}

EvaluationOptions EvaluationOf(const RunConfig& config) {
  return {.split = Split::kTest,
          .tasks = static_cast<int>(config.run.evaluation_tasks),
          .units = static_cast<int>(config.run.evaluation_units),
          .episodes = static_cast<int>(config.run.evaluation_episodes),
          .deterministic = config.run.evaluation_deterministic,
          .task_seed = static_cast<uint64_t>(config.run.evaluation_seed),
          .seed = EvaluationSeed(config)};
}

TensorFile OpenCheckpoint(const RunConfig& config, const std::string& path) {
  // a replay is not what acts
  const ReadOptions how{.spare = kReplayTensors};
  if (!path.empty()) return CheckpointStore::Load(path, how);
  RunDirectory directory(config.run_path(), static_cast<int>(config.run.keep_checkpoints));
  LoadedCheckpoint newest = directory.checkpoints().LoadNewest({}, how);
  for (const std::string& warning : newest.warnings) LogWarning(warning);
  return std::move(newest.file);
}

namespace {

// The family that a resolved recipe names, "" when it cannot be told.
std::string FamilyOfRecipe(std::string_view recipe) {
  constexpr std::string_view kTable = "[family]", kKey = "name = \"";
  const size_t table = recipe.find(kTable);
  if (table == std::string_view::npos) return {};
  const size_t key = recipe.find(kKey, table);
  if (key == std::string_view::npos) return {};
  const size_t begin = key + kKey.size();
  return std::string(recipe.substr(begin, recipe.find('"', begin) - begin));
}

}  // namespace

void LoadAgent(const TensorFile& file, const Workbench& bench, const RunConfig& config) {
  if (const std::string family = FamilyOfRecipe(file.Metadata("recipe"));
      !family.empty() && family != config.family_name) {
    throw Error(
        ErrorKind::kData,
        fmt::format("this is a checkpoint of {}, and the run is on {}", family, config.family_name),
        {.file = file.path(), .remedy = "Name one of the run's own, or none"});
  }
  const std::string& hash = file.Metadata("family_hash");
  if (hash != bench.family->hash()) {
    throw Error(ErrorKind::kData,
                fmt::format("it was trained on definition {} of {}, this program has {}", hash,
                            config.family_name, bench.family->hash()),
                {.file = file.path(),
                 .remedy = "Results of different definitions are not comparable; use the version "
                           "of fewstep named in the run's build.json"});
  }
  if (const std::string& agent = file.Metadata("agent"); agent != config.agent_name) {
    throw Error(ErrorKind::kData,
                fmt::format("it was saved by the agent {}, not {}", agent, config.agent_name),
                {.file = file.path()});
  }
  bench.agent->Load(file);
}

}  // namespace fewstep
