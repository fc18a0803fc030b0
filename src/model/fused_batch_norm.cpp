#include "model/fused_batch_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/batch_norm_kernels.h"
#include "model/gpu_layers.h"

namespace mosaic {
namespace {

// An image is cut into pieces of equal length, which threads share; how many does not depend on the threads, so that sums
// do not either. A piece's sums are float32, those over the pieces double.
constexpr std::int64_t kChunkValues = 1 << 15;  // small enough for a core's cache, with what else is read
constexpr std::int64_t kFewestRows = 16;        // of a piece: its sums are written for so many rows at least
constexpr std::int64_t kEvenly = 8;             // the number of pieces is a multiple of it where there are enough rows

/// An image as rows of channels.
struct Rows {
  std::int64_t rows, channels;
  std::int64_t chunk_rows, chunks;

  explicit Rows(const at::Tensor& x) : rows(x.size(0) * x.size(2) * x.size(3)), channels(x.size(1)) {
    const auto up = [](std::int64_t n, std::int64_t step) { return (n + step - 1) / step; };
    const std::int64_t wanted = up(std::max<std::int64_t>(1, up(rows * channels, kChunkValues)), kEvenly) * kEvenly;
    chunk_rows = std::max(up(rows, wanted), kFewestRows);
    chunks = up(rows, chunk_rows);
  }

  /// Calls f(chunk, first row, rows) for all chunks, on all threads.
  template <class F>
  void for_chunks(const F& f) const {
    at::parallel_for(0, chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = begin; chunk < end; ++chunk)
        f(chunk, chunk * chunk_rows, std::min(chunk_rows, rows - chunk * chunk_rows));
    });
  }
};

/// Sums over the channels, `count` of them, for each chunk; and over all chunks, in their order.
class ChunkSums {
 public:
  ChunkSums(const Rows& rows, std::int64_t count)
      : channels_(rows.channels),
        chunks_(rows.chunks),
        count_(count),
        parts_(static_cast<std::size_t>(chunks_ * count * channels_)) {}

  float* part(std::int64_t chunk, std::int64_t which) { return &parts_[(chunk * count_ + which) * channels_]; }

  std::vector<double> total(std::int64_t which) {
    std::vector<double> sums(static_cast<std::size_t>(channels_));
    for (std::int64_t chunk = 0; chunk < chunks_; ++chunk) {
      const float* from = part(chunk, which);
      for (std::int64_t c = 0; c < channels_; ++c) sums[c] += from[c];
    }
    return sums;
  }

 private:
  std::int64_t channels_, chunks_, count_;
  std::vector<float> parts_;
};

/// Calls f(T{}) with the storage type of `x`.
template <class F>
void with_type_of(const at::Tensor& x, const F& f) {
  if (x.scalar_type() == at::kFloat)
    f(float{});
  else
    f(Bfloat16Bits{});
}

template <class T>
const T* read(const at::Tensor& x) {
  return static_cast<const T*>(x.const_data_ptr());
}
template <class T>
const T* read_or_null(const at::Tensor& x) {
  return x.defined() ? read<T>(x) : nullptr;
}
template <class T>
T* write(const at::Tensor& x) {
  return static_cast<T*>(x.mutable_data_ptr());
}

template <class T>
const BatchNormKernels<T>& kernels() {
  return batch_norm_kernels<T>(best_instruction_set());
}

Normalisation plain(const NormPass& norm) {
  return {read<float>(norm.mean), read<float>(norm.scale), read<float>(norm.bias)};
}

KeepRows rows_kept(const at::Tensor& keep, const at::Tensor& x, std::int64_t first_row) {
  return {read_or_null<float>(keep), x.size(2) * x.size(3), first_row};
}

/// In the backward pass a shortcut without batch norm is not read, and has no image here.
template <class T>
Shortcut<T> plain(const ShortcutPass& shortcut, std::int64_t offset) {
  if (!shortcut.x.defined()) return {};
  return {read<T>(shortcut.x) + offset, shortcut.norm ? plain(*shortcut.norm) : Normalisation{}};
}

/// About the mean of each channel: sums of differences from it do not cancel. Four rows spread over the image tell.
template <class T>
std::vector<float> near_mean(const T* x, const Rows& rows) {
  constexpr std::int64_t kSamples = 4;
  std::vector<float> sum(static_cast<std::size_t>(rows.channels)), one(sum), squares(sum);
  const std::vector<float> zero(sum);
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const std::int64_t row = (2 * i + 1) * rows.rows / (2 * kSamples);
    kernels<T>().statistics(x + row * rows.channels, 1, rows.channels, zero.data(), one.data(), squares.data());
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += one[c] / kSamples;
  }
  return sum;
}

/// Mean and summed squared deviation of each channel.
struct Statistics {
  std::vector<double> mean, deviation;
};

