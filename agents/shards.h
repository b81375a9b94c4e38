// The learner's parallelism: a meta-batch is cut into a fixed number of shards of tasks, each shard
// is computed on one thread, and what they give is summed in their order. The bits depend on the
// number of shards, which is part of the recipe, and not on the number of threads.
#pragma once

#include <functional>
#include <vector>

#include "agents/torch.h"
#include "core/worker_pool.h"

namespace fewstep {

struct Shard {
  size_t index = 0;
  int64_t begin = 0, end = 0;  // tasks

  int64_t size() const { return end - begin; }
};

// A value type. The pool must outlive it; one caller at a time.
class Shards {
 public:
  // At most `num_shards` shards of equal size (the last ones one smaller) over `num_tasks` tasks.
  Shards(int64_t num_tasks, int64_t num_shards, WorkerPool& pool);

  size_t size() const { return shards_.size(); }
  int64_t num_tasks() const { return shards_.back().end; }
  const Shard& operator[](size_t index) const { return shards_[index]; }
  auto begin() const { return shards_.begin(); }
  auto end() const { return shards_.end(); }

  // Calls `function` for every shard, each on one thread.
  void ForEach(const std::function<void(const Shard& shard)>& function) const;

  // The gradient of a sum over shards at `point` [1, P]. `function` gives a shard's part, a scalar,
  // at a leaf of its own.
  torch::Tensor Gradient(const torch::Tensor& point,
                         const std::function<torch::Tensor(const torch::Tensor& leaf,
                                                           const Shard& shard)>& function) const;

  // Products with the Hessian of such a sum at `point`. Every shard's graph is built once and lives
  // as long as what is returned, and so must what `function` refers to.
  std::function<torch::Tensor(const torch::Tensor& vector)> Hessian(
      const torch::Tensor& point,
      const std::function<torch::Tensor(const torch::Tensor& leaf, const Shard& shard)>& function)
      const;

 private:
  std::vector<Shard> shards_;
  WorkerPool* pool_;
};

torch::Tensor SumInOrder(const std::vector<torch::Tensor>& parts);

}  // namespace fewstep
