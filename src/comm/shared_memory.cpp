#include "comm/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>

#include "comm/mpi_call.h"

namespace mosaic {
namespace {

void* map(int file, int flags, std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  return memory == MAP_FAILED ? nullptr : memory;
}

}  // namespace

void* share_memory(MPI_Comm node, std::size_t bytes) {
  int local_rank = 0;
  MPI_Comm_rank(node, &local_rank);
  char name[64] = "";
  int file = -1;
  if (local_rank == 0) {
    const std::string mine =
        str("/mosaic-", ::getpid(), "-", std::chrono::steady_clock::now().time_since_epoch().count());
    mine.copy(name, sizeof name - 1);
    file = ::shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    // Reserved, not only promised: a page that is not there when it is touched would kill the process.
    if (file >= 0 && ::posix_fallocate(file, 0, static_cast<off_t>(bytes)) != 0) ::close(file), file = -1;
  }
  check_mpi(MPI_Bcast(name, sizeof name, MPI_CHAR, 0, node), "MPI_Bcast");
  if (local_rank != 0) file = ::shm_open(name, O_RDWR | O_CLOEXEC, 0600);
  void* memory = file >= 0 ? map(file, MAP_SHARED, bytes) : nullptr;
  if (file >= 0) ::close(file);

  const int here = memory != nullptr;
  int everywhere = 0;
  check_mpi(MPI_Allreduce(&here, &everywhere, 1, MPI_INT, MPI_MIN, node), "MPI_Allreduce");
  if (local_rank == 0) ::shm_unlink(name);
  if (everywhere) return memory;
  if (memory) ::munmap(memory, bytes);
  return nullptr;
}

void* map_own_memory(std::size_t bytes) { return map(-1, MAP_PRIVATE | MAP_ANONYMOUS, bytes); }

void unmap_memory(void* memory, std::size_t bytes) { ::munmap(memory, bytes); }

}  // namespace mosaic
