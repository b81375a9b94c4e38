#include "envs/mujoco/mujoco_family.h"

#include <utility>
#include <vector>

#include "envs/mujoco/mujoco_simulation.h"

namespace fewstep {
namespace {

class MujocoFamily final : public TaskFamily {
 public:
  MujocoFamily(MujocoDefinition definition, std::string hash)
      : core_(std::make_shared<const MujocoCore>(std::move(definition))), hash_(std::move(hash)) {}

  const FamilySpec& spec() const override { return core_->definition().spec; }
  const std::string& hash() const override { return hash_; }
  std::vector<Task> Sample(Split split, int n, const Rng& rng) const override {
    return SampleTasks(spec(), core_->definition().law, split, n, rng);
  }
  std::vector<Task> AllTasks(Split split) const override {
    return fewstep::AllTasks(spec(), core_->definition().law, split);
  }
  std::shared_ptr<const PreparedTask> Prepare(const Task& task) const override {
    return std::make_shared<const MujocoTask>(core_, task);
  }
  std::shared_ptr<const mjModel> DisplayModel(const Task* task) const override {
    return MakeDisplayModel(core_, task);
  }
  std::unique_ptr<EpisodeRunner> MakeEpisodeRunner() const override {
    return MakeMujocoRunner(core_);
  }
  std::unique_ptr<VectorEnv> MakeVectorEnv(int num_envs, int num_threads) const override {
    return MakeMujocoVectorEnv(core_, num_envs, num_threads);
  }

 private:
  std::shared_ptr<const MujocoCore> core_;
  std::string hash_;
};

}  // namespace

std::unique_ptr<TaskFamily> MakeMujocoFamily(MujocoDefinition definition,
                                             const FamilyOptions& options,
                                             std::string_view hashed) {
  const std::string text = definition.mjcf + definition.settings;
  const HashSource source = hashed.empty() ? HashSource{text} : HashSource{hashed, /*alone=*/true};
  std::string hash = ApplyOptions(options, source, definition.spec);
  return std::make_unique<MujocoFamily>(std::move(definition), std::move(hash));
}

}  // namespace fewstep
