/*
 * A wall clock that goes wrong, for one process: loaded into it before its C library (LD_PRELOAD), this adds to the time of
 * day what the file named by SHIFTED_CLOCK holds, a signed 64-bit number of microseconds, now and whenever it changes.
 * The monotonic clock stays as it is. No allocation and no look-up of symbols: the process' own allocator may ask for the
 * time before anything else is there.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *shift_us;

__attribute__((constructor)) static void attach(void) {
  const char *path = getenv("SHIFTED_CLOCK");
  int file = path == NULL ? -1 : open(path, O_RDONLY);
  if (file < 0) return;
  void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  if (mapped != MAP_FAILED) shift_us = mapped;
  close(file);
}

static int shifted(clockid_t clock, struct timespec *time) {
  int failed = (int)syscall(SYS_clock_gettime, clock, time);
  if (failed != 0 || shift_us == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return failed;
  int64_t ns = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + *shift_us * 1000;
  time->tv_sec = ns / 1000000000;
  time->tv_nsec = ns % 1000000000;
  return 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) { return shifted(clock, time); }

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec time;
  if (shifted(CLOCK_REALTIME, &time) != 0) return -1;
  now->tv_sec = time.tv_sec;
  now->tv_usec = time.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *where) {
  struct timespec now;
  if (shifted(CLOCK_REALTIME, &now) != 0) return -1;
  if (where != NULL) *where = now.tv_sec;
  return now.tv_sec;
}
