#include "agents/sharded_gradient.h"

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

torch::Tensor SumInOrder(const std::vector<torch::Tensor>& parts) {
  torch::Tensor sum = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) sum = sum + parts[i];
  return sum;
}

torch::Tensor ComputeShardedGradient(const torch::Tensor& point, const std::vector<Shard>& shards,
                                     WorkerPool& pool, const ShardFunction& function) {
  std::vector<torch::Tensor> gradients(shards.size());
  pool.Run(static_cast<int>(shards.size()), [&](int item, int) {
    const size_t i = static_cast<size_t>(item);
    const torch::AutoGradMode with_gradient(true);
    const torch::Tensor leaf = point.detach().clone().requires_grad_(true);
    gradients[i] = torch::autograd::grad({function(leaf, shards[i])}, {leaf})[0];
  });
  return SumInOrder(gradients);
}

}  // namespace fewstep
