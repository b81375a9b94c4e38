// The learner's parallelism: a meta-batch is cut into a fixed number of shards of tasks, each shard
// is differentiated on one thread, and the gradients are summed in shard order. The bits depend on
// the number of shards, which is part of the recipe, and not on the number of threads.
#pragma once

#include <functional>
#include <vector>

#include "agents/parameters.h"
#include "core/worker_pool.h"

namespace fewstep {

struct Shard {
  int index = 0;
  int64_t begin = 0, end = 0;  // tasks
};

// At most `num_shards` shards of equal size (the last ones one smaller) over `num_tasks` tasks.
std::vector<Shard> MakeShards(int64_t num_tasks, int64_t num_shards);

struct ShardedGradient {
  torch::Tensor gradient;      // [1, P]
  std::vector<double> values;  // sums over shards of what the losses reported
};

// What one shard contributes to the loss, a scalar, and to each reported value. `theta` [1, P] is
// the shard's own leaf.
using ShardLoss = std::function<torch::Tensor(const Parameters& theta, const Shard& shard,
                                              std::vector<double>& values)>;

ShardedGradient ComputeShardedGradient(const Parameters& theta, const std::vector<Shard>& shards,
                                       size_t num_values, WorkerPool& pool, const ShardLoss& loss);

}  // namespace fewstep
