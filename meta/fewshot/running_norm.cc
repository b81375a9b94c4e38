#include "meta/fewshot/running_norm.h"

#include <utility>

#include "agents/shards.h"

namespace fewstep {

constexpr std::pair<const char*, std::vector<torch::Tensor> NormStatistics::*> kMembers[] = {
    {"mean", &NormStatistics::means}, {"variance", &NormStatistics::variances}};

RunningNorm::RunningNorm(const std::vector<int64_t>& channels, torch::Device device) {
  for (const int64_t count : channels) {
    running_.means.push_back(torch::zeros({1, count}, device));
    running_.variances.push_back(torch::ones({1, count}, device));
  }
}

void RunningNorm::Follow(const std::vector<NormStatistics>& shards, double way) {
  for (const auto& [name, member] : kMembers) {
    for (size_t i = 0; i < (running_.*member).size(); ++i) {
      int64_t tasks = 0;
      std::vector<torch::Tensor> parts;
      for (const NormStatistics& shard : shards) {
        const torch::Tensor& of = (shard.*member)[i];
        tasks += of.size(0);
        parts.push_back(of.sum(0, /*keepdim=*/true));
      }
      torch::Tensor& running = (running_.*member)[i];
      running = running.lerp(SumInOrder(parts) / static_cast<double>(tasks), way);
    }
  }
}

void RunningNorm::Save(CheckpointWriter checkpoint) const {
  for (const auto& [name, member] : kMembers) {
    for (size_t i = 0; i < (running_.*member).size(); ++i) {
      checkpoint.Store(fmt::format("{}.{}", i, name), (running_.*member)[i]);
    }
  }
}

void RunningNorm::Load(CheckpointReader checkpoint) {
  NormStatistics loaded = running_;
  for (const auto& [name, member] : kMembers) {
    for (size_t i = 0; i < (loaded.*member).size(); ++i) {
      (loaded.*member)[i] = checkpoint.Load(fmt::format("{}.{}", i, name), (loaded.*member)[i]);
    }
  }
  running_ = std::move(loaded);
}

NormStatistics MeanOf(const std::vector<RunningNorm>& of) {
  NormStatistics mean = of[0].statistics();
  for (const auto& [name, member] : kMembers) {
    for (size_t i = 0; i < (mean.*member).size(); ++i) {
      std::vector<torch::Tensor> parts;
      for (const RunningNorm& running : of) parts.push_back((running.statistics().*member)[i]);
      (mean.*member)[i] = SumInOrder(parts) / static_cast<double>(of.size());
    }
  }
  return mean;
}

}  // namespace fewstep
