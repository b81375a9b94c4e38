#include "agents/networks/by_task.h"

#include "core/error.h"

namespace fewstep {
namespace {

torch::Tensor SideBySide(const ParameterArrays& rows, const torch::Tensor& pictures,
                         const NormContext& norm, const NetworkOfTasks& network) {
  const int64_t tasks = pictures.size(0);
  const torch::Tensor x = pictures.transpose(0, 1).flatten(1, 2);  // [B, T * C, H, W]
  return network(rows.num_tasks() == tasks ? rows : rows.Expand(tasks), x, norm).transpose(0, 1);
}

torch::Tensor OneByOne(const ParameterArrays& rows, const torch::Tensor& pictures,
                       const NormContext& norm, const NetworkOfTasks& network) {
  std::vector<torch::Tensor> results;
  std::vector<NormStatistics> records;
  const std::vector<ParameterArrays> by_task =
      rows.num_tasks() == 1 ? std::vector{rows} : rows.ByTask();
  for (int64_t t = 0; t < pictures.size(0); ++t) {
    NormStatistics given, record;
    if (norm.given != nullptr) {
      for (const auto member : {&NormStatistics::means, &NormStatistics::variances}) {
        for (const torch::Tensor& of : norm.given->*member) {
          (given.*member).push_back(of.size(0) == 1 ? of : of.narrow(0, t, 1));
        }
      }
    }
    const ParameterArrays& row = by_task[by_task.size() == 1 ? 0 : static_cast<size_t>(t)];
    results.push_back(network(row, pictures[t],
                              {.given = norm.given == nullptr ? nullptr : &given,
                               .record = norm.record == nullptr ? nullptr : &record})
                          .squeeze(1));
    if (norm.record != nullptr) records.push_back(std::move(record));
  }
  if (norm.record != nullptr && !records.empty()) {
    for (const auto member : {&NormStatistics::means, &NormStatistics::variances}) {
      for (size_t i = 0; i < (records[0].*member).size(); ++i) {
        std::vector<torch::Tensor> parts;
        for (const NormStatistics& record : records) parts.push_back((record.*member)[i]);
        (norm.record->*member).push_back(torch::cat(parts));
      }
    }
  }
  return torch::stack(results);
}

}  // namespace

torch::Tensor MapTasks(const ParameterArrays& rows, const torch::Tensor& pictures,
                       const NormContext& norm, const NetworkOfTasks& network) {
  const int64_t num_rows = rows.num_tasks(), tasks = pictures.size(0);
  FEWSTEP_CHECK(num_rows == 1 || num_rows == tasks, "{} rows for {} tasks", num_rows, tasks);
  if (norm.record != nullptr) *norm.record = {};
  if (pictures.is_cuda()) return SideBySide(rows, pictures, norm, network);
  return OneByOne(rows, pictures, norm, network);
}

}  // namespace fewstep
