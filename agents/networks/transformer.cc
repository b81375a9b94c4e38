#include <cmath>
#include <vector>

#include <Eigen/Core>

#include "agents/networks/memory_network.h"
#include "core/error.h"

namespace fewstep {
namespace {

constexpr double kNormEpsilon = 1e-5;
constexpr int64_t kExpansion = 4;  // width of a block's inner layer, in sizes

// Penalty of a head on each step of distance.
std::vector<double> Slopes(int64_t heads) {
  std::vector<double> slopes(static_cast<size_t>(heads));
  const int64_t sloped = (heads + 1) / 2;
  for (int64_t i = 0; i < sloped; ++i) {
    slopes[static_cast<size_t>(heads - sloped + i)] =
        std::exp2(-8.0 * static_cast<double>(i + 1) / static_cast<double>(sloped));
  }
  return slopes;
}

// An affine map's two arrays, or a norm's gain and bias.
struct Pair {
  size_t weight = 0, bias = 0;
};

struct Block {
  Pair attention_norm, attention, projection, inner_norm, expand, contract;
};

class Transformer final : public MemoryNetwork {
 public:
  Transformer(ParameterLayout& layout, const std::string& prefix, int64_t inputs,
              const MemoryOptions& options)
      : inputs_(inputs), size_(options.size), heads_(options.heads), context_(options.context) {
    const auto affine = [&](const std::string& name, int64_t in, int64_t out, double scale = 1) {
      return Pair{layout.Add(fmt::format("{}{}.weight", prefix, name), {in, out},
                             ParameterRole::kBody, Initial::Xavier(scale)),
                  layout.Add(fmt::format("{}{}.bias", prefix, name), {1, out})};
    };
    const auto norm = [&](const std::string& name) {
      return Pair{layout.Add(fmt::format("{}{}.gain", prefix, name), {1, size_},
                             ParameterRole::kBody, Initial::Constant(1)),
                  layout.Add(fmt::format("{}{}.bias", prefix, name), {1, size_})};
    };
    // what a block adds is scaled so that the sum over blocks does not grow with their number
    const double scale = 1 / std::sqrt(2.0 * static_cast<double>(options.layers));
    embed_ = affine("embed", inputs, size_);
    for (int64_t i = 0; i < options.layers; ++i) {
      const std::string block = fmt::format("block{}.", i);
      blocks_.push_back({.attention_norm = norm(block + "attention_norm"),
                         .attention = affine(block + "attention", size_, 3 * size_),
                         .projection = affine(block + "projection", size_, size_, scale),
                         .inner_norm = norm(block + "inner_norm"),
                         .expand = affine(block + "expand", size_, kExpansion * size_),
                         .contract = affine(block + "contract", kExpansion * size_, size_, scale)});
    }
    final_norm_ = norm("norm");
  }

  int64_t outputs() const override { return size_; }
  // the number of steps, then keys and values of each block
  int64_t memory_size() const override {
    return 1 + static_cast<int64_t>(blocks_.size()) * 2 * context_ * size_;
  }

  double kept_numbers(int64_t steps) const override {
    // of a block: its layers, and the scores of every head on every key, some six times; the ring
    // is read, gathered and written anew; once the distances of keys, which are 64-bit integers
    const double keys = static_cast<double>(steps + context_);
    const double width = static_cast<double>(size_ * (12 + 3 * kExpansion));
    const double scores = 6.0 * static_cast<double>(heads_) * keys;
    const double ring =
        6.0 * static_cast<double>(2 * context_ * size_) / static_cast<double>(steps);
    return static_cast<double>(blocks_.size()) * (width + scores + ring) + 4 * keys;
  }

