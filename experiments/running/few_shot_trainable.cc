#include "experiments/running/few_shot_trainable.h"

#include <algorithm>

#include <fmt/format.h>

#include "agents/device.h"
#include "core/error.h"
#include "experiments/running/few_shot_scene.h"

namespace fewstep {
namespace {

// What one prediction of an evaluation holds at once.
constexpr int64_t kEpisodesAtOnce = 4;

class FewShotTrainable final : public Trainable {
 public:
  FewShotTrainable(const RunConfig& config, const Catalog& catalog, bool begins)
      : bench_(config, catalog, begins),
        config_(config),
        trained_(catalog.learners.Get(config.learner_name).trained) {}

  std::string description() const override {
    return fmt::format("{} on {} ({})", config_.learner_name, config_.data_name, bench_.hash);
  }
  std::vector<std::pair<std::string, std::string>> identity() const override {
    return {{"data_hash", bench_.hash}, {"learner", config_.learner_name}};
  }
  std::vector<std::pair<std::string, std::string>> origin() const override {
    return {{"data", config_.data_name}};
  }
  bool trained() const override { return trained_; }
  std::vector<Footprint> footprints() const override {
    // on a GPU it is not this machine's memory
    if (config_.run.iterations == 0 || !bench_.device.is_cpu()) return {};
    const bool batches = std::ranges::any_of(
        DescribeFields(*config_.learner),
        [](const FieldDescription& field) { return field.key == "batch_size"; });
    return {{.purpose = "an iteration",
             .keys = batches ? "learner.batch_size"
                             : "learner.meta_batch_size, learner.training_queries",
             .bytes = bench_.learner->IterationBytes(),
             .items = 0,
             .item_name = ""}};
  }

  std::vector<std::string> columns() const override {
    std::vector<std::string> columns = bench_.learner->columns();
    if (config_.run.validation_interval > 0) columns.push_back(validation_column());
    if (config_.run.evaluation_interval == 0) return columns;
    const int64_t units = bench_.learner->Units(FewShotEvaluationOf(config_).units);
    for (const size_t unit : ShownPoints(static_cast<size_t>(units) + 1)) {
      columns.push_back(EvaluationColumn(score(), unit));
    }
    return columns;
  }
  LearningCurve learning_curve() const override {
    const std::vector<std::string> columns = bench_.learner->columns();
    LearningCurve curve{.effort = columns.front(),
                        .effort_label = "training " + columns.front(),
                        .effort_unit = columns.front(),
                        .score = score()};
    if (!columns.back().starts_with(score())) {  // nothing adapts in training
      curve.score = columns.back();
      curve.lines = {{columns.back(), "in training"}};
      return curve;
    }
    curve.lines = {{columns.back(), "after adaptation"}};
    if (const std::string before = score() + "_0"; std::ranges::count(columns, before) > 0) {
      curve.lines.push_back({before, "before adaptation"});
    }
    return curve;
  }

  Metrics Iterate(const Rng& rng) override { return bench_.learner->Iterate(rng); }
  Metrics Timing(const Metrics& metrics, double seconds) override {
    Metrics timing;
    const std::string effort = bench_.learner->columns().front();
    timing.Add(effort + "_per_second", metrics.GetOr(effort, 0) / seconds);
    return timing;
  }
  AdaptationCurve Evaluate() override {
    return fewstep::Evaluate(bench_, config_, FewShotEvaluationOf(config_));
  }

  Validation Validate() override {
    const AdaptationCurve curve = fewstep::Evaluate(bench_, config_, FewShotValidationOf(config_));
    return {.column = validation_column(),
            .value = curve.mean.back().point,
            .larger_is_better = bench_.source->form().classification};
  }

  void Save(TensorFile& file, bool /*with_replay*/) const override { bench_.learner->Save(file); }
  void Load(const TensorFile& file, bool /*with_replay*/) override {
    LoadLearner(file, bench_, config_);
  }

 private:
  std::string score() const { return bench_.source->form().classification ? "accuracy" : "error"; }

  std::string validation_column() const { return "validation_" + score(); }

