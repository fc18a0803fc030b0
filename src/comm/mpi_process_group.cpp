#include <algorithm>
#include <exception>

#include "comm/activity.h"
#include "comm/mpi_background_mean.h"
#include "comm/mpi_call.h"
#include "comm/process_group.h"

namespace mosaic {
namespace {

MPI_Datatype mpi_type(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return MPI_FLOAT;
    case ElementType::kFloat64:
      return MPI_DOUBLE;
    case ElementType::kInt64:
      return MPI_INT64_T;
    case ElementType::kBfloat16:
      break;
  }
  throw Error("MPI: unknown element type", kExitCrash);
}

/// Calls `send(pointer, count)` for pieces whose count fits MPI's int.
template <class Send>
void in_pieces(Buffer b, Send send) {
  constexpr std::size_t kMost = std::size_t{1} << 30;
  auto* at = static_cast<std::byte*>(b.data);
  for (std::size_t left = b.count; left > 0;) {
    const std::size_t count = std::min(left, kMost);
    send(at, static_cast<int>(count));
    at += count * element_bytes(b.type);
    left -= count;
  }
}

class NothingToExchange : public BackgroundMean {
 public:
  void start(Buffer, void*) override {}
  void wait() override {}
  double busy_seconds() const override { return 0; }
};

class SingleProcess : public ProcessGroup {
 public:
  int size() const override { return 1; }
  int rank() const override { return 0; }
  void all_reduce_sum(Buffer) override {}
  void broadcast(Buffer, int) override {}
  void barrier() override {}
  std::unique_ptr<BackgroundMean> background_mean(WireType) override { return std::make_unique<NothingToExchange>(); }
};

/// A communicator of its own, so that nothing else that uses MPI can meet its messages.
class MpiProcessGroup : public ProcessGroup {
 public:
  MpiProcessGroup() {
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
    MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
    MPI_Comm_size(comm_, &size_);
    MPI_Comm_rank(comm_, &rank_);
  }
  ~MpiProcessGroup() override {
    // While an error unwinds, the other ranks are elsewhere, and this call may wait for them: the job is aborted next.
    if (std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }
  MpiProcessGroup(const MpiProcessGroup&) = delete;
  MpiProcessGroup& operator=(const MpiProcessGroup&) = delete;

  int size() const override { return size_; }
  int rank() const override { return rank_; }
  void all_reduce_sum(Buffer b) override {
    const InCollective posted(Collective::kAllReduce, bytes(b));
    in_pieces(b, [&](void* data, int count) {
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, data, count, mpi_type(b.type), MPI_SUM, comm_), "MPI_Allreduce");
    });
  }
  void broadcast(Buffer b, int root) override {
    const InCollective posted(Collective::kBroadcast, bytes(b));
    in_pieces(b, [&](void* data, int count) {
      check_mpi(MPI_Bcast(data, count, mpi_type(b.type), root, comm_), "MPI_Bcast");
    });
  }
  void barrier() override {
    const InCollective posted(Collective::kBarrier);
    check_mpi(MPI_Barrier(comm_), "MPI_Barrier");
  }
  std::unique_ptr<BackgroundMean> background_mean(WireType wire) override { return mpi_background_mean(comm_, wire); }

 private:
  static std::int64_t bytes(const Buffer& b) { return static_cast<std::int64_t>(b.count * element_bytes(b.type)); }

  MPI_Comm comm_ = MPI_COMM_NULL;
  int size_ = 1, rank_ = 0;
};

}  // namespace

std::size_t element_bytes(ElementType type) {
  return type == ElementType::kBfloat16 ? 2 : type == ElementType::kFloat32 ? 4 : 8;
}

std::unique_ptr<ProcessGroup> single_process() { return std::make_unique<SingleProcess>(); }
std::unique_ptr<ProcessGroup> mpi_process_group() { return std::make_unique<MpiProcessGroup>(); }

}  // namespace mosaic
