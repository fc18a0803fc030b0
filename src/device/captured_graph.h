#pragma once

#include <c10/core/Device.h>

#include <functional>
#include <memory>

namespace mosaic {

/// Work for a GPU that has been queued once and is started again as a whole, without what queueing costs the host.
class CapturedGraph {
 public:
  virtual ~CapturedGraph() = default;
  /// Queue the work again, on the current stream: the same kernels on the same memory, whatever that holds now. What the host has computed
  /// in between, such as the numbers that kernels were given, stays what it was when the work was captured.
  virtual void start() = 0;
};

/// Captures graphs, all of them in one pool of memory: of two that were captured one after the other the second may use what the
/// first has let go of. Graphs may be started in any order, but one at a time, and what one leaves in memory that no tensor holds
/// any more is lost when another is started.
/// Source: CUDA's stream capture; the pool is LibTorch's (at::cuda::CUDAGraph).
class GraphCapture {
 public:
  virtual ~GraphCapture() = default;
  /// Call `work`, and capture what it queues on the current stream instead of running it. Tensors that it makes and the caller keeps
  /// stay where they are: each start fills them.
  /// @throws Error or c10::Error if `work` does, or does what cannot be captured, such as waiting for the GPU; the GPU is as it was
  virtual std::unique_ptr<CapturedGraph> capture(const std::function<void()>& work) = 0;
};

/// @throws Error in builds without CUDA
std::unique_ptr<GraphCapture> cuda_graph_capture(at::Device gpu);

/// A place in a graph that others may wait for at each start of it. On the host and in builds without CUDA: nothing.
class GraphMark {
 public:
  explicit GraphMark(at::Device device);
  ~GraphMark();
  GraphMark(GraphMark&& other) noexcept;
  GraphMark& operator=(GraphMark&&) = delete;

  /// Here, in what is being captured on the current stream. May be in several graphs.
  void put() const;
  /// CUDA's event, which is over when the graph that was started last has come to the mark; nullptr on the host.
  void* event() const { return event_; }

 private:
  void* event_ = nullptr;
};

}  // namespace mosaic
