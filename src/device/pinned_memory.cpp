#include "device/pinned_memory.h"

#include "base/error.h"

#ifdef MOSAIC_CUDA

#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

#include <atomic>

#include "base/log.h"

namespace mosaic {

bool pin(const Slab& slab) {
  static std::atomic<bool> refused = false;
  if (slab.pinned) return true;
  if (refused || slab.images.empty()) return false;
  int device = 0;
  cudaGetDevice(&device);
  auto* memory = const_cast<std::uint8_t*>(slab.images.data());
  const cudaError_t status = cudaHostRegister(memory, slab.images.capacity(), cudaHostRegisterPortable);
  if (status != cudaSuccess) {
    cudaGetLastError();  // it is told here, and is no reason for a later call to fail
    if (!refused.exchange(true))
      log_warning(str("batches are copied to the GPU more slowly: their memory cannot be page-locked: ",
                      cudaGetErrorString(status)));
    return false;
  }
  // Possibly in another thread, for which a device must be chosen.
  slab.pinned = std::shared_ptr<void>(memory, [device](void* locked) {
    cudaSetDevice(device);
    cudaHostUnregister(locked);
  });
  return true;
}

std::shared_ptr<const void> keep_until_copied(const HostBatch& host, at::Device device) {
  cudaEvent_t copied{};
  const auto check = [](cudaError_t status, const char* action) {
    if (status != cudaSuccess) throw Error(str("GPU: cannot ", action, ": ", cudaGetErrorString(status)), kExitCrash);
  };
  check(cudaEventCreateWithFlags(&copied, cudaEventDisableTiming), "make an event");
  std::shared_ptr<const void> kept(host.get(), [host, copied](const void*) {
    cudaEventSynchronize(copied);  // a failure is that of the copy, which whoever uses the tensor is told
    cudaEventDestroy(copied);
  });
  check(cudaEventRecord(copied, c10::cuda::getCurrentCUDAStream(device.index()).stream()), "record an event");
  return kept;
}

}  // namespace mosaic

#else

namespace mosaic {

bool pin(const Slab&) { return false; }

std::shared_ptr<const void> keep_until_copied(const HostBatch&, at::Device) {
  throw Error("pinned memory: this build has no CUDA");
}

}  // namespace mosaic

#endif
