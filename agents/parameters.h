// Parameters with a task dimension. A network's parameters are one flat row; T tasks adapt T rows,
// [T, P]. A layer on T tasks is one batched matrix product, each task's loss touches its own row
// only, and one autograd call on the summed losses gives every task its own gradient. There are no
// module clones, and a row is what a sampler worker reads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agents/torch.h"
#include "core/rng.h"

namespace fewstep {

// What part of a network an array belongs to, for learners that adapt some of it only.
enum class ParameterRole {
  kBody,
  kHead,     // the last layer, and what else shapes the action distribution directly
  kNorm,     // factors and offsets of a normalisation
  kContext,  // inputs that are parameters (CAVIA)
  kBuffer,   // what is measured and not learned: its reader lets no gradient pass
};

// How an array starts.
struct Initial {
  enum class Kind { kConstant, kXavier, kUniform, kNormal, kOrthogonal, kValues };
  Kind kind = Kind::kConstant;
  double value = 0;                 // the constant, or a factor on the others
  int64_t blocks = 1;               // equal blocks of columns that are drawn each by itself: gates
  std::vector<double> values = {};  // kValues: of every column

  static Initial Constant(double value) { return {Kind::kConstant, value}; }
  // U(-l, l) with l = scale * sqrt(6 / (rows + columns)), for an array of two dimensions (Glorot
  // and Bengio 2010).
  static Initial Xavier(double scale = 1, int64_t blocks = 1) {
    return {Kind::kXavier, scale, blocks};
  }
  static Initial Uniform(double limit) { return {Kind::kUniform, limit}; }  // U(-limit, limit)
  // Of mean 0, what is over two deviations away drawn again; `deviation` is of the normal law.
  static Initial TruncatedNormal(double deviation) { return {Kind::kNormal, deviation}; }
  // Rows or columns, whichever are fewer, are orthogonal and `scale` long; uniform over all such
  // matrices (Saxe et al. 2014).
  static Initial Orthogonal(double scale = 1, int64_t blocks = 1) {
    return {Kind::kOrthogonal, scale, blocks};
  }
  // The same values in every row of an array of two dimensions.
  static Initial Values(std::vector<double> values) {
    return {Kind::kValues, 0, 1, std::move(values)};
  }
};

struct ParameterSlice {
  std::string name;            // "layer0.weight"
  std::vector<int64_t> shape;  // without the task dimension
  int64_t offset = 0;          // first column of the row
  int64_t size = 0;
  ParameterRole role = ParameterRole::kBody;
  Initial initial = {};
};

// Where each named array lies in a row. Immutable once a policy is built.
class ParameterLayout {
 public:
  // Appends an array at the end of the row; returns its index.
  size_t Add(std::string name, std::vector<int64_t> shape,
             ParameterRole role = ParameterRole::kBody, Initial initial = {});

  const std::vector<ParameterSlice>& slices() const { return slices_; }
  int64_t size() const { return size_; }

  // 1 where a parameter has the role `role`, 0 elsewhere: [1, P] float32.
  torch::Tensor Mask(ParameterRole role) const;

 private:
  std::vector<ParameterSlice> slices_;
  int64_t size_ = 0;
};

struct Parameters {
  torch::Tensor flat;  // [T, P]
  std::shared_ptr<const ParameterLayout> layout;

  int64_t num_tasks() const { return flat.size(0); }

  // Slice `index` of every row, [T, shape...]; a view that gradients flow through.
  torch::Tensor View(size_t index) const;

  // Rows [begin, end).
  Parameters Rows(int64_t begin, int64_t end) const;

  // One row repeated for `num_tasks` tasks without copying; its gradient is the sum over tasks.
  Parameters Expand(int64_t num_tasks) const;

  Parameters WithFlat(torch::Tensor new_flat) const { return {std::move(new_flat), layout}; }
};

// All arrays of T rows, as Parameters::View has them. Their gradients become one row in one piece,
// where a view by itself gives a row of zeros around its own, and rows are summed.
class ParameterArrays {
 public:
  explicit ParameterArrays(const Parameters& rows);

  int64_t num_tasks() const { return arrays_[0].size(0); }
  const torch::Tensor& operator[](size_t index) const { return arrays_[index]; }

  // Those of each task by itself.
  std::vector<ParameterArrays> ByTask() const;
  // As Parameters::Expand.
  ParameterArrays Expand(int64_t num_tasks) const;

 private:
  ParameterArrays() = default;
  std::vector<torch::Tensor> arrays_;
};

// One row as its layout says, [1, P] float32. Every array draws from rng.Fork(its name), so that it
// does not depend on what else there is.
Parameters Initialized(std::shared_ptr<const ParameterLayout> layout, const Rng& rng);

}  // namespace fewstep
