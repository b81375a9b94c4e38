#include "agents/networks/batch_norm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <vector>

#include <Eigen/Core>

#include "core/error.h"

namespace fewstep {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::tensor_list;

// How the numbers of channels lie in memory: maps of a channel (planes), or the channels of a place
// side by side.
struct Extent {
  bool planes = true;
  int64_t rows = 0;  // pictures, or places of all pictures
  int64_t channels = 0;
  int64_t places = 0;  // of a plane

  explicit Extent(const Tensor& x)
      : planes(x.suggest_memory_format() != at::MemoryFormat::ChannelsLast),
        rows(planes ? x.size(0) : x.size(0) * x.size(2) * x.size(3)),
        channels(x.size(1)),
        places(x.size(2) * x.size(3)) {}
  double count() const { return static_cast<double>(planes ? rows * places : rows); }
};

// f(i, c) for every number i, which is of channel c. No two calls may depend on each other.
template <typename F>
void ForEach(const Extent e, F f) {
  if (e.planes) {
    for (int64_t o = 0; o < e.rows * e.channels; ++o) {
      const int64_t first = o * e.places, c = o % e.channels;
#pragma GCC ivdep
      for (int64_t i = 0; i < e.places; ++i) f(first + i, c);
    }
  } else {
    for (int64_t row = 0; row < e.rows; ++row) {
      const int64_t first = row * e.channels;
#pragma GCC ivdep
      for (int64_t c = 0; c < e.channels; ++c) f(first + c, c);
    }
  }
}

// Means of f(i, c) -> K numbers over each channel. Partial sums are short, so that a float holds
// them well; the rest is in double precision.
template <size_t K, typename S, typename F>
std::array<std::vector<double>, K> Means(const Extent& e, F f) {
  std::array<std::vector<double>, K> sums;
  for (std::vector<double>& of : sums) of.assign(static_cast<size_t>(e.channels), 0);
  if (e.planes) {
    constexpr int64_t kLongest = 256;
    alignas(64) S values[K][kLongest];  // wherever the stack lies, sums are of the same packets
    for (int64_t o = 0; o < e.rows * e.channels; ++o) {
      const int64_t c = o % e.channels;
      for (int64_t begin = 0; begin < e.places; begin += kLongest) {
        const int64_t first = o * e.places + begin, length = std::min(e.places - begin, kLongest);
#pragma GCC ivdep
        for (int64_t i = 0; i < length; ++i) {
          const std::array<S, K> of = f(first + i, c);
          for (size_t k = 0; k < K; ++k) values[k][i] = of[k];
        }
        for (size_t k = 0; k < K; ++k) {
          sums[k][static_cast<size_t>(c)] += static_cast<double>(
              Eigen::Map<const Eigen::Array<S, Eigen::Dynamic, 1>>(values[k], length).sum());
        }
      }
    }
  } else {
    constexpr int64_t kLongest = 128;
    std::vector<S> partial(K * static_cast<size_t>(e.channels));
    for (int64_t begin = 0; begin < e.rows; begin += kLongest) {
      std::ranges::fill(partial, S{0});
      S* const to = partial.data();
      for (int64_t row = begin; row < std::min(e.rows, begin + kLongest); ++row) {
        const int64_t first = row * e.channels;
#pragma GCC ivdep
        for (int64_t c = 0; c < e.channels; ++c) {
          const std::array<S, K> of = f(first + c, c);
          for (size_t k = 0; k < K; ++k) to[static_cast<int64_t>(k) * e.channels + c] += of[k];
        }
      }
      for (size_t k = 0; k < K; ++k) {
        for (size_t c = 0; c < static_cast<size_t>(e.channels); ++c) {
          sums[k][c] += static_cast<double>(to[k * static_cast<size_t>(e.channels) + c]);
        }
      }
    }
  }
  for (std::vector<double>& of : sums) {
    for (double& sum : of) sum /= e.count();
  }
  return sums;
}

// Numbers of each channel, as passes read them.
template <typename S, size_t K, typename F>
std::array<std::vector<S>, K> OfChannels(int64_t channels, const F& f) {
  std::array<std::vector<S>, K> result;
  for (std::vector<S>& of : result) of.resize(static_cast<size_t>(channels));
  for (size_t c = 0; c < static_cast<size_t>(channels); ++c) {
    const std::array<double, K> values = f(c);
    for (size_t k = 0; k < K; ++k) result[k][c] = static_cast<S>(values[k]);
  }
  return result;
}

template <typename S>
const S* Read(const Tensor& x) {
  return x.const_data_ptr<S>();
}
template <typename S>
S* Write(Tensor& x) {
  return x.mutable_data_ptr<S>();
}

template <typename S>
Tensor VectorOf(const std::vector<double>& values, double factor, const Tensor& like) {
  Tensor result = at::empty({static_cast<int64_t>(values.size())}, like.options());
  std::ranges::transform(values, Write<S>(result),
                         [&](double value) { return static_cast<S>(factor * value); });
  return result;
}

template <typename S>
std::vector<double> ValuesOf(const Tensor& vector) {
  const Tensor dense = vector.contiguous();
  const S* begin = Read<S>(dense);
  return {begin, begin + dense.numel()};
}

// In the layout of `other`.
Tensor As(const Tensor& x, const Tensor& other) {
  return x.contiguous(other.suggest_memory_format());
}

// r'(u).
template <typename S>
S Slope(S u, S slope) {
  return u > 0 ? S{1} : slope;
}

// What the derivatives read beside their gradients: the normalised n = (x - mean) d, of channel c,
// where the mean is rounded to x's type, and the slope of the rectifier at each number.
template <typename S>
struct Point {
  const S* x;
  const S* y;
  const S* mean;
  const S* d;
  S slope;

