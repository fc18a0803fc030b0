#include "comm/mpi_node_memory.h"

#include <algorithm>
#include <cstring>
#include <exception>

#include "comm/activity.h"
#include "comm/mpi_call.h"
#include "comm/shared_memory.h"

namespace mosaic {
namespace {

/// What the others are told of the outcome.
struct Outcome {
  std::int64_t failed = 0, exit_code = 0, bytes = 0;  // of the data, or of the message
};

class MpiNodeMemory : public NodeMemory {
 public:
  MpiNodeMemory() : node_(node_communicator()) { check_mpi(MPI_Comm_rank(node_, &local_rank_), "MPI_Comm_rank"); }
  ~MpiNodeMemory() override {
    // While an error unwinds, the other ranks are elsewhere, and this call may wait for them: the job is aborted next.
    if (std::uncaught_exceptions() == 0) MPI_Comm_free(&node_);
  }
  MpiNodeMemory(const MpiNodeMemory&) = delete;
  MpiNodeMemory& operator=(const MpiNodeMemory&) = delete;

  SharedBytes share(const std::function<std::vector<std::byte>()>& make) override {
    std::vector<std::byte> made;
    std::exception_ptr failure;
    std::string message;
    Outcome outcome;
    if (local_rank_ == 0) {
      try {
        made = make();
        outcome.bytes = static_cast<std::int64_t>(made.size());
      } catch (const std::exception& e) {  // thrown again once the others know
        failure = std::current_exception();
        const auto* error = dynamic_cast<const Error*>(&e);
        message = e.what();
        outcome = {.failed = 1,
                   .exit_code = error ? error->exit_code() : kExitCrash,
                   .bytes = static_cast<std::int64_t>(message.size())};
      }
    }
    const InCollective posted(Collective::kAgreement);
    check_mpi(MPI_Bcast(&outcome, 3, MPI_INT64_T, 0, node_), "MPI_Bcast");
    if (outcome.failed) {
      message.resize(static_cast<std::size_t>(outcome.bytes));
      check_mpi(MPI_Bcast(message.data(), static_cast<int>(message.size()), MPI_CHAR, 0, node_), "MPI_Bcast");
      if (failure) std::rethrow_exception(failure);
      throw Error(message, static_cast<ExitCode>(outcome.exit_code));
    }
    return spread(std::move(made), static_cast<std::size_t>(outcome.bytes));
  }

 private:
  SharedBytes spread(std::vector<std::byte> made, std::size_t size) {
    if (void* memory = size > 0 ? share_memory(node_, size) : nullptr) {
      std::shared_ptr<const std::byte> owner(static_cast<const std::byte*>(memory), [size](const std::byte* p) {
        unmap_memory(const_cast<std::byte*>(p), size);
      });
      if (local_rank_ == 0) std::memcpy(memory, made.data(), size);
      check_mpi(MPI_Barrier(node_), "MPI_Barrier");
      return {std::move(owner), size};
    }
    made.resize(size);
    constexpr std::size_t kPiece = std::size_t{1} << 30;  // MPI counts in int
    for (std::size_t at = 0; at < size; at += kPiece)
      check_mpi(MPI_Bcast(made.data() + at, static_cast<int>(std::min(kPiece, size - at)), MPI_BYTE, 0, node_),
                "MPI_Bcast");
    return copy_of(made);
  }

  MPI_Comm node_ = MPI_COMM_NULL;
  int local_rank_ = 0;
};

}  // namespace

std::unique_ptr<NodeMemory> mpi_node_memory() { return std::make_unique<MpiNodeMemory>(); }

}  // namespace mosaic
