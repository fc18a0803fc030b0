#pragma once

#include <cstdint>

#include "model/instruction_set.h"

namespace mosaic {

/// Batch norm, alone or together with the ReLU and the addition that follow it in a residual net, over plain memory:
/// NHWC, which is rows (pixels) of `channels` values. One read and one write of the image each, where the composition
/// of operators needs four.
///
/// Kernels work on a range of rows: the caller passes pointers to its first row, and shares an image among threads by
/// ranges. Sums are overwritten, not added to. Values are stored as `T` and computed in float32, without fused
/// multiply-add and always in the order of the rows: every instruction set gives the same bits. Any number of channels
/// and rows, no alignment. NaN goes through ReLU as in LibTorch.

/// What batch norm does with channel c: (x - mean[c]) * scale[c] + bias[c].
struct Normalisation {
  const float* mean = nullptr;
  const float* scale = nullptr;  // weight / standard deviation
  const float* bias = nullptr;
};

/// 0 or 1 for each image: what the residual branch is multiplied by. None: by 1.
struct KeepRows {
  const float* keep = nullptr;
  std::int64_t rows_per_image = 1;
  std::int64_t first_row = 0;  // of the range, counted from the first image's first row
};

/// The gradient of a batch norm's input for the gradient g of its output:
/// scale[c] * g + (slope[c] * (x - mean[c]) + offset[c]).
struct InputGradient {
  const float* mean = nullptr;
  const float* scale = nullptr;
  const float* slope = nullptr;
  const float* offset = nullptr;
};

/// Sums for the backward pass of one batch norm, each (channels).
struct GradientSums {
  float* g = nullptr;          // of g
  float* g_centred = nullptr;  // of g * (x - mean)
};

/// What is added to the residual branch.
template <class T>
struct Shortcut {
  const T* x = nullptr;
  Normalisation norm;  // without mean: x is added as it is
};

/// @tparam T  float or Bfloat16Bits
template <class T>
struct BatchNormKernels {
  /// sum[c] = sum of x - centre[c], squares[c] = sum of (x - centre[c])^2.
  void (*statistics)(const T* x, std::int64_t rows, std::int64_t channels, const float* centre, float* sum,
                     float* squares);

  /// y = relu(norm(x)). `y` may be `x`.
  void (*relu_forward)(const T* x, std::int64_t rows, std::int64_t channels, const Normalisation& norm, T* y);

  /// y = relu(keep * norm(x) + shortcut). `y` may be `x`.
  void (*add_relu_forward)(const T* x, std::int64_t rows, std::int64_t channels, const Normalisation& norm,
                           const KeepRows& keep, const Shortcut<T>& shortcut, T* y);

  /// Sums for g = dy where norm(x) is above 0, else 0.
  void (*relu_sums)(const T* x, const T* dy, std::int64_t rows, std::int64_t channels, const Normalisation& norm,
                    const GradientSums& sums);

  /// dx for that g. `dx` may be `x` or `dy`.
  void (*relu_backward)(const T* x, const T* dy, std::int64_t rows, std::int64_t channels, const Normalisation& norm,
                        const InputGradient& gradient, T* dx);

  /// g = dy + dy2 where y is above 0, else 0: the gradient of the sum, hence of the shortcut. Its sums after the
  /// multiplication by `keep` for the branch's batch norm and, where the shortcut has one, without it for that.
  /// @param y  the forward pass's result
  /// @param dy2  more gradient of the same y; null: none
  /// @param g  overwritten; may be `dy` or `dy2`
  void (*add_relu_sums)(const T* x, const T* y, const T* dy, const T* dy2, std::int64_t rows, std::int64_t channels,
                        const float* mean, const KeepRows& keep, const Shortcut<T>& shortcut, T* g,
                        const GradientSums& sums, const GradientSums& shortcut_sums);

  /// dx for keep * g. `dx` may be `x` or `g`.
  void (*backward)(const T* x, const T* g, std::int64_t rows, std::int64_t channels, const KeepRows& keep,
                   const InputGradient& gradient, T* dx);
};

/// @param set  at most `best_instruction_set()` where its kernels are to be called
template <class T>
const BatchNormKernels<T>& batch_norm_kernels(InstructionSet set);

}  // namespace mosaic
