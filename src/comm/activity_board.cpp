#include "comm/activity_board.h"

#include <new>

#include "comm/mpi_call.h"
#include "comm/shared_memory.h"

namespace mosaic {
namespace {

constexpr double kSecond = 1e9;  // nanoseconds

}  // namespace

struct ActivityBoard::Memory {
  std::atomic<int> claimed{0};
  ActivitySlot slots[1];  // as many as there are ranks

  static std::size_t bytes(int slots) {
    return sizeof(Memory) + sizeof(ActivitySlot) * static_cast<std::size_t>(slots);
  }
};

static_assert(std::atomic<std::int64_t>::is_always_lock_free, "processes share these");

ActivityBoard::ActivityBoard(const MpiSession& mpi) : hosts_(gather_texts(mpi.host())) {
  MPI_Comm node = node_communicator();
  ranks_.resize(static_cast<std::size_t>(mpi.local_size()));
  const int rank = mpi.rank();
  check_mpi(MPI_Allgather(&rank, 1, MPI_INT, ranks_.data(), 1, MPI_INT, node), "MPI_Allgather");
  // Zero bytes are what the constructors of Memory and of its slots would write, but for the places, which `post_to` sets.
  void* memory = share_memory(node, Memory::bytes(mpi.local_size()));
  std::size_t slot = static_cast<std::size_t>(mpi.local_rank());
  if (!memory) {
    ranks_ = {rank};
    slot = 0;
    memory = map_own_memory(Memory::bytes(1));
  }
  if (!memory) throw std::bad_alloc();
  memory_ = static_cast<Memory*>(memory);
  post_to(memory_->slots[slot]);
  check_mpi(MPI_Barrier(node), "MPI_Barrier");  // nobody looks at a slot that has not been filled
  MPI_Comm_free(&node);
}

std::vector<RankActivity> ActivityBoard::look() const {
  const std::int64_t now = monotonic_nanoseconds();
  const auto since = [&](std::int64_t then) { return static_cast<double>(now - then) / kSecond; };
  std::vector<RankActivity> all;
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const ActivitySlot& slot = memory_->slots[i];
    all.push_back({.rank = ranks_[i],
                   .host = hosts_[static_cast<std::size_t>(ranks_[i])],
                   .pid = slot.pid,
                   .phase = static_cast<Phase>(slot.phase.load()),
                   .seconds_in_phase = since(slot.phase_began),
                   .step = slot.step,
                   .batch = slot.batch,
                   .waits_for_data = slot.waits_for_data != 0,
                   .collective = static_cast<Collective>(slot.collective.load()),
                   .collectives = slot.collectives,
                   .bytes = slot.bytes,
                   .seconds_silent = since(slot.heartbeat)});
  }
  return all;
}

bool ActivityBoard::claim_report() const { return memory_->claimed.exchange(1) == 0; }

}  // namespace mosaic
