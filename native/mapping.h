// Files in the place of memory: what a search does not touch of them takes no memory.
#pragma once
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif
#include "held.h"
#include "pages.h"

#if defined(__linux__)
// Puts a file in the place of the memory of a part. False: the part has to be written piece by piece.
static bool mapPart(Held* held, u32 part, int file, u64 start) {
  u32 numbers[DESCRIPTIONS];
  held->kernel->describe(held->index, numbers);
  const u64 page = (u64)sysconf(_SC_PAGESIZE);
  const u64 elementBytes = numbers[BLOCK_BYTES + part];
  const u64 partBytes = numbers[SLOT_COUNT] * elementBytes;
  struct stat status;
  if (!numbers[IS_IMPORTING] || start % page != 0 || partBytes == 0) return false;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if ((u64)status.st_size < start + partBytes) return false;
  const u64 chunkBytes = elementBytes * CHUNK_SLOTS;
  for (u64 at = 0; at < partBytes; at += chunkBytes) {
    void* memory = held->kernel->chunk(held->index, part, (u32)(at / chunkBytes));
    // Small chunks come from the heap, where no file can lie.
    if (memory == nullptr || chunkBytes < MAPPED_BYTES_LEAST) return false;
    const u64 left = partBytes - at;
    const u64 bytes = left < chunkBytes ? (left + page - 1) / page * page : chunkBytes;
    const int access = PROT_READ | PROT_WRITE;
    const off_t place = (off_t)(start + at);
    if (mmap(memory, bytes, access, MAP_PRIVATE | MAP_FIXED, file, place) != memory) return false;
    held->mappedBytes += (long long)bytes;
  }
  return true;
}
#else
static bool mapPart(Held*, u32, int, u64) { return false; }
#endif
