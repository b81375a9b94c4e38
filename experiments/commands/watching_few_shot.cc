#include "experiments/commands/watching_few_shot.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "agents/device.h"
#include "core/error.h"
#include "experiments/running/few_shot_scene.h"
#include "experiments/running/few_shot_trainable.h"
#include "viewer/few_shot_subject.h"

namespace fewstep {
namespace {

// Sliders go at least so far, where the data and the learner do.
constexpr int64_t kMostWays = 20, kMostShots = 20, kMostUnits = 20;

class LearnerAdaptation final : public EpisodeAdaptation {
 public:
  LearnerAdaptation(const FewShotBench& bench, EpisodeOptions episodes,
                    const FewShotEvaluation& evaluation)
      : bench_(bench), episodes_(std::move(episodes)), evaluation_(evaluation) {}

  std::shared_ptr<const AdaptedLearner> Begin(const EpisodeChoice& choice, int units) override {
    UseOneTorchThread();  // the thread that adapts is another than the one it was made on
    EpisodeOptions options = episodes_;
    options.ways = choice.ways;
    options.shots = choice.shots;
    drawn_ = DrawScene(*bench_.source, evaluation_.split, evaluation_.seed, choice.index, options);
    units_ = units;
    reached_ = 0;
    Predict(0);
    return Snapshot();
  }

  std::shared_ptr<const AdaptedLearner> Advance(std::stop_token stop) override {
    if (stop.stop_requested()) return nullptr;
    // a learner adapts by all units in one go
    const int64_t units = bench_.learner->Units(units_);
    if (reached_ == 0 && units > 0) Predict(units);
    ++reached_;
    return Snapshot();
  }

 private:
  void Predict(int64_t units) {
    const FewShotLearner& learner = *bench_.learner;
    predictions_ = PredictScene(learner, drawn_, learner.norm_modes().front(), units);
  }

  std::shared_ptr<const AdaptedLearner> Snapshot() const {
    auto adapted = std::make_shared<AdaptedLearner>();
    adapted->units = reached_;
    adapted->scene = drawn_.scene;
    // what has one unit alone stays as it is
    adapted->prediction =
        predictions_[std::min(static_cast<size_t>(reached_), predictions_.size() - 1)];
    adapted->scores = {adapted->prediction.score};
    return adapted;
  }

