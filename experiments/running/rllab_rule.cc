#include "experiments/running/rllab_rule.h"

#include <algorithm>
#include <limits>

#include "core/error.h"

namespace fewstep {

std::optional<double> RllabMean(const std::vector<Slot>& slots, int64_t steps) {
  // when each episode ends, and until when each slot is known
  struct End {
    int64_t time, length;
    double episode_return;
  };
  std::vector<End> ends;
  int64_t known = std::numeric_limits<int64_t>::max();
  for (const Slot& slot : slots) {
    int64_t time = 0;
    for (size_t i = 0; i < slot.lengths.size(); ++i) {
      time += slot.lengths[i];
      ends.push_back({time, slot.lengths[i], slot.returns[i]});
    }
    known = std::min(known, time);
  }
  std::ranges::sort(ends, {}, &End::time);

  // all that end with the step that completes the count are counted
  int64_t complete = 0, stop = std::numeric_limits<int64_t>::max();
  double sum = 0;
  int64_t count = 0;
  for (const End& end : ends) {
    if (end.time > stop) break;
    complete += end.length;
    sum += end.episode_return;
    ++count;
    if (complete >= steps) stop = end.time;
  }
  if (complete < steps || stop > known) return std::nullopt;
  return sum / static_cast<double>(count);
}

std::vector<double> RllabReturns(const Rollouts& first,
                                 const std::function<Rollouts(uint64_t round)>& more) {
  const int64_t tasks = first.num_tasks(), episodes = first.episodes();
  std::vector<std::vector<Slot>> slots(static_cast<size_t>(tasks),
                                       std::vector<Slot>(static_cast<size_t>(episodes)));
  std::vector<double> means(static_cast<size_t>(tasks));
  const uint64_t most_rounds = 2 * static_cast<uint64_t>(first.horizon()) + 1;
  Rollouts rollouts = first;
  for (uint64_t round = 0;; ++round) {
    const torch::Tensor lengths = rollouts.mask.sum(2).to(torch::kInt64).contiguous();  // [T, E]
    const int64_t* length = lengths.const_data_ptr<int64_t>();
    const double* value = rollouts.returns.const_data_ptr<double>();
    bool decided = true;
    for (int64_t task = 0; task < tasks; ++task) {
      std::vector<Slot>& own = slots[static_cast<size_t>(task)];
      for (int64_t episode = 0; episode < episodes; ++episode) {
        Slot& slot = own[static_cast<size_t>(episode)];
        slot.lengths.push_back(length[task * episodes + episode]);
        slot.returns.push_back(value[task * episodes + episode]);
      }
      const std::optional<double> mean = RllabMean(own, episodes * first.horizon());
      if (mean) means[static_cast<size_t>(task)] = *mean;
      decided = decided && mean;
    }
    if (decided) return means;
    // a slot whose episodes have a step each is decided by then
    if (round == most_rounds) {
      throw Error(ErrorKind::kRuntime, "episodes without a step never complete the steps",
                  {.key = "--measure", .remedy = "Use --measure episodes"});
    }
    rollouts = more(round + 1);
  }
}

}  // namespace fewstep