  MemoryOutput Unroll(const Parameters& parameters, const torch::Tensor& inputs,
                      const torch::Tensor& mask, const torch::Tensor& memory,
                      Derivatives /*derivatives*/) const override {
    const torch::Tensor present = (mask.transpose(1, 2) != 0);  // [T, B, S]
    const Places places = FindPlaces(present, memory.select(-1, 0));
    torch::Tensor x = Affine(parameters, embed_, inputs.transpose(1, 2));  // [T, B, S, D]
    std::vector<torch::Tensor> next = {places.count_after.unsqueeze(-1).to(memory.scalar_type())};
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const int64_t offset = 1 + static_cast<int64_t>(i) * 2 * context_ * size_;
      const torch::Tensor ring = memory.narrow(-1, offset, 2 * context_ * size_)
                                     .view({memory.size(0), memory.size(1), 2, context_, size_});
      torch::Tensor next_ring;
      x = Attend(parameters, blocks_[i], x, ring, places, next_ring);
      next.push_back(next_ring.flatten(2));
      const torch::Tensor inner =
          Affine(parameters, blocks_[i].expand, Norm(parameters, blocks_[i].inner_norm, x));
      x = x + Affine(parameters, blocks_[i].contract, inner * inner.sigmoid());
    }
    return {Norm(parameters, final_norm_, x).transpose(1, 2), torch::cat(next, -1)};
  }

  MemoryOutput Step(const Parameters& parameters, const torch::Tensor& inputs,
                    const torch::Tensor& memory) const override {
    const torch::Tensor mask = torch::ones({inputs.size(0), 1, inputs.size(1)}, inputs.options());
    MemoryOutput out = Unroll(parameters, inputs.unsqueeze(1), mask, memory, Derivatives::kSecond);
    out.outputs = out.outputs.squeeze(1);
    return out;
  }

  std::unique_ptr<MemoryEvaluator<float>> MakeEvaluator(const ParameterLayout& layout,
                                                        float) const override {
    return std::make_unique<Evaluator<float>>(*this, layout);
  }
  std::unique_ptr<MemoryEvaluator<double>> MakeEvaluator(const ParameterLayout& layout,
                                                         double) const override {
    return std::make_unique<Evaluator<double>>(*this, layout);
  }

 private:
  // Where steps lie in their trials, counted without those that are masked out.
  struct Places {
    bool cached = false;        // whether anything was remembered before the first step
    torch::Tensor penalty;      // [T, B, S, C + S] or [T, B, S, S]: distance of each key
    torch::Tensor allowed;      // the same: whether the step attends to the key
    torch::Tensor kept;         // [T, B, C] whether a slot of the ring stays as it was
    torch::Tensor source;       // [T, B, C] the step that goes into a slot otherwise
    torch::Tensor count_after;  // [T, B]
  };

  Places FindPlaces(const torch::Tensor& present, const torch::Tensor& remembered) const {
    const torch::NoGradGuard no_grad;
    Places places;
    const torch::Tensor count = remembered.detach().round().to(torch::kLong);  // [T, B]
    const torch::Tensor rank = present.to(torch::kLong).cumsum(-1);            // [T, B, S]
    const torch::Tensor position = count.unsqueeze(-1) + rank - 1;             // [T, B, S]
    const torch::Tensor slots = torch::arange(context_, present.options().dtype(torch::kLong));
    // the latest step that each slot of the ring holds, when `n` steps have been taken
    const auto latest = [&](const torch::Tensor& n) {
      const torch::Tensor last = n.unsqueeze(-1) - 1;
      return last - (last - slots).remainder(context_);  // [T, B, C]
    };

    torch::Tensor key = position, valid = present;
    places.cached = count.any().item<bool>();
    if (places.cached) {
      const torch::Tensor held = latest(count);
      key = torch::cat({held, key}, -1);
      valid = torch::cat({held >= 0, valid}, -1);
    }
    const torch::Tensor distance = position.unsqueeze(-1) - key.unsqueeze(-2);
    places.allowed = valid.unsqueeze(-2) & (distance >= 0) & (distance < context_);
    places.penalty = distance.clamp_min(0);

    places.count_after = count + rank.select(-1, -1);
    const torch::Tensor now = latest(places.count_after);
    places.kept = now < count.unsqueeze(-1);
    const torch::Tensor order = std::get<1>(
        present.logical_not()
            .to(torch::kByte)
            .sort(
                /*stable=*/true, /*dim=*/-1, /*descending=*/false));  // steps present first
    places.source = order.gather(-1, (now - count.unsqueeze(-1)).clamp(0, present.size(-1) - 1));
    return places;
  }

  torch::Tensor Affine(const Parameters& parameters, const Pair& pair,
                       const torch::Tensor& x) const {
    const torch::Tensor flat = x.reshape({x.size(0), -1, x.size(-1)});
    std::vector<int64_t> shape = x.sizes().vec();
    const torch::Tensor weight = parameters.View(pair.weight);
    shape.back() = weight.size(-1);
    return torch::baddbmm(parameters.View(pair.bias), flat, weight).view(shape);
  }

