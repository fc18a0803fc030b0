#include "base/error.h"
#include "comm/process_group.h"

#ifdef MOSAIC_CUDA

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/cuda_call.h"
#include "comm/activity.h"
#include "comm/mpi_call.h"

namespace mosaic {
namespace {

constexpr cudaStream_t kDefaultStream = nullptr;

/// A communicator whose calls do not block: each is waited for here, with a look at errors that come up meanwhile.
class Communicator {
 public:
  Communicator(int ranks, ncclUniqueId id, int rank) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    check(ncclCommInitRankConfig(&comm_, ranks, id, rank, &config), "ncclCommInitRankConfig");
  }
  ~Communicator() {
    // While an error unwinds, the other ranks are elsewhere, and an orderly end would wait for them.
    bool orderly = std::uncaught_exceptions() == 0;
    if (orderly) {
      ncclCommFinalize(comm_);
      orderly = settles();
    }
    orderly ? ncclCommDestroy(comm_) : ncclCommAbort(comm_);
  }
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  ncclComm_t get() const { return comm_; }
  void abort() { ncclCommAbort(comm_); }

  /// Throws where `call`, or one that is still on its way, has failed.
  void check(ncclResult_t status, const char* call) {
    while (status == ncclInProgress) {
      std::this_thread::sleep_for(std::chrono::microseconds(10));
      if (const ncclResult_t query = ncclCommGetAsyncError(comm_, &status); query != ncclSuccess) status = query;
    }
    if (status == ncclSuccess) return;
    throw Error(str(call, " failed: ", ncclGetErrorString(status), "; ", ncclGetLastError(comm_)), kExitCrash);
  }
  void check_earlier_calls() {
    ncclResult_t status = ncclSuccess;
    ncclCommGetAsyncError(comm_, &status);
    if (status != ncclInProgress) check(status, "a collective of NCCL");
  }

 private:
  bool settles() {
    ncclResult_t status = ncclInProgress;
    while (ncclCommGetAsyncError(comm_, &status) == ncclSuccess && status == ncclInProgress)
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    return status == ncclSuccess;
  }

  ncclComm_t comm_ = nullptr;
};

ncclDataType_t nccl_type(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return ncclFloat32;
    case ElementType::kFloat64:
      return ncclFloat64;
    case ElementType::kInt64:
      return ncclInt64;
    case ElementType::kBfloat16:
      return ncclBfloat16;
  }
  throw Error("NCCL: unknown element type", kExitCrash);
}

std::int64_t bytes(const Buffer& b) { return static_cast<std::int64_t>(b.count * element_bytes(b.type)); }