  S Normal(int64_t i, int64_t c) const { return (x[i] - mean[c]) * d[c]; }
  S Rectified(S g, int64_t i) const { return Slope(y[i], slope) * g; }
};

template <typename S>
BatchNormResult ForwardOf(const Tensor& x, const Tensor& gain, const Tensor& offset, double epsilon,
                          double slope) {
  const Extent e(x);
  const S* from = Read<S>(x);
  const auto [mean] = Means<1, S>(e, [&](int64_t i, int64_t) { return std::array{from[i]}; });
  const auto [center] = OfChannels<S, 1>(e.channels, [&](size_t c) { return std::array{mean[c]}; });
  // of what is near the mean; what the rounding of the mean leaves is taken off
  const S* about = center.data();
  const auto [rest, square] = Means<2, S>(e, [&](int64_t i, int64_t c) {
    const S difference = from[i] - about[c];
    return std::array{difference, difference * difference};
  });
  std::vector<double> exact(mean.size()), inverse(mean.size());
  for (size_t c = 0; c < mean.size(); ++c) {
    exact[c] = static_cast<double>(center[c]) + rest[c];
    inverse[c] = 1 / std::sqrt(std::max(0.0, square[c] - rest[c] * rest[c]) + epsilon);
  }
  const std::vector<double> factor = ValuesOf<S>(gain), shift = ValuesOf<S>(offset);
  const auto coefficients = OfChannels<S, 2>(e.channels, [&](size_t c) {
    const double scale = factor[c] * inverse[c];
    return std::array{scale, shift[c] - scale * rest[c]};
  });
  Tensor y = at::empty_like(x);
  S* to = Write<S>(y);
  const S *scale = coefficients[0].data(), *constant = coefficients[1].data();
  const S below = static_cast<S>(slope);
  ForEach(e, [=](int64_t i, int64_t c) {
    const S u = scale[c] * (from[i] - about[c]) + constant[c];
    to[i] = Slope(u, below) * u;
  });
  return {y, VectorOf<S>(exact, 1, x), VectorOf<S>(inverse, 1, x)};
}

// With h = g r'(y), n the normalised numbers, d the inverse deviation, and means over a channel:
//
//   of x:      gain d (h - mean(h) - n mean(h n))
//   of gain:   count mean(h n)
//   of offset: count mean(h)
template <typename S>
tensor_list GradientOf(const Tensor& gradient, const Tensor& x, const Tensor& y, const Tensor& gain,
                       const Tensor& mean, const Tensor& inverse, double slope) {
  const Extent e(x);
  const Tensor g_like = As(gradient, x);
  const S* g = Read<S>(g_like);
  const Point<S> at{Read<S>(x), Read<S>(y), Read<S>(mean), Read<S>(inverse), static_cast<S>(slope)};
  const auto [of_h, of_hn] = Means<2, S>(e, [&](int64_t i, int64_t c) {
    const S h = at.Rectified(g[i], i);
    return std::array{h, h * at.Normal(i, c)};
  });
  const std::vector<double> factor = ValuesOf<S>(gain), d = ValuesOf<S>(inverse);
  const auto coefficients = OfChannels<S, 3>(e.channels, [&](size_t c) {
    const double k = factor[c] * d[c];
    return std::array{k, -k * of_hn[c], -k * of_h[c]};
  });
  Tensor result = at::empty_like(x);
  S* to = Write<S>(result);
  const S *by_h = coefficients[0].data(), *by_n = coefficients[1].data(),
          *constant = coefficients[2].data();
  ForEach(e, [=](int64_t i, int64_t c) {
    to[i] = by_h[c] * at.Rectified(g[i], i) + by_n[c] * at.Normal(i, c) + constant[c];
  });
  return {result, VectorOf<S>(of_hn, e.count(), x), VectorOf<S>(of_h, e.count(), x)};
}

// The gradient of sum(v X) + a . G + b . O, where X, G and O are those of x, gain and offset above,
// by g, x and gain. With s = mean(h), t = mean(h n), p = mean(v), q = mean(v n), w = mean(v h) -
// p s - q t and k = gain d:
//
//   of g:    r' (k (v - p - n q) + a n + b)
//   of gain: count d w
//   of x:    d (l - mean(l) - n mean(l n)) - n k d w,   l = (a - k q) h - k t v
//
// where the first part of the last comes through n and the second through d.
template <typename S>
tensor_list SecondOf(const Tensor& of_x, const Tensor& of_gain, const Tensor& of_offset,
                     const Tensor& gradient, const Tensor& x, const Tensor& y, const Tensor& gain,
                     const Tensor& mean, const Tensor& inverse, double slope) {
  const Extent e(x);
  const Tensor v_like = As(of_x, x), g_like = As(gradient, x);
  const S *v = Read<S>(v_like), *g = Read<S>(g_like);
  const Point<S> at{Read<S>(x), Read<S>(y), Read<S>(mean), Read<S>(inverse), static_cast<S>(slope)};
  const auto [s, t, p, q, vh] = Means<5, S>(e, [&](int64_t i, int64_t c) {
    const S h = at.Rectified(g[i], i), n = at.Normal(i, c);
    return std::array{h, h * n, v[i], v[i] * n, v[i] * h};
  });
  const std::vector<double> factor = ValuesOf<S>(gain), d = ValuesOf<S>(inverse),
                            a = ValuesOf<S>(of_gain), b = ValuesOf<S>(of_offset);
  std::vector<double> gain_gradient(d.size());
  // of g by v, by n and by nothing; of x by h, by v, by n and by nothing
  const auto coefficients = OfChannels<S, 7>(e.channels, [&](size_t c) {
    const double k = factor[c] * d[c], w = vh[c] - p[c] * s[c] - q[c] * t[c];
    gain_gradient[c] = e.count() * d[c] * w;
    const double by_h = a[c] - k * q[c], by_v = -k * t[c];
    const double mean_l = by_h * s[c] + by_v * p[c], mean_ln = by_h * t[c] + by_v * q[c];
    return std::array{k,
                      by_h,
                      b[c] - k * p[c],
                      d[c] * by_h,
                      d[c] * by_v,
                      -d[c] * (mean_ln + k * w),
                      -d[c] * mean_l};
  });
  Tensor g_result = at::empty_like(x), x_result = at::empty_like(x);
  S *to_g = Write<S>(g_result), *to_x = Write<S>(x_result);
  std::array<const S*, 7> of{};
  for (size_t k = 0; k < of.size(); ++k) of[k] = coefficients[k].data();
  ForEach(e, [=](int64_t i, int64_t c) {
    const S n = at.Normal(i, c), h = at.Rectified(g[i], i);
    to_g[i] = at.Rectified(of[0][c] * v[i] + of[1][c] * n + of[2][c], i);
    to_x[i] = of[3][c] * h + of[4][c] * v[i] + of[5][c] * n + of[6][c];
  });
  return {g_result, x_result, VectorOf<S>(gain_gradient, 1, x)};
}

// f<float> or f<double>.
template <typename F>
auto OfType(const Tensor& x, const F& f) {
  if (x.scalar_type() == torch::kFloat64) return f(double{});
  FEWSTEP_CHECK(x.scalar_type() == torch::kFloat32, "a normalisation of {}",
                c10::toString(x.scalar_type()));
  return f(float{});
}

struct Gradient : Function<Gradient> {
  static tensor_list forward(AutogradContext* context, const Tensor& g, const Tensor& x,
                             const Tensor& gain, const Tensor& y, const Tensor& mean,
                             const Tensor& inverse, double slope) {
    context->save_for_backward({g, x, gain, y, mean, inverse});
    context->saved_data["slope"] = slope;
    return OfType(x, [&](auto number) {
      return GradientOf<decltype(number)>(g, x, y, gain, mean, inverse, slope);
    });
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    FEWSTEP_CHECK(!at::GradMode::is_enabled(),
                  "batch normalisation has no third derivative on a processor");
    const auto saved = context->get_saved_variables();
    const double slope = context->saved_data["slope"].toDouble();
    tensor_list result = OfType(saved[1], [&](auto number) {
      return SecondOf<decltype(number)>(gradients[0], gradients[1], gradients[2], saved[0],
                                        saved[1], saved[3], saved[2], saved[4], saved[5], slope);
    });
    result.resize(7);
    return result;
  }
};

struct Forward : Function<Forward> {
  static tensor_list forward(AutogradContext* context, const Tensor& x, const Tensor& gain,
                             const Tensor& offset, double epsilon, double slope) {
    const auto [y, mean, inverse] = OfType(x, [&](auto number) {
      return ForwardOf<decltype(number)>(x, gain, offset, epsilon, slope);
    });
    context->save_for_backward({x, gain, y, mean, inverse});
    context->saved_data["slope"] = slope;
    context->mark_non_differentiable({mean, inverse});
    return {y, mean, inverse};
  }
  static tensor_list backward(AutogradContext* context, tensor_list gradients) {
    const auto saved = context->get_saved_variables();
    const tensor_list of =
        Gradient::apply(gradients[0], saved[0], saved[1], saved[2].detach(), saved[3], saved[4],
                        context->saved_data["slope"].toDouble());
    return {of[0], of[1], of[2], Tensor(), Tensor()};
  }
};

BatchNormResult OfLibTorch(const Tensor& x, const Tensor& gain, const Tensor& offset,
                           double epsilon, double slope) {
  BatchNormResult result;
  std::tie(result.y, result.mean, result.inverse_deviation) =
      at::native_batch_norm(x, gain, offset, {}, {}, /*training=*/true, /*momentum=*/0, epsilon);
  if (slope != 1) result.y = slope == 0 ? result.y.relu_() : at::leaky_relu_(result.y, slope);
  return result;
}

}  // namespace

BatchNormResult RectifiedBatchNorm(const Tensor& x, const Tensor& gain, const Tensor& offset,
                                   double epsilon, double slope) {
  if (!x.is_cpu()) return OfLibTorch(x, gain, offset, epsilon, slope);
  const Tensor dense = x.contiguous(x.suggest_memory_format());
  const tensor_list of = Forward::apply(dense, gain, offset, epsilon, slope);
  return {of[0], of[1], of[2]};
}

}  // namespace fewstep
