// Whole episodes of MuJoCo families: one mjb_apply call an episode, so that nothing is saved,
// loaded or waited for between its steps.
#include <algorithm>
#include <utility>

#include "core/error.h"
#include "envs/mujoco/mujoco_simulation.h"

namespace fewstep {
namespace {

class MujocoRunner final : public EpisodeRunner {
 public:
  explicit MujocoRunner(std::shared_ptr<const MujocoCore> core)
      : core_(std::move(core)),
        batch_(MakeBatch(core_->nominal(), 1, 1)),
        task_(core_->definition().spec, core_->definition().law) {
    const FamilySpec& spec = core_->definition().spec;
    observation_.resize(static_cast<size_t>(spec.observation_size));
    action_.resize(static_cast<size_t>(spec.action_width()));
    metrics_.resize(spec.metrics.size());
    observation32_.resize(observation_.size());
    action32_.resize(action_.size());
    if (!core_->edits_while_running()) return;
    own_model_ = CopyModel(core_->nominal());
    model_ = own_model_.get();
    mjb_setModels(batch_.get(), &model_);
    state_.resize(static_cast<size_t>(mj_stateSize(model_, mjSTATE_INTEGRATION)));
  }

  EpisodeResult Run(const PreparedTask& task, const EpisodeOrigin& origin, ActFunction act,
                    void* context, const EpisodeBuffers& out) override {
    const auto* prepared = dynamic_cast<const MujocoTask*>(&task);
    FEWSTEP_CHECK(prepared && task.task().family == core_->definition().spec.name,
                  "a task of '{}' in '{}'", task.task().family, core_->definition().spec.name);
    FEWSTEP_CHECK(act && out.observations && out.actions && out.rewards, "a buffer is missing");

    // tasks that edit the model bring their own
    if (core_->definition().apply_task && !own_model_ && prepared->model() != model_) {
      model_ = prepared->model();
      mjb_setModels(batch_.get(), &model_);
    }

    // an error raised by MuJoCo leaves the episode where it is
    task_.Begin(task.task().values, origin);
    Episode episode{.runner = this,
                    .rng = origin.stream,
                    .act = act,
                    .context = context,
                    .out = out,
                    .result = {}};
    if (out.metric_sums) std::fill_n(out.metric_sums, metrics_.size(), 0.0);
    std::fill(observation32_.begin(), observation32_.end(), 0.0f);
    if (mjb_apply(batch_.get(), nullptr, 0, RunEpisode, &episode, 0) != 0) {
      episode.result.terminated = false;
      episode.result.diverged = true;
    }
    if (out.final_observation) {
      std::copy(observation32_.begin(), observation32_.end(), out.final_observation);
    }
    return episode.result;
  }

 private:
  struct Episode {
    MujocoRunner* runner;
    Rng rng;
    ActFunction act;
    void* context;
    const EpisodeBuffers& out;
    EpisodeResult result;
  };

  // mjb_apply function. Everything it leaves behind is in `argument` and the runner's vectors,
  // which stay valid when an error ends it by longjmp.
  static void RunEpisode(const mjModel* model, mjData* data, int, void* argument) {
    Episode& episode = *static_cast<Episode*>(argument);
    MujocoRunner& self = *episode.runner;
    const MujocoDefinition& definition = self.core_->definition();
    double memory[Simulation::kMemory] = {};
    const Simulation simulation{.model = model,
                                .data = data,
                                .control_dt = definition.spec.control_dt,
                                .task = self.task_.values().data(),
                                .context = definition.context.get(),
                                .memory = memory};

    const Change change{*self.core_, self.task_, self.own_model_.get(), self.state_.data()};
    if (self.own_model_) self.core_->Edit(self.own_model_.get(), simulation.task, data);
    StartEpisode(definition, simulation, episode.rng, self.observation_.data());
    if (!IsSound(model, data) || !AllFinite(self.observation_)) {
      episode.result.diverged = true;
      return;
    }
    self.Round();

    EpisodeResult& result = episode.result;
    while (result.length < definition.spec.horizon && !result.terminated) {
      // choose
      episode.act(episode.context, self.observation32_.data(), result.length,
                  self.action32_.data());
      std::copy(self.action32_.begin(), self.action32_.end(), self.action_.begin());

      // advance; a bad step is not recorded
      StepOutcome outcome{.diverged = true};
      if (AllFinite(self.action_)) {
        outcome = Advance(definition, simulation, self.action_.data(), Derived::kCurrent, change,
                          result.length + 1, self.observation_, self.metrics_.data());
      }
      if (outcome.diverged) {
        result.diverged = true;
        return;
      }
      self.Record(episode.out, static_cast<size_t>(result.length), outcome.reward);
      self.Round();
      result.terminated = outcome.terminated;
      ++result.length;
    }
  }

  // What was seen before the action, the action, and what came of it.
  void Record(const EpisodeBuffers& out, size_t step, double reward) {
    std::copy(observation32_.begin(), observation32_.end(),
              out.observations + step * observation32_.size());
    std::copy(action32_.begin(), action32_.end(), out.actions + step * action32_.size());
    out.rewards[step] = static_cast<float>(reward);
    if (out.metric_sums) {
      for (size_t m = 0; m < metrics_.size(); ++m) out.metric_sums[m] += metrics_[m];
    }
  }

  void Round() {
    std::transform(observation_.begin(), observation_.end(), observation32_.begin(),
                   [](double value) { return static_cast<float>(value); });
  }

  std::shared_ptr<const MujocoCore> core_;
  BatchPtr batch_;
  ChangingTask task_;
  ModelPtr own_model_;              // where the model is edited during episodes
  const mjModel* model_ = nullptr;  // the one given to mjb_setModels
  std::vector<double> state_;       // scratch of Change
  std::vector<double> observation_, action_, metrics_;
  std::vector<float> observation32_, action32_;
};

}  // namespace

std::unique_ptr<EpisodeRunner> MakeMujocoRunner(std::shared_ptr<const MujocoCore> core) {
  return std::make_unique<MujocoRunner>(std::move(core));
}

}  // namespace fewstep
