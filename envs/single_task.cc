#include "envs/single_task.h"

#include <utility>

#include <fmt/format.h>

#include "core/error.h"

namespace fewstep {
namespace {

class SingleTaskFamily final : public TaskFamily {
 public:
  SingleTaskFamily(std::unique_ptr<TaskFamily> family, Task task)
      : family_(std::move(family)), task_(std::move(task)), spec_(family_->spec()) {
    const std::string text = ToString(spec_, task_);
    spec_.summary += fmt::format(" Here only {}.", text);
    spec_.splits = "train, test: " + text;
    spec_.finite = true;
    for (size_t i = 0; i < spec_.parameters.size(); ++i) {
      spec_.parameters[i].choices = {task_.values[i]};
      spec_.parameters[i].law = "this value";
    }
    hash_ = DefinitionHash({.name = "single task", .splits = text}, family_->hash());
  }

  const FamilySpec& spec() const override { return spec_; }
  const std::string& hash() const override { return hash_; }
  std::vector<Task> Sample(Split split, int n, const Rng& /*rng*/) const override {
    if (split == Split::kOod) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("'{}' of one task has none out of distribution", spec_.name),
                  {.remedy = "Use the split train or test"});
    }
    return std::vector<Task>(static_cast<size_t>(n), task_);
  }
  std::vector<Task> AllTasks(Split split) const override {
    if (split == Split::kOod) return {};
    return {task_};
  }
  std::shared_ptr<const PreparedTask> Prepare(const Task& task) const override {
    return family_->Prepare(task);
  }
  std::shared_ptr<const mjModel> DisplayModel(const Task* task) const override {
    return family_->DisplayModel(task);
  }
  std::unique_ptr<EpisodeRunner> MakeEpisodeRunner() const override {
    return family_->MakeEpisodeRunner();
  }
  std::unique_ptr<VectorEnv> MakeVectorEnv(int num_envs, int num_threads) const override {
    return family_->MakeVectorEnv(num_envs, num_threads);
  }

 private:
  std::unique_ptr<TaskFamily> family_;
  Task task_;
  FamilySpec spec_;
  std::string hash_;
};

}  // namespace

std::unique_ptr<TaskFamily> WithSingleTask(std::unique_ptr<TaskFamily> family,
                                           const std::vector<std::string>& assignments) {
  if (family->spec().change) {
    throw Error(
        ErrorKind::kUsage,
        fmt::format("the tasks of '{}' change: none stays a single one", family->spec().name),
        {.key = "family.task", .remedy = "Leave it out"});
  }
  Task task = ParseTask(family->spec(), assignments);
  return std::make_unique<SingleTaskFamily>(std::move(family), std::move(task));
}

}  // namespace fewstep
