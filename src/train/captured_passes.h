#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "device/captured_graph.h"
#include "train/net_pass.h"

namespace mosaic {

class CapturedPass;

/// Passes over micro-batches, each as two CUDA graphs, forward and backward: the host starts two things where it would queue about a
/// thousand, which on small images the GPU may be done with sooner than they come. One pair for each shape of micro-batch, hence for each
/// side of progressive resizing; a pass of SAM is as good as any other.
///
/// A shape is first run by operators some times, while LibTorch and cuDNN choose what they do and allocate for it; then captured; then
/// compared, on another micro-batch than it was captured with, with the operators' gradients (parameter by parameter), changes of the running
/// statistics, and loss. From then on it is used, or, where it failed or differs, never: the log says so, and the operators go on. Ranks
/// need not agree on that: they exchange the same buckets of gradients in the same order.
///
/// Graphs keep the memory of one pass, of the largest shape, beside what operators take for theirs. Where that is too much for a pass by
/// operators, the graphs go, for good.
class CapturedPasses {
 public:
  static constexpr int kWarmUp = 3;           // passes of a shape by operators before it is captured
  static constexpr double kTolerance = 1e-2;  // of |captured - operators| / |operators|
  // A parameter's gradient counts as at least so long, as a share of all: noise of small ones is no difference.
  static constexpr double kSmallest = 1e-3;

  explicit CapturedPasses(std::unique_ptr<GraphCapture> capture);
  ~CapturedPasses();
  CapturedPasses(const CapturedPasses&) = delete;
  CapturedPasses& operator=(const CapturedPasses&) = delete;

  /// net_pass.
  NetPassResult run(Run& run, const NetPassInput& input, bool complete);
  /// Give their memory back, and begin anew.
  void drop();
  /// How many shapes are run by graphs.
  int in_use() const;

 private:
  struct Shape {
    int passes = 0;  // by operators
    std::unique_ptr<CapturedPass> pass;
    enum class State { kWarmsUp, kCaptured, kInUse, kRefused } state = State::kWarmsUp;
  };
  using Key = std::array<std::int64_t, 3>;  // images, height, width

  bool has_graphs() const;  // which hold memory
  NetPassResult by_operators(Run& run, const NetPassInput& input, bool complete);
  NetPassResult capture(Run& run, const NetPassInput& input, bool complete, Shape& shape);
  NetPassResult compare(Run& run, const NetPassInput& input, Shape& shape);

  std::unique_ptr<GraphCapture> capture_;
  std::map<Key, Shape> shapes_;
  bool given_up_ = false;
};

}  // namespace mosaic
