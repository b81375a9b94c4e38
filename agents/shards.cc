#include "agents/shards.h"

#include <algorithm>
#include <memory>

namespace fewstep {

Shards::Shards(int64_t num_tasks, int64_t num_shards, WorkerPool& pool) : pool_(&pool) {
  num_shards = std::clamp<int64_t>(num_shards, 1, num_tasks);
  int64_t begin = 0;
  for (int64_t i = 0; i < num_shards; ++i) {
    const int64_t size = num_tasks / num_shards + (i < num_tasks % num_shards ? 1 : 0);
    shards_.push_back({static_cast<size_t>(i), begin, begin + size});
    begin += size;
  }
}

void Shards::ForEach(const std::function<void(const Shard& shard)>& function) const {
  pool_->Run(static_cast<int>(shards_.size()),
             [&](int item, int) { function(shards_[static_cast<size_t>(item)]); });
}

torch::Tensor Shards::Gradient(
    const torch::Tensor& point,
    const std::function<torch::Tensor(const torch::Tensor& leaf, const Shard& shard)>& function)
    const {
  std::vector<torch::Tensor> gradients(shards_.size());
  ForEach([&](const Shard& shard) {
    const torch::AutoGradMode with_gradient(true);
    const torch::Tensor leaf = point.detach().clone().requires_grad_(true);
    gradients[shard.index] = torch::autograd::grad({function(leaf, shard)}, {leaf})[0];
  });
  return SumInOrder(gradients);
}

std::function<torch::Tensor(const torch::Tensor& vector)> Shards::Hessian(
    const torch::Tensor& point,
    const std::function<torch::Tensor(const torch::Tensor& leaf, const Shard& shard)>& function)
    const {
  // one leaf a shard, and the gradient there with its graph, which every product goes through
  struct Graphs {
    std::vector<torch::Tensor> leaves, gradients;
  };
  const auto graphs = std::make_shared<Graphs>();
  graphs->leaves.resize(shards_.size());
  graphs->gradients.resize(shards_.size());
  ForEach([&](const Shard& shard) {
    const torch::AutoGradMode with_gradient(true);
    torch::Tensor& leaf = graphs->leaves[shard.index];
    leaf = point.detach().clone().requires_grad_(true);
    graphs->gradients[shard.index] =
        torch::autograd::grad({function(leaf, shard)}, {leaf}, {}, /*retain_graph=*/true,
                              /*create_graph=*/true)[0];
  });
  return [shards = *this, graphs](const torch::Tensor& vector) {
    std::vector<torch::Tensor> products(shards.size());
    shards.ForEach([&](const Shard& shard) {
      const torch::AutoGradMode with_gradient(true);
      products[shard.index] =
          torch::autograd::grad({(graphs->gradients[shard.index] * vector).sum()},
                                {graphs->leaves[shard.index]}, {}, /*retain_graph=*/true)[0];
    });
    return SumInOrder(products);
  };
}

torch::Tensor SumInOrder(const std::vector<torch::Tensor>& parts) {
  torch::Tensor sum = parts[0];
  for (size_t i = 1; i < parts.size(); ++i) sum = sum + parts[i];
  return sum;
}

}  // namespace fewstep
