#include "experiments/running/meta_rl_trainable.h"

#include <algorithm>

#include <fmt/format.h>

namespace fewstep {
namespace {

class MetaRlTrainable final : public Trainable {
 public:
  MetaRlTrainable(const RunConfig& config, const Catalog& catalog)
      : bench_(config, catalog), config_(config) {}

  std::string description() const override {
    std::string text =
        fmt::format("{} on {} ({}), {} steps an iteration", config_.agent_name, config_.family_name,
                    bench_.family->hash(), bench_.agent->steps_per_iteration());
    if (has_replay()) {
      text += fmt::format(" at most, a replay of {:.1f} MB", bench_.agent->replay_bytes() / 1e6);
    }
    return text;
  }

  std::vector<std::pair<std::string, std::string>> identity() const override {
    return {{"family_hash", bench_.family->hash()}, {"agent", config_.agent_name}};
  }

  std::vector<std::pair<std::string, std::string>> origin() const override {
    const FamilyEntry& entry = bench_.catalog.families.Get(config_.family_name);
    std::vector<std::pair<std::string, std::string>> facts = {{"family", config_.family_name},
                                                              {"family_origin", entry.origin}};
    if (!entry.library_hash.empty()) facts.emplace_back("family_library_hash", entry.library_hash);
    return facts;
  }
  std::function<void(const std::string& folder)> definition() const override {
    return bench_.catalog.families.Get(config_.family_name).save;
  }

  bool trained() const override { return bench_.catalog.agents.Get(config_.agent_name).trained; }

  std::vector<Footprint> footprints() const override {
    std::vector<Footprint> footprints = {IterationFootprint(),
                                         EvaluationFootprint(bench_, EvaluationOf(config_))};
    if (has_replay()) {
      // beside everything else, from the first iteration on; twice while it is read back
      const double replay = bench_.agent->replay_bytes();
      for (Footprint& footprint : footprints) footprint.bytes += replay;
      footprints.insert(footprints.begin(), {.purpose = "the replay, and its checkpoint beside it",
                                             .keys = bench_.agent->replay_keys(),
                                             .bytes = config_.run.save_replay ? 2 * replay : replay,
                                             .items = 0,
                                             .item_name = ""});
    }
    return footprints;
  }

  std::vector<std::string> columns() const override {
    std::vector<std::string> columns = bench_.agent->columns();
    if (config_.run.evaluation_interval == 0) return columns;
    const EvaluationOptions options =
        Resolved(EvaluationOf(config_), *bench_.agent, bench_.family->spec());
    for (const size_t unit : ShownPoints(static_cast<size_t>(options.units) + 1)) {
      columns.push_back(EvaluationColumn(AdaptationCurve().score, unit));
    }
    return columns;
  }

  LearningCurve learning_curve() const override {
    const int last = bench_.agent->last_reported_unit();
    LearningCurve curve{.effort = "environment_steps",
                        .effort_label = "environment steps",
                        .effort_unit = "steps",
                        .score = "return"};
    if (std::ranges::count(bench_.agent->columns(), "trial_return") > 0) {
      // what it learns while it acts is paid by the whole trial
      curve.score = "trial return";
      curve.lines = {{"trial_return", "return of a trial"}};
    } else if (last == 0) {
      curve.lines = {{"return_0", "return"}};
    } else {
      curve.lines = {{fmt::format("return_{}", last), "after adaptation"},
                     {"return_0", "before adaptation"}};
    }
    return curve;
  }

  Metrics Iterate(const Rng& rng) override {
    sampling_before_ = bench_.sampler.seconds();
    const std::vector<Task> tasks =
        bench_.family->Sample(Split::kTrain, bench_.agent->meta_batch_size(), rng.Fork("tasks"));
    return bench_.agent->TrainIteration(tasks, bench_.sampler, rng);
  }

  Metrics Timing(const Metrics& metrics, double seconds) override {
    const double sampling = bench_.sampler.seconds() - sampling_before_;
    Metrics timing;
    timing.Add("sampling_seconds", sampling);
    timing.Add("learning_seconds", seconds - sampling);
    timing.Add("steps_per_second", metrics.GetOr("environment_steps", 0) / seconds);
    return timing;
  }

  AdaptationCurve Evaluate() override {
    return fewstep::Evaluate(*bench_.agent, config_.agent_name, bench_.sampler,
                             EvaluationOf(config_));
  }

  bool has_replay() const override { return bench_.agent->replay_bytes() > 0; }
  void Save(TensorFile& file, bool with_replay) const override {
    bench_.agent->Save(file);
    if (with_replay) bench_.agent->SaveReplay(CheckpointWriter(file).Scope("replay"));
  }
  void Load(const TensorFile& file, bool with_replay) override {
    LoadAgent(file, bench_, config_);
    if (with_replay) bench_.agent->LoadReplay(CheckpointReader(file).Scope("replay"));
  }

 private:
  Footprint IterationFootprint() const {
    const double steps = static_cast<double>(bench_.agent->steps_per_iteration());
    return {.purpose = "an iteration",
            .keys = bench_.agent->size_keys() + ", family.horizon",
            .bytes = bench_.agent->iteration_bytes(),
            .items = steps / bench_.family->spec().horizon,
            .item_name = "episodes"};
  }

  Workbench bench_;
  const RunConfig& config_;
  double sampling_before_ = 0;  // seconds, before the latest iteration
};

}  // namespace

std::unique_ptr<Trainable> MakeMetaRlTrainable(const RunConfig& config, const Catalog& catalog) {
  return std::make_unique<MetaRlTrainable>(config, catalog);
}

Footprint EvaluationFootprint(const Workbench& bench, const EvaluationOptions& options) {
  const FamilySpec& spec = bench.family->spec();
  const double episodes = 1.0 * options.tasks * Resolved(options, *bench.agent, spec).episodes;
  return {.purpose = "an evaluation",
          .keys = "run.evaluation_tasks, run.evaluation_episodes, family.horizon",
          .bytes = RolloutBytes(spec, episodes) +
                   bench.agent->deployment_bytes(options.tasks,
                                                 Resolved(options, *bench.agent, spec).episodes),
          .items = episodes,
          .item_name = "episodes"};
}

}  // namespace fewstep