  const FewShotBench& bench_;
  EpisodeOptions episodes_;
  FewShotEvaluation evaluation_;
  DrawnScene drawn_;
  std::vector<FewShotPrediction> predictions_;
  int units_ = 0, reached_ = 0;
};

// From `low` as far as there are such episodes, up to `most` or what the run itself has.
Range RangeOf(const EpisodeSource& source, const EpisodeOptions& own,
              int64_t EpisodeOptions::*number, int64_t low, int64_t most) {
  EpisodeOptions asked = own;
  int64_t high = own.*number;
  for (int64_t value = high + 1; value <= most; ++value) {
    asked.*number = value;
    try {
      source.Check(DataSplit::kTest, asked);
    } catch (const Error&) {
      break;
    }
    high = value;
  }
  return {static_cast<double>(std::min(low, own.*number)), static_cast<double>(high)};
}

}  // namespace

void OpenLearner(Watched::Agent& agent, const std::string& checkpoint,
                 const WatchArguments& arguments) {
  RunConfig& config = agent.run->config;
  if (arguments.episodes > 0 || arguments.deterministic) {
    throw Error(
        ErrorKind::kUsage, "--episodes and --deterministic are for agents that act",
        {.file = config.run_path(), .remedy = "--task shots=5 sets what a learner learns from"});
  }
  config.run.threads = arguments.threads;
  config.run.device = DeviceKind::kCpu;  // of one episode there is little to compute
  if (arguments.seed >= 0) config.run.evaluation_seed = arguments.seed;
  agent.learner = std::make_unique<FewShotBench>(config, agent.run->catalog);
  LoadLearner(OpenCheckpoint(config, checkpoint), *agent.learner, config);
  agent.name = fmt::format("{}: {} on {}", config.run.name, config.learner_name, config.data_name);
}

std::unique_ptr<Show> MakeFewShotShow(std::span<const std::unique_ptr<Watched::Agent>> learners,
                                      const WatchArguments& arguments) {
  const RunConfig& first = learners.front()->run->config;
  const FewShotBench& bench = *learners.front()->learner;
  const EpisodeOptions& episodes = first.data->episodes;
  const FewShotEvaluation evaluation = FewShotEvaluationOf(first);
  const EpisodeForm& form = bench.source->form();
  const bool sized = episodes.size != EpisodeSize::kVariable;

  // what all of them can do
  bool any_ways = form.classification && sized;
  ShowOptions options{
      .units = 0, .shown = arguments.shown, .last_score = false, .speed = arguments.speed};
  for (const auto& other : learners) {
    const FewShotLearner& learner = *other->learner->learner;
    const RunConfig& config = other->run->config;
    if (other->learner->hash != bench.hash) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("{} ({}) and {} ({}) are different data: learners of them cannot be "
                              "watched on the same episode",
                              first.data_name, bench.hash, config.data_name, other->learner->hash));
    }
    if (form.classification && learner.ways() > 0 && learner.ways() != episodes.ways) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("{} has an output for each of {} ways, and {} has episodes of {}",
                              config.run.name, learner.ways(), first.run.name, episodes.ways));
    }
    any_ways = any_ways && learner.ways() == 0;
    const int64_t asked =
        arguments.units >= 0 ? arguments.units : FewShotEvaluationOf(config).units;
    options.units = std::max(options.units, static_cast<int>(learner.Units(asked)));
  }
  const auto adapts = [](const auto& one) { return one->learner->learner->Units(1) > 0; };
  for (const int unit : options.shown) {
    if (unit <= options.units) continue;
    if (std::ranges::none_of(learners, adapts)) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("{} has one unit of adaptation, the {}", first.learner_name,
                              bench.learner->unit()),
                  {.key = "--show", .remedy = "Leave it out"});
    }
    if (arguments.units >= 0) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("a pane after {} of {} units", unit, options.units),
                  {.key = "--show", .remedy = fmt::format("Add --units {}", unit)});
    }
    options.units = unit;
  }

  std::vector<std::unique_ptr<Subject>> subjects;
  for (const auto& one : learners) {
    const FewShotLearner& learner = *one->learner->learner;
    FewShotSubjectOptions subject{
        .unit = learner.unit(),
        .adapts = adapts(one),
        .score = form.classification ? "accuracy" : "error",
        .episodes = std::max<int64_t>(1, evaluation.episodes),
        .first = {.index = 0, .ways = episodes.ways, .shots = episodes.shots},
        .ways = {0, 0},
        .shots = {0, 0},
        .most_units = adapts(one) ? std::max(static_cast<int>(kMostUnits), options.units) : 0,
        .notes = {},
        .side_by_side = !arguments.shown.empty()};
    if (any_ways) {
      subject.ways = RangeOf(*bench.source, episodes, &EpisodeOptions::ways, 2, kMostWays);
    }
    if (sized) {
      subject.shots = RangeOf(*bench.source, episodes, &EpisodeOptions::shots, 1, kMostShots);
    }
    const std::string norm = NormNote(learner, learner.norm_modes().front());
    if (!norm.empty()) subject.notes.push_back(norm);
    subjects.push_back(MakeFewShotSubject(
        one->name, std::make_unique<LearnerAdaptation>(*one->learner, episodes, evaluation),
        std::move(subject)));
  }
  auto show = std::make_unique<Show>(std::move(subjects), std::move(options),
                                     Rng(evaluation.seed).Fork("show"));
  // what was predicted stays for as long as somebody looks at it
  show->HoldAtEnd(true);
  return show;
}

std::vector<double> ParseEpisode(const Show& show, std::span<const std::string> assignments) {
  std::vector<double> task = show.subject(0).HeldOut(0);
  std::vector<std::string> names;
  for (const Control& control : show.controls()) names.push_back(control.name);
  for (const std::string& assignment : assignments) {
    const size_t equals = assignment.find('=');
    const std::string name = assignment.substr(0, equals);
    const auto found = std::ranges::find(names, name);
    if (equals == std::string::npos || found == names.end()) {
      throw Error(
          ErrorKind::kUsage,
          fmt::format("'{}' says nothing of an episode{}", assignment, DidYouMean(name, names)),
          {.key = "--task",
           .remedy = fmt::format("Write NAME=VALUE with one of {}", fmt::join(names, ", "))});
    }
    const auto i = static_cast<size_t>(found - names.begin());
    const Range& range = show.controls()[i].valid;
    const std::string text = assignment.substr(equals + 1);
    int64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end || !range.Contains(static_cast<double>(value))) {
      throw Error(
          ErrorKind::kUsage, fmt::format("{} cannot be '{}'", name, text),
          {.key = "--task",
           .remedy = fmt::format("A whole number from {:g} to {:g}", range.low, range.high)});
    }
    task[i] = static_cast<double>(value);
  }
  return task;
}

}  // namespace fewstep
