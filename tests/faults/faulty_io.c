// A library to be preloaded: it makes one call of a program's file output fail, or kills the program there.
//   MOSAIC_FAULT_NAME  calls count from the first one on whose path has this in it
//   MOSAIC_FAULT_AT    which of them it is, from 0; none: all succeed
//   MOSAIC_FAULT_KIND  kill, short (a write takes half of the bytes), or the number of an errno; "5 for ever", "short for ever": and so do all after it
//   MOSAIC_FAULT_LOG   a file that gets a line for each call: "write /path"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int armed = 0, calls = 0;

static void note(const char* action, const char* path) {
  const char* log = getenv("MOSAIC_FAULT_LOG");
  if (!log) return;
  FILE* file = fopen(log, "a");
  if (!file) abort();
  fprintf(file, "%s %s\n", action, path);
  fclose(file);
}

// 0: go on; -1: fail with errno set; 1: take half.
static int fate(const char* action, const char* path) {
  const char* name = getenv("MOSAIC_FAULT_NAME");
  if (!name) return 0;
  pthread_mutex_lock(&lock);
  armed = armed || strstr(path, name);
  const int counts = armed && strstr(path, "/checkpoints");
  const int number = counts ? calls++ : -1;
  if (counts) note(action, path);
  pthread_mutex_unlock(&lock);
  const char *at = getenv("MOSAIC_FAULT_AT"), *kind = getenv("MOSAIC_FAULT_KIND");
  if (!counts || !at || !kind || number < atoi(at)) return 0;
  if (number > atoi(at) && !strstr(kind, "for ever")) return 0;
  if (strcmp(kind, "kill") == 0) kill(getpid(), SIGKILL);
  if (strncmp(kind, "short", 5) == 0) return 1;
  errno = atoi(kind);
  return -1;
}

static const char* path_of(int fd, char* buffer, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, buffer, size - 1);
  buffer[length < 0 ? 0 : length] = '\0';
  return buffer;
}

ssize_t write(int fd, const void* bytes, size_t count) {
  static ssize_t (*real)(int, const void*, size_t);
  if (!real) real = (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  char buffer[4096];
  const int what = fd > 2 ? fate("write", path_of(fd, buffer, sizeof buffer)) : 0;
  if (what < 0) return -1;
  return real(fd, bytes, what > 0 && count > 1 ? count / 2 : count);
}

int fsync(int fd) {
  static int (*real)(int);
  if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  char buffer[4096];
  return fate("fsync", path_of(fd, buffer, sizeof buffer)) < 0 ? -1 : real(fd);
}

int rename(const char* from, const char* to) {
  static int (*real)(const char*, const char*);
  if (!real) real = (int (*)(const char*, const char*))dlsym(RTLD_NEXT, "rename");
  return fate("rename", to) < 0 ? -1 : real(from, to);
}

int symlink(const char* target, const char* path) {
  static int (*real)(const char*, const char*);
  if (!real) real = (int (*)(const char*, const char*))dlsym(RTLD_NEXT, "symlink");
  return fate("symlink", path) < 0 ? -1 : real(target, path);
}

int mkdir(const char* path, mode_t mode) {
  static int (*real)(const char*, mode_t);
  if (!real) real = (int (*)(const char*, mode_t))dlsym(RTLD_NEXT, "mkdir");
  return fate("mkdir", path) < 0 ? -1 : real(path, mode);
}
