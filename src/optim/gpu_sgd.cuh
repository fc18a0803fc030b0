#pragma once

#include <algorithm>

#include "base/cuda_kernel.cuh"
#include "optim/gpu_sgd.h"

namespace mosaic {
namespace {

constexpr int kSgdThreads = 256;
constexpr int kSgdVectors = 4;  // of each thread: so many loads are under way at once
constexpr std::int64_t kSgdBlock = kSgdThreads * kSgdVectors * kVector<float>;  // values

/// The tensors of one launch, by value: as many as fit into the 4 KB of arguments that every GPU takes.
struct SgdTable {
  static constexpr int kMost = 96;

  int count = 0;
  int first_block[kMost];
  SgdTensor tensors[kMost];
};

__device__ inline void step_value(const SgdStep& s, bool first, float gradient, float& momentum, float& weight) {
  momentum = first ? gradient : fmaf(gradient, s.share, momentum * s.momentum);
  const float direction = s.nesterov ? fmaf(momentum, s.momentum, gradient) : momentum;
  weight = fmaf(direction, s.minus_lr, weight * s.decay);
}

/// A block steps kSgdBlock values of one tensor, or what is left of it.
__global__ void sgd_kernel(const SgdStep step, const bool first, const SgdTable table, const bool* proceed) {
  if (proceed && !*proceed) return;
  const int block = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  int of = 0;  // the last tensor that does not begin after this block
  for (int end = table.count; end - of > 1;) {
    const int middle = (of + end) / 2;
    (table.first_block[middle] <= block ? of : end) = middle;
  }
  const SgdTensor& t = table.tensors[of];
  const std::int64_t begin = (block - table.first_block[of]) * kSgdBlock, end = begin + kSgdBlock;
  const bool aligned = (reinterpret_cast<std::uintptr_t>(t.weight) | reinterpret_cast<std::uintptr_t>(t.momentum) |
                        reinterpret_cast<std::uintptr_t>(t.gradient)) %
                           16 ==
                       0;
  if (!aligned || end > t.values) {
    for (std::int64_t i = begin + thread; i < end && i < t.values; i += kSgdThreads)
      step_value(step, first, t.gradient[i], t.momentum[i], t.weight[i]);
    return;
  }
  constexpr int kSize = kVector<float>;
  const auto place = [&](int v) { return begin + (v * kSgdThreads + thread) * kSize; };
  Floats<kSize> gradient[kSgdVectors], momentum[kSgdVectors], weight[kSgdVectors];
  for (int v = 0; v < kSgdVectors; ++v) {
    gradient[v] = load<kSize>(t.gradient + place(v));
    momentum[v] = load<kSize>(t.momentum + place(v));
    weight[v] = load<kSize>(t.weight + place(v));
  }
  for (int v = 0; v < kSgdVectors; ++v) {
    for (int i = 0; i < kSize; ++i) step_value(step, first, gradient[v][i], momentum[v][i], weight[v][i]);
    store(t.momentum + place(v), momentum[v]);
    store(t.weight + place(v), weight[v]);
  }
}

void start_sgd(const SgdStep& step, bool first, const std::vector<SgdTensor>& tensors, const bool* proceed,
               StreamHandle stream) {
  SgdTable table;
  std::int64_t blocks = 0;
  const auto start = [&] {
    if (blocks > 0)
      launch(sgd_kernel, dim3(static_cast<unsigned>(blocks)), dim3(kSgdThreads), stream, step, first, table, proceed);
    table.count = 0;
    blocks = 0;
  };
  for (const SgdTensor& t : tensors) {
    if (t.values == 0) continue;
    if (table.count == SgdTable::kMost) start();
    table.first_block[table.count] = static_cast<int>(blocks);
    table.tensors[table.count] = t;
    ++table.count;
    blocks += (t.values + kSgdBlock - 1) / kSgdBlock;
  }
  start();
}

}  // namespace
}  // namespace mosaic
