#include "device/captured_graph.h"

#include <utility>

#include "base/error.h"

#ifdef MOSAIC_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "base/cuda_call.h"
#endif

namespace mosaic {

#ifdef MOSAIC_CUDA

namespace {

/// A pool of memory that graphs share. LibTorch gives it up with the last of them, and it cannot be used again after that.
struct Pool {
  c10::MempoolId_t id = at::cuda::graph_pool_handle();
};

struct CudaGraph : CapturedGraph {
  explicit CudaGraph(std::shared_ptr<const Pool> p) : pool(std::move(p)) {}
  void start() override { graph.replay(); }

  std::shared_ptr<const Pool> pool;
  at::cuda::CUDAGraph graph;
};

/// In a stream of its own, since nothing can be captured in the default one. A backward pass runs where its forward pass was queued:
/// it must be the same stream for all graphs.
class CudaGraphCapture : public GraphCapture {
 public:
  explicit CudaGraphCapture(at::Device gpu) : stream_(c10::cuda::getStreamFromPool(false, gpu.index())) {}

  std::unique_ptr<CapturedGraph> capture(const std::function<void()>& work) override {
    check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    c10::cuda::CUDACachingAllocator::emptyCache();  // graphs cannot use what is kept for others
    auto pool = pool_.lock();
    if (!pool) pool_ = pool = std::make_shared<const Pool>();
    auto captured = std::make_unique<CudaGraph>(pool);
    const c10::cuda::CUDAStreamGuard here(stream_);
    // Other threads may do what must not be captured: those that read data let go of page-locked memory.
    captured->graph.capture_begin(pool->id, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      end_failed(captured->graph);
      throw;
    }
    captured->graph.capture_end();
    return captured;
  }

 private:
  static void end_failed(at::cuda::CUDAGraph& graph) {
    try {
      graph.capture_end();
    } catch (const std::exception&) {  // what `work` has thrown says more
    }
    cudaGetLastError();  // it is told by then, and is no reason for a later call to fail
  }

  c10::cuda::CUDAStream stream_;
  std::weak_ptr<const Pool> pool_;  // of the graphs that there are
};

}  // namespace

std::unique_ptr<GraphCapture> cuda_graph_capture(at::Device gpu) { return std::make_unique<CudaGraphCapture>(gpu); }

GraphMark::GraphMark(at::Device device) {
  if (!device.is_cuda()) return;
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "cudaEventCreateWithFlags");
  event_ = event;
}

GraphMark::~GraphMark() {
  if (event_) cudaEventDestroy(static_cast<cudaEvent_t>(event_));
}

void GraphMark::put() const {
  if (event_)
    check_cuda(cudaEventRecordWithFlags(static_cast<cudaEvent_t>(event_), c10::cuda::getCurrentCUDAStream().stream(),
                                        cudaEventRecordExternal),
               "cudaEventRecordWithFlags");
}

#else

std::unique_ptr<GraphCapture> cuda_graph_capture(at::Device) { throw Error("CUDA graphs: this build has no CUDA"); }

GraphMark::GraphMark(at::Device) {}
GraphMark::~GraphMark() = default;
void GraphMark::put() const {}

#endif

GraphMark::GraphMark(GraphMark&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}

}  // namespace mosaic
