// The checksum of everything in a snapshot.
#pragma once
#include "types.h"

// XXH32 (xxhash.com, doc/xxhash_spec.md).
static inline u32 rotate(u32 value, u32 bits) { return (value << bits) | (value >> (32 - bits)); }
static inline u32 wordAt(const u8* at) {
  u32 word;
  copyBytes(&word, at, 4);
  return word;
}

static u32 checksum(const u8* at, size bytes, u32 seed) {
  const u32 p1 = 0x9e3779b1u, p2 = 0x85ebca77u, p3 = 0xc2b2ae3du, p4 = 0x27d4eb2fu, p5 = 0x165667b1u;
  const u8* const end = at + bytes;
  u32 sum;
  if (bytes >= 16) {
    u32 lane[4] = {seed + p1 + p2, seed + p2, seed, seed - p1};
    for (; end - at >= 16; at += 16) {
      for (u32 i = 0; i < 4; i++) lane[i] = rotate(lane[i] + wordAt(at + 4 * i) * p2, 13) * p1;
    }
    sum = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
  } else {
    sum = seed + p5;
  }
  sum += (u32)bytes;
  for (; end - at >= 4; at += 4) sum = rotate(sum + wordAt(at) * p3, 17) * p4;
  for (; at < end; at++) sum = rotate(sum + *at * p5, 11) * p1;
  sum = (sum ^ (sum >> 15)) * p2;
  sum = (sum ^ (sum >> 13)) * p3;
  return sum ^ (sum >> 16);
}

static inline bool areFinite(const float* values, u32 count) {
  u32 bad = 0;
  for (u32 i = 0; i < count; i++) bad |= values[i] - values[i] == 0.0f ? 0 : 1;
  return bad == 0;
}
