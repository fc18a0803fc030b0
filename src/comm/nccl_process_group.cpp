#include "base/error.h"
#include "comm/process_group.h"

#ifdef MOSAIC_CUDA

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <exception>

#include "comm/activity.h"
#include "comm/mpi_call.h"

namespace mosaic {
namespace {

void check_cuda(cudaError_t status, const char* call) {
  if (status != cudaSuccess) throw Error(str(call, " failed: ", cudaGetErrorString(status)), kExitCrash);
}

void check_nccl(ncclResult_t status, const char* call, ncclComm_t comm = nullptr) {
  if (status == ncclSuccess) return;
  throw Error(str(call, " failed: ", ncclGetErrorString(status), "; ", ncclGetLastError(comm)), kExitCrash);
}

ncclDataType_t nccl_type(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return ncclFloat32;
    case ElementType::kFloat64:
      return ncclFloat64;
    case ElementType::kInt64:
      return ncclInt64;
  }
  throw Error("NCCL: unknown element type", kExitCrash);
}

class NcclProcessGroup : public ProcessGroup {
 public:
  explicit NcclProcessGroup(int device) {
    check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
    check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check_cuda(cudaSetDevice(device), "cudaSetDevice");
    ncclUniqueId id{};
    if (rank_ == 0) check_nccl(ncclGetUniqueId(&id), "ncclGetUniqueId");
    check_mpi(MPI_Bcast(&id, sizeof id, MPI_BYTE, 0, MPI_COMM_WORLD), "MPI_Bcast");
    check_nccl(ncclCommInitRank(&comm_, size_, id, rank_), "ncclCommInitRank");
  }
  ~NcclProcessGroup() override {
    // While an error unwinds, the other ranks are elsewhere, and an orderly end would wait for them.
    std::uncaught_exceptions() == 0 ? ncclCommDestroy(comm_) : ncclCommAbort(comm_);
  }
  NcclProcessGroup(const NcclProcessGroup&) = delete;
  NcclProcessGroup& operator=(const NcclProcessGroup&) = delete;

  int size() const override { return size_; }
  int rank() const override { return rank_; }
  void all_reduce_sum(Buffer b) override {
    post_queued(Collective::kAllReduce, bytes(b));
    check_nccl(ncclAllReduce(b.data, b.data, b.count, nccl_type(b.type), ncclSum, comm_, kDefaultStream),
               "ncclAllReduce", comm_);
  }
  void broadcast(Buffer b, int root) override {
    post_queued(Collective::kBroadcast, bytes(b));
    check_nccl(ncclBroadcast(b.data, b.data, b.count, nccl_type(b.type), root, comm_, kDefaultStream), "ncclBroadcast",
               comm_);
  }
  void barrier() override {
    const InCollective posted(Collective::kBarrier);
    check_cuda(cudaStreamSynchronize(kDefaultStream), "cudaStreamSynchronize");
    check_mpi(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier");
  }
  void abort() override { ncclCommAbort(comm_); }

 private:
  static std::int64_t bytes(const Buffer& b) {
    return static_cast<std::int64_t>(b.count * (b.type == ElementType::kFloat32 ? 4 : 8));
  }

  static constexpr cudaStream_t kDefaultStream = nullptr;
  ncclComm_t comm_ = nullptr;
  int size_ = 1, rank_ = 0;
};

}  // namespace

bool nccl_is_built_in() { return true; }
std::unique_ptr<ProcessGroup> nccl_process_group(int device) { return std::make_unique<NcclProcessGroup>(device); }

}  // namespace mosaic

#else

namespace mosaic {

bool nccl_is_built_in() { return false; }
std::unique_ptr<ProcessGroup> nccl_process_group(int) {
  throw Error("this build has no CUDA and no NCCL: take device=cpu, or configure with -DMOSAIC_CUDA=ON");
}

}  // namespace mosaic

#endif
