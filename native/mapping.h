// Files in the place of memory: what a search does not touch of them takes no memory.
#pragma once
#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif
#include "held.h"
#include "pages.h"

#if defined(__linux__)
static const int ACCESS = PROT_READ | PROT_WRITE;

// Puts bytes of a file in the place of memory: pages that are written later are copied, not the file's.
// Where that cannot be done the memory is zeros.
static bool mapFile(void* memory, u64 bytes, int file, u64 start) {
  const int shared = MAP_PRIVATE | MAP_FIXED;
  if (mmap(memory, bytes, ACCESS, shared, file, (off_t)start) == memory) return true;
  // A failure may have left a hole, which must not be touched.
  if (mmap(memory, bytes, ACCESS, shared | MAP_ANONYMOUS, -1, 0) != memory) abort();
  return false;
}

struct Extent {
  u64 each, slots, chunkBytes;
};
static Extent extentOf(const Held* held, u32 part) {
  u32 numbers[DESCRIPTIONS];
  held->kernel->describe(held->index, numbers);
  const u64 each = numbers[BLOCK_BYTES + part];
  return {each, numbers[SLOT_COUNT], each * CHUNK_SLOTS};
}

// Whether the part can lie in a file from a place on.
static bool isMappable(const Extent& extent, int file, u64 start) {
  const u64 page = (u64)sysconf(_SC_PAGESIZE);
  const u64 partBytes = extent.slots * extent.each;
  struct stat status;
  // Small chunks come from the heap, where no file can lie.
  if (start % page != 0 || partBytes == 0 || extent.chunkBytes < MAPPED_BYTES_LEAST) return false;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  return (u64)status.st_size >= start + partBytes;
}

// Whole pages of a chunk that begins at a place of its part.
static u64 pagesAt(const Extent& extent, u64 at) {
  const u64 page = (u64)sysconf(_SC_PAGESIZE);
  const u64 left = extent.slots * extent.each - at;
  return left < extent.chunkBytes ? (left + page - 1) / page * page : extent.chunkBytes;
}

// Puts a file in the place of the memory of a part, as far as there are slots. False: it has to be
// written piece by piece.
static bool mapPart(Held* held, u32 part, int file, u64 start) {
  const Extent extent = extentOf(held, part);
  if (!isMappable(extent, file, start)) return false;
  const u64 partBytes = extent.slots * extent.each;
  for (u64 at = 0; at < partBytes; at += extent.chunkBytes) {
    void* memory = held->kernel->chunk(held->index, part, (u32)(at / extent.chunkBytes));
    if (memory == nullptr || !mapFile(memory, pagesAt(extent, at), file, start + at)) return false;
  }
  held->mappedBytes[part] = (long long)partBytes;
  return true;
}

// At most so much of the originals waits in memory for the scratch file.
static const u64 SPILLED_BYTES_LEAST = 256 << 10;

// The first original of a chunk has touched a huge page, of which the rest would stay in memory until the
// chunk is full.
static void useSmallPages(char* chunk, u64 chunkBytes, u64 usedBytes) {
  const u64 page = (u64)sysconf(_SC_PAGESIZE);
  const u64 used = (usedBytes + page - 1) / page * page;
  if (used >= chunkBytes) return;
  madvise(chunk, chunkBytes, MADV_NOHUGEPAGE);
  madvise(chunk + used, chunkBytes - used, MADV_DONTNEED);
}

// Moves originals from memory to the scratch file, in the order of slots. Where the file cannot be written
// they stay in memory from then on.
static void spill(Held* held) {
  if (held->scratch < 0) return;
  const u64 page = (u64)sysconf(_SC_PAGESIZE);
  const Extent extent = extentOf(held, 1);
  const u64 lastSlot = extent.slots - 1;
  if (extent.slots > 0 && lastSlot % CHUNK_SLOTS == 0 && lastSlot * extent.each >= held->spilledBytes) {
    void* chunk = held->kernel->chunk(held->index, 1, (u32)(lastSlot / CHUNK_SLOTS));
    useSmallPages((char*)chunk, extent.chunkBytes, extent.each);
  }
  for (;;) {
    const u64 from = held->spilledBytes;
    const u64 chunkEnd = (from / extent.chunkBytes + 1) * extent.chunkBytes;
    const u64 whole = extent.slots * extent.each / page * page;
    const u64 to = whole < chunkEnd ? whole : chunkEnd;
    if (to <= from || (to < chunkEnd && to - from < SPILLED_BYTES_LEAST)) return;
    const u32 chunk = (u32)(from / extent.chunkBytes);
    char* memory = (char*)held->kernel->chunk(held->index, 1, chunk) + from % extent.chunkBytes;
    u64 done = 0;
    while (done < to - from) {
      const ssize_t written =
          pwrite(held->scratch, memory + done, to - from - done, (off_t)(from + done));
      if (written <= 0) break;
      done += (u64)written;
    }
    if (done < to - from) {
      close(held->scratch);
      held->scratch = -1;
      return;
    }
    if (!mapFile(memory, to - from, held->scratch, from)) {
      if (pread(held->scratch, memory, to - from, (off_t)from) != (ssize_t)(to - from)) abort();
      close(held->scratch);
      held->scratch = -1;
      return;
    }
    held->spilledBytes = to;
    held->mappedBytes[1] += (long long)(to - from);
  }
}

// From here on originals go to this file, which nobody else writes. For an empty index.
static bool useScratch(Held* held, int file) {
  const Extent extent = extentOf(held, 1);
  if (extent.slots != 0 || held->scratch >= 0 || extent.chunkBytes < MAPPED_BYTES_LEAST) return false;
  held->scratch = dup(file);
  return held->scratch >= 0;
}

// Moves originals into a file that has them as they are, and then empties the scratch file, a chunk a step:
// to let go of the pages of all of them at once takes milliseconds. True if there is another step.
static bool moveOriginals(Held* held, int file, u64 start, u32 step) {
  const Extent extent = extentOf(held, 1);
  if (!isMappable(extent, file, start)) return false;
  const u64 partBytes = extent.slots * extent.each;
  const u64 chunks = (partBytes + extent.chunkBytes - 1) / extent.chunkBytes;
  if (step < chunks) {
    const u64 at = step * extent.chunkBytes;
    void* memory = held->kernel->chunk(held->index, 1, step);
    if (memory == nullptr) return false;
    const u64 bytes = pagesAt(extent, at);
    // What cannot be mapped lies in memory.
    if (!mapFile(memory, bytes, file, start + at)) {
      const u64 left = partBytes - at < bytes ? partBytes - at : bytes;
      if (pread(file, memory, left, (off_t)(start + at)) != (ssize_t)left) abort();
    }
    if (step + 1 == chunks) held->mappedBytes[1] = (long long)partBytes;
    return step + 1 < chunks || held->scratch >= 0;
  }
  if (held->scratch < 0 || step >= 2 * chunks) return false;
  // No memory of the index refers to it any more but what is behind the last whole page.
  const u64 at = (step - chunks) * extent.chunkBytes;
  const u64 bytes = pagesAt(extent, at);
  const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (fallocate(held->scratch, hole, (off_t)at, (off_t)bytes) != 0) return false;
  if (step + 1 < 2 * chunks) return true;
  held->spilledBytes = at + bytes;
  return false;
}
#else
static bool mapPart(Held*, u32, int, u64) { return false; }
static void spill(Held*) {}
static bool useScratch(Held*, int) { return false; }
static bool moveOriginals(Held*, int, u64, u32) { return false; }
#endif