Statistics statistics_of(const at::Tensor& x) {
  const Rows rows(x);
  ChunkSums sums(rows, 2);
  std::vector<float> centre;
  with_type_of(x, [&]<class T>(T) {
    const T* data = read<T>(x);
    centre = near_mean(data, rows);
    rows.for_chunks([&](std::int64_t chunk, std::int64_t first, std::int64_t number) {
      kernels<T>().statistics(data + first * rows.channels, number, rows.channels, centre.data(), sums.part(chunk, 0),
                              sums.part(chunk, 1));
    });
  });
  Statistics s{sums.total(0), sums.total(1)};
  const auto n = static_cast<double>(rows.rows);
  for (std::size_t c = 0; c < centre.size(); ++c) {
    const double from_centre = s.mean[c] / n;
    // Not below 0, but NaN stays NaN.
    const double deviation = s.deviation[c] - from_centre * s.mean[c];
    s.deviation[c] = deviation < 0 ? 0 : deviation;
    s.mean[c] = from_centre + centre[c];
  }
  return s;
}

/// In double and rounded once, as LibTorch does it.
void move_running(BatchNorm& norm, const Statistics& s, double n) {
  constexpr double kMomentum = 0.1;
  float* mean = write<float>(norm.running_mean);
  float* variance = write<float>(norm.running_var);
  for (std::size_t c = 0; c < s.mean.size(); ++c) {
    const double unbiased = static_cast<float>(s.deviation[c]) / (n - 1);
    mean[c] = static_cast<float>(kMomentum * static_cast<float>(s.mean[c]) + (1 - kMomentum) * mean[c]);
    variance[c] = static_cast<float>(kMomentum * unbiased + (1 - kMomentum) * variance[c]);
  }
}

/// The input's gradient and the parameters' from the two sums.
struct Slopes {
  std::vector<float> slope, offset;
  at::Tensor weight, bias;
};

Slopes slopes_of(const NormPass& norm, const std::vector<double>& g, const std::vector<double>& g_centred, double n) {
  const std::size_t channels = g.size();
  Slopes s{std::vector<float>(channels), std::vector<float>(channels), at::empty_like(norm.mean),
           at::empty_like(norm.mean)};
  const float* inverse = read<float>(norm.inverse_deviation);
  const float* scale = read<float>(norm.scale);
  float* weight = write<float>(s.weight);
  float* bias = write<float>(s.bias);
  for (std::size_t c = 0; c < channels; ++c) {
    weight[c] = static_cast<float>(g_centred[c] * inverse[c]);
    bias[c] = static_cast<float>(g[c]);
    if (!norm.batch_statistics) continue;  // nothing but g itself: mean and deviation do not depend on x
    s.slope[c] = static_cast<float>(-scale[c] * (g_centred[c] * inverse[c] * inverse[c] / n));
    s.offset[c] = static_cast<float>(-scale[c] * (g[c] / n));
  }
  return s;
}

InputGradient plain(const NormPass& norm, const Slopes& s) {
  return {read<float>(norm.mean), read<float>(norm.scale), s.slope.data(), s.offset.data()};
}

/// dx = keep * g through the batch norm, in the memory of `x`, or of `g`.
void backward(const at::Tensor& x, const at::Tensor& g, const at::Tensor& keep, const NormPass& norm, const Slopes& s,
              const at::Tensor& dx) {
  const Rows rows(x);
  with_type_of(x, [&]<class T>(T) {
    rows.for_chunks([&](std::int64_t, std::int64_t first, std::int64_t number) {
      const std::int64_t at = first * rows.channels;
      kernels<T>().backward(read<T>(x) + at, read<T>(g) + at, number, rows.channels, rows_kept(keep, x, first),
                            plain(norm, s), write<T>(dx) + at);
    });
  });
}

double count(const at::Tensor& x) { return static_cast<double>(Rows(x).rows); }

}  // namespace

bool is_fusable(const at::Tensor& x, const BatchNorm& norm) {
  const at::ScalarType type = x.scalar_type();
  return (x.is_cpu() || x.is_cuda()) && x.dim() == 4 && x.numel() > 0 &&
         (type == at::kFloat || type == at::kBFloat16 || (type == at::kHalf && x.is_cuda())) &&
         norm.weight.scalar_type() == at::kFloat;
}

NormPass start_norm(const at::Tensor& x, BatchNorm& norm, bool batch_statistics) {
  if (x.is_cuda()) return gpu_layers().start_norm(x, norm, batch_statistics);
  constexpr double kEpsilon = 1e-5;
  const std::int64_t channels = x.size(1);
  const auto options = norm.running_mean.options();
  NormPass pass{at::empty({channels}, options), at::empty({channels}, options), at::empty({channels}, options),
                norm.bias.detach().clone(), batch_statistics};
  float* mean = write<float>(pass.mean);
  float* inverse = write<float>(pass.inverse_deviation);
  float* scale = write<float>(pass.scale);
  const float* weight = read<float>(norm.weight);
  if (batch_statistics) {
    const double n = count(x);
    const Statistics s = statistics_of(x);
    for (std::int64_t c = 0; c < channels; ++c) {
      mean[c] = static_cast<float>(s.mean[c]);
      inverse[c] = static_cast<float>(1 / std::sqrt(static_cast<float>(s.deviation[c]) / n + kEpsilon));
    }
    move_running(norm, s, n);
    ++norm.batches_tracked;
  } else {
    const float* running_mean = read<float>(norm.running_mean);
    const float* running_var = read<float>(norm.running_var);
    for (std::int64_t c = 0; c < channels; ++c) {
      mean[c] = running_mean[c];
      inverse[c] = static_cast<float>(1 / std::sqrt(running_var[c] + kEpsilon));
    }
  }
  for (std::int64_t c = 0; c < channels; ++c) scale[c] = weight[c] * inverse[c];
  return pass;
}