  torch::Tensor Norm(const Parameters& parameters, const Pair& pair, const torch::Tensor& x) const {
    const torch::Tensor centred = x - x.mean(-1, /*keepdim=*/true);
    const torch::Tensor scale =
        (centred.square().mean(-1, /*keepdim=*/true) + kNormEpsilon).rsqrt();
    return centred * scale * parameters.View(pair.weight).unsqueeze(1) +
           parameters.View(pair.bias).unsqueeze(1);
  }

  // x and what the block's attention adds to it. `ring` [T, B, 2, C, D].
  torch::Tensor Attend(const Parameters& parameters, const Block& block, const torch::Tensor& x,
                       const torch::Tensor& ring, const Places& places,
                       torch::Tensor& next_ring) const {
    const int64_t tasks = x.size(0), trials = x.size(1), steps = x.size(2);
    const auto gates =
        Affine(parameters, block.attention, Norm(parameters, block.attention_norm, x)).chunk(3, -1);
    torch::Tensor keys = gates[1], values = gates[2];  // [T, B, S, D]

    // what the ring holds afterwards
    const torch::Tensor source =
        places.source.unsqueeze(-1).expand({tasks, trials, context_, size_});
    const torch::Tensor kept = places.kept.unsqueeze(-1);
    next_ring = torch::stack({torch::where(kept, ring.select(2, 0), keys.gather(2, source)),
                              torch::where(kept, ring.select(2, 1), values.gather(2, source))},
                             2);
    if (places.cached) {
      keys = torch::cat({ring.select(2, 0), keys}, 2);
      values = torch::cat({ring.select(2, 1), values}, 2);
    }

    const auto of_heads = [&](const torch::Tensor& rows) {  // [T, B, heads, ., D / heads]
      return rows.reshape({tasks, trials, rows.size(2), heads_, size_ / heads_}).transpose(2, 3);
    };
    const double scale = 1 / std::sqrt(static_cast<double>(size_ / heads_));
    torch::Tensor scores = of_heads(gates[0]).matmul(of_heads(keys).transpose(-1, -2)) * scale;
    const torch::Tensor slopes =
        torch::tensor(Slopes(heads_), torch::kFloat64).to(x.options()).view({heads_, 1, 1});
    scores = scores - slopes * places.penalty.unsqueeze(2).to(x.scalar_type());
    // finite, so that a step that is masked out, which attends to nothing, gives no NaN
    scores = scores.masked_fill(places.allowed.logical_not().unsqueeze(2), -1e30);
    const torch::Tensor attended = scores.softmax(-1).matmul(of_heads(values));
    return x + Affine(parameters, block.projection,
                      attended.transpose(2, 3).reshape({tasks, trials, steps, size_}));
  }

  template <typename Scalar>
  class Evaluator final : public MemoryEvaluator<Scalar> {
   public:
    Evaluator(const Transformer& network, const ParameterLayout& layout)
        : inputs_(network.inputs_),
          size_(network.size_),
          heads_(network.heads_),
          context_(network.context_) {
      const auto offsets = [&](const Pair& pair) {
        return Offsets{layout.slices()[pair.weight].offset, layout.slices()[pair.bias].offset};
      };
      embed_ = offsets(network.embed_);
      final_norm_ = offsets(network.final_norm_);
      for (const Block& block : network.blocks_) {
        blocks_.push_back({offsets(block.attention_norm), offsets(block.attention),
                           offsets(block.projection), offsets(block.inner_norm),
                           offsets(block.expand), offsets(block.contract)});
      }
      for (const double slope : Slopes(heads_)) slopes_.push_back(static_cast<Scalar>(slope));
      x_ = normed_ = attended_ = added_ = output_ = Vector::Zero(size_);
      gates_ = Vector::Zero(3 * size_);
      inner_ = Vector::Zero(kExpansion * size_);
      scores_ = Vector::Zero(context_);
    }