  FewShotBench bench_;
  const RunConfig& config_;
  bool trained_;
};

}  // namespace

std::unique_ptr<EpisodeSource> MakeEpisodeSource(const std::string& name,
                                                 const DataOptions& options,
                                                 const Catalog& catalog) {
  if (!options.of_examples) {
    return MakeFunctionSource(catalog.functions.Get(name).make(*options.own),
                              name + "\n" + WriteToml("data", *options.own));
  }
  return MakeExampleSource(
      catalog.data.Get(name).make(*options.own, DataDirectory(catalog.data_directory)),
      options.rotations);
}

FewShotBench::FewShotBench(const RunConfig& config, const Catalog& catalog, bool begins)
    : source(MakeEpisodeSource(config.data_name, *config.data, catalog)),
      hash(source->hash()),
      pool(ResolveThreads(config.run.threads), UseOneTorchThread),
      device(OpenDevice(config.run.device)) {
  UseOneTorchThread();
  source->Check(DataSplit::kTest, config.data->episodes);
  if (config.run.validation_interval > 0) {
    source->Check(DataSplit::kValidation, config.data->episodes);
  }
  learner =
      catalog.learners.Get(config.learner_name)
          .make(*config.learner, {.source = *source,
                                  .episodes = config.data->episodes,
                                  .pool = pool,
                                  .device = device,
                                  .init = Rng(static_cast<uint64_t>(config.run.seed)).Fork("init"),
                                  .begins = begins});
}

FewShotEvaluation FewShotEvaluationOf(const RunConfig& config) {
  return {.split = DataSplit::kTest,
          .episodes = config.run.evaluation_tasks,
          .units = config.run.evaluation_units,
          .seed = Rng(static_cast<uint64_t>(config.run.evaluation_seed)).Fork("evaluation").key(),
          .shape = config.data->episodes,
          .data_name = config.data_name};
}

FewShotEvaluation FewShotValidationOf(const RunConfig& config) {
  return {.split = DataSplit::kValidation,
          .episodes = config.run.validation_tasks,
          .seed = Rng(static_cast<uint64_t>(config.run.evaluation_seed)).Fork("validation").key(),
          .all_modes = false,
          .shape = config.data->episodes,
          .data_name = config.data_name};
}

AdaptationCurve Evaluate(FewShotBench& bench, const RunConfig& config,
                         const FewShotEvaluation& options) {
  const FewShotLearner& learner = *bench.learner;
  const EpisodeOptions& episodes = options.shape;
  const EpisodeSource& source = options.source != nullptr ? *options.source : *bench.source;
  const EpisodeForm &form = source.form(), &trained = bench.source->form();
  const bool classifies = form.classification;
  if (!(form.example == trained.example) || classifies != trained.classification ||
      form.outputs != trained.outputs) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} has examples of {}, and the learner was trained on {}",
                            options.data_name, form.example.Text(), trained.example.Text()),
                {.key = "--data"});
  }
  if (learner.ways() > 0 &&
      (episodes.ways != learner.ways() || episodes.size == EpisodeSize::kVariable)) {
    throw Error(ErrorKind::kUsage,
                fmt::format("its network has outputs for {} ways alone", learner.ways()),
                {.key = "--ways"});
  }
  source.Check(options.split, episodes);
  const int64_t units = learner.Units(options.units);
  std::vector<NormMode> modes = learner.norm_modes();
  if (!options.all_modes) modes.resize(1);
  const auto count = static_cast<size_t>(options.episodes);

  // scores [modes][units + 1][episodes], some episodes at once on each thread
  const int64_t at_once = episodes.size == EpisodeSize::kFixed ? kEpisodesAtOnce : 1;
  std::vector<std::vector<std::vector<double>>> scores(
      modes.size(),
      std::vector<std::vector<double>>(static_cast<size_t>(units) + 1, std::vector<double>(count)));
  const int64_t parts = (options.episodes + at_once - 1) / at_once;
  bench.pool.Run(static_cast<int>(parts), [&](int part, int) {
    const int64_t first = part * at_once, last = std::min(options.episodes, first + at_once);
    const EpisodeBatch batch = source.Draw(options.split, options.seed,
                                           static_cast<uint64_t>(first), last - first, episodes);
    const int64_t ways = classifies ? batch.support_y.max().item<int64_t>() + 1 : 0;
    for (size_t mode = 0; mode < modes.size(); ++mode) {
      const std::vector<torch::Tensor> predicted = learner.Predict(batch, ways, modes[mode], units);
      for (size_t unit = 0; unit < predicted.size(); ++unit) {
        const torch::Tensor of =
            EpisodeScores(predicted[unit].to(torch::kCPU), batch.query_y, classifies);
        for (int64_t i = 0; i < last - first; ++i) {
          scores[mode][unit][static_cast<size_t>(first + i)] = of[i].item<double>();
        }
      }
    }
  });

  AdaptationCurve curve;
  curve.score = classifies ? "accuracy" : "error";
  curve.family = options.data_name;
  curve.family_hash = source.hash();
  curve.agent = config.learner_name;
  curve.unit = learner.unit();
  curve.options.task_seed = static_cast<uint64_t>(config.run.evaluation_seed);
  curve.options.tasks = static_cast<int>(options.episodes);
  curve.bootstrapped = false;
  curve.returns = std::move(scores[0]);
  for (const std::vector<double>& of_unit : curve.returns)
    curve.mean.push_back(StudentMean(of_unit));
  curve.metrics.resize(curve.returns.size());
  FewShotProtocol protocol{.split = options.split,
                           .episodes = episodes,
                           .classifies = classifies,
                           .norm_mode = "",
                           .others = {}};
  if (learner.has_batch_norm()) protocol.norm_mode = NameOf(kNormModeNames, modes[0]);
  for (size_t mode = 1; mode < modes.size(); ++mode) {
    FewShotProtocol::OtherMode& other =
        protocol.others.emplace_back(NameOf(kNormModeNames, modes[mode]));
    for (const std::vector<double>& of_unit : scores[mode])
      other.mean.push_back(StudentMean(of_unit));
  }
  // curves of the first functions
  if (!classifies && form.example.size() == 1 && form.outputs == 1) {
    for (size_t i = 0; i < std::min(kShownFits, count); ++i) {
      const DrawnScene drawn = DrawScene(source, options.split, options.seed, i, episodes);
      protocol.fits.push_back({*drawn.scene, PredictScene(learner, drawn, modes[0], units)});
    }
  }
  curve.few_shot = std::move(protocol);
  return curve;
}

void LoadLearner(const TensorFile& file, const FewShotBench& bench, const RunConfig& config) {
  const auto require = [&](const char* key, const std::string& own, const std::string& what) {
    if (const std::string& stored = file.Metadata(key); stored != own) {
      throw Error(ErrorKind::kData,
                  fmt::format("it was trained on {} {}, this run has {}", what, stored, own),
                  {.file = file.path(),
                   .remedy = "Give it the data, and the keys of [data], that it was trained with"});
    }
  };
  require("learner", config.learner_name, "the learner");
  require("data_hash", bench.hash, "data with the hash");
  bench.learner->Load(file);
}

std::unique_ptr<Trainable> MakeFewShotTrainable(const RunConfig& config, const Catalog& catalog,
                                                bool begins) {
  return std::make_unique<FewShotTrainable>(config, catalog, begins);
}

}  // namespace fewstep