class Event {
 public:
  explicit Event(unsigned flags) { check_cuda(cudaEventCreateWithFlags(&event_, flags), "cudaEventCreateWithFlags"); }
  ~Event() {
    if (event_) cudaEventDestroy(event_);
  }
  Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(event_, other.event_);
    return *this;
  }
  cudaEvent_t get() const { return event_; }
  void record(cudaStream_t stream) const { check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord"); }
  void let_wait(cudaStream_t stream) const {
    check_cuda(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// On a stream of its own, which follows the default stream or an event at each `start` and is followed by it at `wait`; the communicator
/// is the group's, so that no two of them can wait for each other.
class NcclBackgroundMean : public BackgroundMean {
 public:
  explicit NcclBackgroundMean(Communicator& comm) : comm_(comm) {
    int lowest = 0, highest = 0;
    check_cuda(cudaDeviceGetStreamPriorityRange(&lowest, &highest), "cudaDeviceGetStreamPriorityRange");
    check_cuda(cudaStreamCreateWithPriority(&stream_, cudaStreamNonBlocking, highest), "cudaStreamCreateWithPriority");
  }
  ~NcclBackgroundMean() override { cudaStreamDestroy(stream_); }
  NcclBackgroundMean(const NcclBackgroundMean&) = delete;
  NcclBackgroundMean& operator=(const NcclBackgroundMean&) = delete;

  void start(Buffer b, void* filled) override {
    post_queued(Collective::kAllReduce, bytes(b));
    if (filled) {
      check_cuda(cudaStreamWaitEvent(stream_, static_cast<cudaEvent_t>(filled), 0), "cudaStreamWaitEvent");
    } else {
      ready_.record(kDefaultStream);
      ready_.let_wait(stream_);
    }
    Span span = free_.empty() ? Span{} : std::move(free_.back());
    if (!free_.empty()) free_.pop_back();
    span.begin.record(stream_);
    comm_.check(ncclAllReduce(b.data, b.data, b.count, nccl_type(b.type), ncclAvg, comm_.get(), stream_),
                "ncclAllReduce");
    span.end.record(stream_);
    running_.push_back(std::move(span));
  }

  void wait() override {
    comm_.check_earlier_calls();
    done_.record(stream_);
    done_.let_wait(kDefaultStream);
    add_up();
  }

  double busy_seconds() const override { return busy_; }

 private:
  struct Span {
    Event begin{cudaEventDefault}, end{cudaEventDefault};
  };

  /// The times of what is over by now: of earlier steps, without waiting for the GPU.
  void add_up() {
    for (; !running_.empty() && cudaEventQuery(running_.front().end.get()) == cudaSuccess; running_.pop_front()) {
      float milliseconds = 0;
      check_cuda(cudaEventElapsedTime(&milliseconds, running_.front().begin.get(), running_.front().end.get()),
                 "cudaEventElapsedTime");
      busy_ += milliseconds / 1e3;
      free_.push_back(std::move(running_.front()));
    }
  }

  Communicator& comm_;
  cudaStream_t stream_ = nullptr;
  Event ready_{cudaEventDisableTiming}, done_{cudaEventDisableTiming};
  std::deque<Span> running_;
  std::vector<Span> free_;
  double busy_ = 0;
};

class NcclProcessGroup : public ProcessGroup {
 public:
  explicit NcclProcessGroup(int device) {
    check_mpi(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
    check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check_cuda(cudaSetDevice(device), "cudaSetDevice");
    ncclUniqueId id{};
    if (const ncclResult_t status = rank_ == 0 ? ncclGetUniqueId(&id) : ncclSuccess; status != ncclSuccess)
      throw Error(str("ncclGetUniqueId failed: ", ncclGetErrorString(status)), kExitCrash);
    check_mpi(MPI_Bcast(&id, sizeof id, MPI_BYTE, 0, MPI_COMM_WORLD), "MPI_Bcast");
    comm_ = std::make_unique<Communicator>(size_, id, rank_);
  }

  int size() const override { return size_; }
  int rank() const override { return rank_; }
  void all_reduce_sum(Buffer b) override {
    post_queued(Collective::kAllReduce, bytes(b));
    comm_->check(ncclAllReduce(b.data, b.data, b.count, nccl_type(b.type), ncclSum, comm_->get(), kDefaultStream),
                 "ncclAllReduce");
  }
  void broadcast(Buffer b, int root) override {
    post_queued(Collective::kBroadcast, bytes(b));
    comm_->check(ncclBroadcast(b.data, b.data, b.count, nccl_type(b.type), root, comm_->get(), kDefaultStream),
                 "ncclBroadcast");
  }
  void barrier() override {
    const InCollective posted(Collective::kBarrier);
    check_cuda(cudaStreamSynchronize(kDefaultStream), "cudaStreamSynchronize");
    check_mpi(MPI_Barrier(MPI_COMM_WORLD), "MPI_Barrier");
  }
  std::unique_ptr<BackgroundMean> background_mean(WireType) override {
    return std::make_unique<NcclBackgroundMean>(*comm_);
  }
  void abort() override { comm_->abort(); }

 private:
  std::unique_ptr<Communicator> comm_;
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