    const Scalar* Step(const Scalar* row, const Scalar* input, Scalar* memory) noexcept override {
      const auto step = static_cast<int64_t>(std::llround(memory[0]));
      const int64_t slot = step % context_, held = std::min(step + 1, context_);
      Affine(row, embed_, Eigen::Map<const Vector>(input, inputs_), x_);
      Scalar* ring = memory + 1;
      for (const BlockOffsets& block : blocks_) {
        Norm(row, block[kAttentionNorm], x_, normed_);
        Affine(row, block[kAttention], normed_, gates_);
        Scalar* keys = ring;
        Scalar* values = ring + context_ * size_;
        std::copy_n(gates_.data() + size_, size_, keys + slot * size_);
        std::copy_n(gates_.data() + 2 * size_, size_, values + slot * size_);
        Attend(keys, values, step, held);
        Affine(row, block[kProjection], attended_, added_);
        x_ += added_;
        Norm(row, block[kInnerNorm], x_, normed_);
        Affine(row, block[kExpand], normed_, inner_);
        inner_.array() *= inner_.array().logistic();
        Affine(row, block[kContract], inner_, added_);
        x_ += added_;
        ring += 2 * context_ * size_;
      }
      memory[0] = static_cast<Scalar>(step + 1);
      Norm(row, final_norm_, x_, output_);
      return output_.data();
    }

   private:
    using Vector = Eigen::Vector<Scalar, Eigen::Dynamic>;
    using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
    struct Offsets {
      int64_t weight = 0, bias = 0;
    };
    enum { kAttentionNorm, kAttention, kProjection, kInnerNorm, kExpand, kContract, kParts };
    using BlockOffsets = std::array<Offsets, kParts>;

    template <typename In>
    void Affine(const Scalar* row, const Offsets& at, const In& in, Vector& out) const {
      out.noalias() = Eigen::Map<const Matrix>(row + at.weight, out.size(), in.size()) * in;
      out += Eigen::Map<const Vector>(row + at.bias, out.size());
    }

    void Norm(const Scalar* row, const Offsets& at, const Vector& in, Vector& out) const {
      out.array() = in.array() - in.mean();
      const Scalar scale = 1 / std::sqrt(out.squaredNorm() / static_cast<Scalar>(size_) +
                                         static_cast<Scalar>(kNormEpsilon));
      out.array() = out.array() * scale * Eigen::Map<const Vector>(row + at.weight, size_).array() +
                    Eigen::Map<const Vector>(row + at.bias, size_).array();
    }

    void Attend(const Scalar* keys, const Scalar* values, int64_t step, int64_t held) {
      const int64_t width = size_ / heads_;
      const Scalar scale = 1 / std::sqrt(static_cast<Scalar>(width));
      attended_.setZero();
      for (int64_t head = 0; head < heads_; ++head) {
        const int64_t first = head * width;
        const Eigen::Map<const Vector> query(gates_.data() + first, width);
        const Scalar slope = slopes_[static_cast<size_t>(head)];
        for (int64_t j = 0; j < held; ++j) {
          const auto distance = static_cast<Scalar>((step - j) % context_);
          scores_[j] =
              query.dot(Eigen::Map<const Vector>(keys + j * size_ + first, width)) * scale -
              slope * distance;
        }
        auto weights = scores_.head(held).array();
        weights = (weights - weights.maxCoeff()).exp();
        const Scalar total = weights.sum();
        auto out = attended_.segment(first, width);
        for (int64_t j = 0; j < held; ++j) {
          out += (scores_[j] / total) * Eigen::Map<const Vector>(values + j * size_ + first, width);
        }
      }
    }

    int64_t inputs_, size_, heads_, context_;
    Offsets embed_, final_norm_;
    std::vector<BlockOffsets> blocks_;
    std::vector<Scalar> slopes_;
    Vector x_, normed_, attended_, added_, output_, gates_, inner_, scores_;
  };

  int64_t inputs_, size_, heads_, context_;
  Pair embed_, final_norm_;
  std::vector<Block> blocks_;
};

}  // namespace

std::unique_ptr<MemoryNetwork> MakeTransformer(ParameterLayout& layout, const std::string& prefix,
                                               int64_t inputs, const MemoryOptions& options) {
  if (options.size % options.heads != 0) {
    throw Error(ErrorKind::kUsage,
                fmt::format("{} heads do not share {} units evenly", options.heads, options.size),
                {.key = "agent.memory.heads", .remedy = "Choose a size that they divide"});
  }
  return std::make_unique<Transformer>(layout, prefix, inputs, options);
}

}  // namespace fewstep
