// The learner's parallelism: a meta-batch is cut into a fixed number of shards of tasks, each shard
// is differentiated on one thread, and the gradients are summed in shard order. The bits depend on
// the number of shards, which is part of the recipe, and not on the number of threads.
#pragma once

#include <functional>
#include <vector>

#include "agents/torch.h"
#include "core/worker_pool.h"

namespace fewstep {

struct Shard {
  int index = 0;
  int64_t begin = 0, end = 0;  // tasks
};

// At most `num_shards` shards of equal size (the last ones one smaller) over `num_tasks` tasks.
std::vector<Shard> MakeShards(int64_t num_tasks, int64_t num_shards);

// What one shard contributes to a function of `point` [1, P], a scalar. `point` is the shard's own
// leaf.
using ShardFunction = std::function<torch::Tensor(const torch::Tensor& point, const Shard& shard)>;

// The gradient of the sum over shards, [1, P].
torch::Tensor ComputeShardedGradient(const torch::Tensor& point, const std::vector<Shard>& shards,
                                     WorkerPool& pool, const ShardFunction& function);

torch::Tensor SumInOrder(const std::vector<torch::Tensor>& parts);

}  // namespace fewstep
