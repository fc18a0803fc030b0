// A library to be preloaded: one rank gets a signal, or becomes slow, at one of its calls.
//   MOSAIC_FAULT_RANK    the rank, of mpirun's OMPI_COMM_WORLD_RANK; none: nothing happens
//   MOSAIC_FAULT_CALL    open     a file whose path has MOSAIC_FAULT_NAME in it, on the main thread
//                        pread    from such a file, on another thread: those that load images
//                        reduce   an MPI_Alltoallv: the gradients of a bucket
//                        gather   an MPI_Bcast that does not come from rank 0: the states of all ranks, for a checkpoint
//                        finalize MPI_Finalize
//   MOSAIC_FAULT_AT      which of these calls it is, from 0
//   MOSAIC_FAULT_SIGNAL  its number: the process sends it to itself
//   MOSAIC_FAULT_DELAY   instead: microseconds that each of these calls takes longer, from MOSAIC_FAULT_AT on
//   MOSAIC_FAULT_NAN     instead: set, and the first number that the rank gives to that one reduce is NaN
//   MOSAIC_FAULT_LOG     a file that gets a line at the signal: seconds of the monotonic clock
//   MOSAIC_FAULT_READS   a file that gets a line for each of these calls, if it is a pread: its offset
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <mpi.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int calls = 0;

static int is_awaited(const char* call) {
  const char *rank = getenv("MOSAIC_FAULT_RANK"), *mine = getenv("OMPI_COMM_WORLD_RANK"), *wanted = getenv("MOSAIC_FAULT_CALL");
  return rank && mine && wanted && strcmp(rank, mine) == 0 && strcmp(wanted, call) == 0;
}

static int on_main_thread(void) { return gettid() == getpid(); }

// True for the one call that is meant.
static int strike(void) {
  const char *at = getenv("MOSAIC_FAULT_AT"), *number = getenv("MOSAIC_FAULT_SIGNAL"), *delay = getenv("MOSAIC_FAULT_DELAY");
  const int n = atomic_fetch_add(&calls, 1), first = at ? atoi(at) : 0;
  if (delay && n >= first) usleep((useconds_t)atoi(delay));
  if (!number || n != first) return n == first;
  const char* log = getenv("MOSAIC_FAULT_LOG");
  FILE* file = log ? fopen(log, "w") : NULL;
  if (file) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    fprintf(file, "%ld.%09ld\n", (long)now.tv_sec, now.tv_nsec);
    fclose(file);
  }
  kill(getpid(), atoi(number));
  return 1;
}

static void strike_file(const char* path) {
  const char* name = getenv("MOSAIC_FAULT_NAME");
  if (name && path && strstr(path, name)) strike();
}

int open(const char* path, int flags, ...) {
  static int (*real)(const char*, int, ...);
  if (!real) real = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, "open");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (is_awaited("open") && on_main_thread()) strike_file(path);
  return real(path, flags, mode);
}

ssize_t pread(int fd, void* bytes, size_t count, off_t offset) {
  static ssize_t (*real)(int, void*, size_t, off_t);
  if (!real) real = (ssize_t(*)(int, void*, size_t, off_t))dlsym(RTLD_NEXT, "pread");
  if (is_awaited("pread") && !on_main_thread()) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    strike_file(path);
    const char *reads = getenv("MOSAIC_FAULT_READS"), *name = getenv("MOSAIC_FAULT_NAME");
    FILE* file = reads && name && strstr(path, name) ? fopen(reads, "a") : NULL;
    if (file) {
      fprintf(file, "%lld\n", (long long)offset);
      fclose(file);
    }
  }
  return real(fd, bytes, count, offset);
}

ssize_t pread64(int fd, void* bytes, size_t count, off_t offset) { return pread(fd, bytes, count, offset); }

int MPI_Alltoallv(const void* send, const int* send_counts, const int* send_offsets, MPI_Datatype send_type, void* receive,
                  const int* receive_counts, const int* receive_offsets, MPI_Datatype receive_type, MPI_Comm comm) {
  if (is_awaited("reduce") && strike() && getenv("MOSAIC_FAULT_NAN")) *(float*)send = __builtin_nanf("");
  return PMPI_Alltoallv(send, send_counts, send_offsets, send_type, receive, receive_counts, receive_offsets, receive_type, comm);
}

int MPI_Bcast(void* data, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  if (root != 0 && is_awaited("gather")) strike();
  return PMPI_Bcast(data, count, type, root, comm);
}

int MPI_Finalize(void) {
  if (is_awaited("finalize")) strike();
  return PMPI_Finalize();
}
