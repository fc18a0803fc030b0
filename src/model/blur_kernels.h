#pragma once

#include <cstdint>

#include "model/instruction_set.h"

namespace mosaic {

/// The low pass of blur_pool.h over plain memory, images in NHWC: the 3x3 filter 1/16 [1 2 1; 2 4 2; 1 2 1] as two of
/// three values, which reads an image once from memory where a convolution with a channel per group goes through it tap
/// by tap.
///
/// Kernels work on a range of the result's rows, counted through all images: the caller shares an image among threads
/// by ranges. Values are stored as `T` and computed in float32; only sums round, always in the same order: every
/// instruction set gives the same bits. Any number of channels, no alignment.

/// Of the image before the low pass.
struct BlurSize {
  std::int64_t height, width, channels;
};

/// A range of rows, the first image's first row being number 0.
struct RowRange {
  std::int64_t first, number;
};

/// @tparam T  float or Bfloat16Bits
template <class T>
struct BlurKernels {
  /// Rows of y (N, H, W, C). The filter is symmetric and the border zero, so this is its own backward pass.
  void (*forward)(const T* x, const BlurSize& size, const RowRange& rows, T* y);

  /// Rows of y (N, ceil(H / 2), ceil(W / 2), C): the above at every second row and column.
  void (*forward_halving)(const T* x, const BlurSize& size, const RowRange& rows, T* y);

  /// Rows of dx (N, H, W, C) from all of dy (N, ceil(H / 2), ceil(W / 2), C).
  void (*backward_halving)(const T* dy, const BlurSize& size, const RowRange& rows, T* dx);
};

/// @param set  at most `best_instruction_set()` where its kernels are to be called
template <class T>
const BlurKernels<T>& blur_kernels(InstructionSet set);

}  // namespace mosaic
