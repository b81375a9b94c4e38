#include "envs/changing_task.h"

#include <algorithm>
#include <cmath>

namespace fewstep {
namespace {

// `value` folded into the range at its ends, as a walk between two walls is.
double Reflect(double value, const Range& range) {
  const double width = range.high - range.low;
  if (width <= 0) return range.low;
  const double period = 2 * width;
  double offset = std::fmod(value - range.low, period);
  if (offset < 0) offset += period;
  // rounding must not lead out of the range
  return std::clamp(range.low + std::min(offset, period - offset), range.low, range.high);
}

}  // namespace

ChangingTask::ChangingTask(const FamilySpec& spec, const TaskLaw& law)
    : spec_(spec), law_(law), values_(spec.parameters.size()), drawn_(spec.parameters.size()) {}

void ChangingTask::Begin(std::span<const double> task, const EpisodeOrigin& origin) {
  std::ranges::copy(task, values_.begin());
  if (!spec_.change) return;
  trial_ = origin.trial;
  episode_ = origin.episode;
  changes_ = 0;
  // what is drawn anew depends on the latest change alone
  const int64_t due = ChangesUntil(0);
  if (spec_.change->kind == TaskChange::Kind::kRedraw) changes_ = std::max<int64_t>(0, due - 1);
  while (changes_ < due) Change();
}

bool ChangingTask::MoveTo(int step) {
  if (!spec_.change) return false;
  const int64_t due = ChangesUntil(step);
  if (changes_ >= due) return false;
  while (changes_ < due) Change();
  return true;
}

int64_t ChangingTask::ChangesUntil(int step) const {
  const TaskChange& change = *spec_.change;
  if (change.clock == TaskChange::Clock::kEpisodes) return episode_ / change.every;
  return (episode_ * spec_.horizon + step) / change.every;
}

void ChangingTask::Change() {
  const TaskChange& change = *spec_.change;
  Rng rng = trial_.Fork("change", static_cast<uint64_t>(++changes_));
  if (change.kind == TaskChange::Kind::kRedraw) {
    DrawTask(spec_, law_, Split::kTrain, rng, drawn_);
    for (const size_t p : change.parameters) values_[p] = drawn_[p];
    return;
  }
  for (size_t i = 0; i < change.parameters.size(); ++i) {
    const size_t p = change.parameters[i];
    values_[p] =
        Reflect(values_[p] + change.drift[i] * rng.Normal(), spec_.parameters[p].valid_range());
  }
}

}  // namespace fewstep
