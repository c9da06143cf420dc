// Memory of the system for the kernel.
#pragma once
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif
#include "types.h"

static const size ALIGNMENT_BYTES = 64;

#if defined(__linux__)
// From here on pages of the system, which come as zeros and go back at once.
static const size MAPPED_BYTES_LEAST = 128 << 10;
static const size HUGE_PAGE_BYTES = 2 << 20;

// A search touches memory all over: huge pages save most of the walks through page tables. They
// have to be aligned to their size; what lies before and behind is given back.
static void* mapPages(size bytes) {
  const bool isHuge = bytes >= HUGE_PAGE_BYTES;
  const size spare = isHuge ? HUGE_PAGE_BYTES : 0;
  const int access = PROT_READ | PROT_WRITE;
  char* at = (char*)mmap(nullptr, bytes + spare, access, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == (char*)MAP_FAILED) return nullptr;
  if (!isHuge) return at;
  const size before = (HUGE_PAGE_BYTES - (size)at % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
  const size page = (size)sysconf(_SC_PAGESIZE);
  const size used = (before + bytes + page - 1) / page * page;
  if (before > 0) munmap(at, before);
  if (used < bytes + spare) munmap(at + used, bytes + spare - used);
  madvise(at + before, bytes, MADV_HUGEPAGE);
  return at + before;
}
#endif

extern "C" void* vectorKernelObtain(size bytes) {
#if defined(_WIN32)
  void* at = _aligned_malloc(bytes, ALIGNMENT_BYTES);
#else
#if defined(__linux__)
  if (bytes >= MAPPED_BYTES_LEAST) return mapPages(bytes);
#endif
  void* at = nullptr;
  if (posix_memalign(&at, ALIGNMENT_BYTES, bytes) != 0) return nullptr;
#endif
  if (at != nullptr) memset(at, 0, bytes);
  return at;
}

extern "C" void vectorKernelRelease(void* at, size bytes) {
#if defined(_WIN32)
  (void)bytes;
  _aligned_free(at);
#else
#if defined(__linux__)
  if (bytes >= MAPPED_BYTES_LEAST) {
    munmap(at, bytes);
    return;
  }
#endif
  (void)bytes;
  free(at);
#endif
}
