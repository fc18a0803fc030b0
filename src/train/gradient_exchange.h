#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "comm/process_group.h"
#include "model/resnet.h"
#include "train/flat_gradients.h"

namespace mosaic {

/// The mean of the gradients over the ranks, made while the backward pass that computes them goes on.
/// The flat gradients are cut into buckets, from their end on: the backward pass comes to the net's last layers first. A bucket
/// is sent when all parameters that have a part in it are done and all buckets before it are sent, so that the ranks send the
/// same ones in the same order although their backward passes may take turns of their own.
/// Source: Li et al., PyTorch Distributed: Experiences on Accelerating Data Parallel Training, VLDB 2020, arXiv:2006.15704,
/// section 3.2. Differs: buckets are cut at bytes, not at parameters, and the gradients lie in them from the start.
class GradientExchange {
 public:
  /// Puts a hook on every parameter.
  /// @param parameters  those of `gradients`, in the same order
  /// @param bucket_bytes  of gradients, at most 2^30; the last bucket may be smaller
  /// @param ranks  outlives this
  GradientExchange(const FlatGradients& gradients, const std::vector<NamedTensor>& parameters, ProcessGroup& ranks,
                   std::int64_t bucket_bytes, WireType wire);
  ~GradientExchange();
  GradientExchange(GradientExchange&&) noexcept;
  GradientExchange& operator=(GradientExchange&&) = delete;

  /// The next backward pass is the one that makes the gradients complete: send them as it goes. No other collective until `finish`.
  void start();
  /// Send what has not been, and wait for all: the gradients are the means over the ranks. Also where a backward pass has failed, or
  /// none was announced, so that the other ranks get what they wait for.
  void finish();

  /// A backward pass between these two is captured in a graph (captured_graph.h), with marks at the places where it has completed a bucket.
  void begin_capture();
  /// @return whether all were completed
  bool end_capture();
  /// In place of `start`, behind the start of a graph with such a pass that makes the gradients complete: send each bucket as the GPU comes
  /// to its mark. Then `finish`.
  void send_marked();

  /// Seconds that the exchange has taken so far by itself (BackgroundMean).
  double busy_seconds() const;

 private:
  struct State;
  std::unique_ptr<State> state_;  // the hooks point to it
};

}  // namespace mosaic