at::Tensor norm_relu(const at::Tensor& x, const NormPass& norm) {
  if (x.is_cuda()) return gpu_layers().norm_relu(x, norm);
  const Rows rows(x);
  at::Tensor y = at::empty_like(x);
  with_type_of(x, [&]<class T>(T) {
    rows.for_chunks([&](std::int64_t, std::int64_t first, std::int64_t number) {
      const std::int64_t at = first * rows.channels;
      kernels<T>().relu_forward(read<T>(x) + at, number, rows.channels, plain(norm), write<T>(y) + at);
    });
  });
  return y;
}

at::Tensor norm_add_relu(const at::Tensor& x, const NormPass& norm, const at::Tensor& keep,
                         const ShortcutPass& shortcut) {
  if (x.is_cuda()) return gpu_layers().norm_add_relu(x, norm, keep, shortcut);
  const Rows rows(x);
  at::Tensor y = at::empty_like(x);
  with_type_of(x, [&]<class T>(T) {
    rows.for_chunks([&](std::int64_t, std::int64_t first, std::int64_t number) {
      const std::int64_t at = first * rows.channels;
      kernels<T>().add_relu_forward(read<T>(x) + at, number, rows.channels, plain(norm), rows_kept(keep, x, first),
                                    plain<T>(shortcut, at), write<T>(y) + at);
    });
  });
  return y;
}

NormGradients norm_relu_backward(const at::Tensor& x, const NormPass& norm, const at::Tensor& dy) {
  if (x.is_cuda()) return gpu_layers().norm_relu_backward(x, norm, dy);
  const Rows rows(x);
  ChunkSums sums(rows, 2);
  Slopes slopes;
  with_type_of(x, [&]<class T>(T) {
    rows.for_chunks([&](std::int64_t chunk, std::int64_t first, std::int64_t number) {
      const std::int64_t at = first * rows.channels;
      kernels<T>().relu_sums(read<T>(x) + at, read<T>(dy) + at, number, rows.channels, plain(norm),
                             {sums.part(chunk, 0), sums.part(chunk, 1)});
    });
    slopes = slopes_of(norm, sums.total(0), sums.total(1), count(x));
    rows.for_chunks([&](std::int64_t, std::int64_t first, std::int64_t number) {
      const std::int64_t at = first * rows.channels;
      kernels<T>().relu_backward(read<T>(x) + at, read<T>(dy) + at, number, rows.channels, plain(norm),
                                 plain(norm, slopes), write<T>(x) + at);
    });
  });
  return {x, slopes.weight, slopes.bias};
}

NormAddGradients norm_add_relu_backward(const at::Tensor& x, const NormPass& norm, const at::Tensor& keep,
                                        const ShortcutPass& shortcut, const at::Tensor& y, const at::Tensor& dy,
                                        const at::Tensor& more_dy) {
  if (x.is_cuda()) return gpu_layers().norm_add_relu_backward(x, norm, keep, shortcut, y, dy, more_dy);
  const Rows rows(x);
  const at::Tensor g = at::empty_like(x);
  ChunkSums sums(rows, shortcut.norm ? 4 : 2);
  with_type_of(x, [&]<class T>(T) {
    rows.for_chunks([&](std::int64_t chunk, std::int64_t first, std::int64_t number) {
      const std::int64_t at = first * rows.channels;
      const T* more = read_or_null<T>(more_dy);
      kernels<T>().add_relu_sums(
          read<T>(x) + at, read<T>(y) + at, read<T>(dy) + at, more ? more + at : nullptr, number, rows.channels,
          read<float>(norm.mean), rows_kept(keep, x, first), plain<T>(shortcut, at), write<T>(g) + at,
          {sums.part(chunk, 0), sums.part(chunk, 1)},
          shortcut.norm ? GradientSums{sums.part(chunk, 2), sums.part(chunk, 3)} : GradientSums{});
    });
  });
  const Slopes slopes = slopes_of(norm, sums.total(0), sums.total(1), count(x));
  backward(x, g, keep, norm, slopes, x);
  NormAddGradients gradients{{x, slopes.weight, slopes.bias}, {g, {}, {}}};
  if (shortcut.norm) {
    const Slopes s = slopes_of(*shortcut.norm, sums.total(2), sums.total(3), count(x));
    backward(shortcut.x, g, {}, *shortcut.norm, s, shortcut.x);
    gradients.shortcut = {shortcut.x, s.weight, s.bias};
  }
  return gradients;
}

}  // namespace mosaic
