#include "meta/sharded_gradient.h"

#include <algorithm>

namespace fewstep {

std::vector<Shard> MakeShards(int64_t num_tasks, int64_t num_shards) {
  num_shards = std::clamp<int64_t>(num_shards, 1, num_tasks);
  std::vector<Shard> shards;
  int64_t begin = 0;
  for (int64_t i = 0; i < num_shards; ++i) {
    const int64_t size = num_tasks / num_shards + (i < num_tasks % num_shards ? 1 : 0);
    shards.push_back({static_cast<int>(i), begin, begin + size});
    begin += size;
  }
  return shards;
}

ShardedGradient ComputeShardedGradient(const Parameters& theta, const std::vector<Shard>& shards,
                                       size_t num_values, WorkerPool& pool, const ShardLoss& loss) {
  std::vector<torch::Tensor> gradients(shards.size());
  std::vector<std::vector<double>> values(shards.size(), std::vector<double>(num_values));
  pool.Run(static_cast<int>(shards.size()), [&](int item, int) {
    const size_t i = static_cast<size_t>(item);
    const torch::AutoGradMode with_gradient(true);
    const Parameters leaf = theta.WithFlat(theta.flat.detach().clone().requires_grad_(true));
    const torch::Tensor shard_loss = loss(leaf, shards[i], values[i]);
    gradients[i] = torch::autograd::grad({shard_loss}, {leaf.flat})[0];
  });

  ShardedGradient total{gradients[0], values[0]};
  for (size_t i = 1; i < shards.size(); ++i) {
    total.gradient = total.gradient + gradients[i];
    for (size_t v = 0; v < num_values; ++v) total.values[v] += values[i][v];
  }
  return total;
}

}  // namespace fewstep
