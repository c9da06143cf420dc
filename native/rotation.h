// A random rotation that costs n log n: random signs and Walsh-Hadamard transforms, of the first and
// of the last power of two of the components in turn, and between them a step of Kac's walk, which
// turns each component of the first half with one of the second (as the RaBitQ library does it,
// Gao and Long, arXiv 2405.12497). In float32 with a fixed order: the same on every build.
#pragma once
#include "index.h"

static inline u32 widthOfRotation(u32 dimensions) {
  u32 width = 1;
  while (width * 2 <= dimensions) width *= 2;
  return width;
}

// The finalizer of MurmurHash3 over a counter: the same signs in every index.
static void makeSigns(float* signs, u32 count) {
  for (u32 i = 0; i < count; i++) {
    u32 h = (i + 1) * 0x9e3779b9u;
    h = (h ^ (h >> 16)) * 0x85ebca6bu;
    h = (h ^ (h >> 13)) * 0xc2b2ae35u;
    signs[i] = (h ^ (h >> 16)) >> 31 ? -1.0f : 1.0f;
  }
}

static void transformHadamard(float* values, u32 width) {
  for (u32 half = 1; half < width; half *= 2) {
    for (u32 i = 0; i < width; i += 2 * half) {
      for (u32 j = i; j < i + half; j++) {
        const float a = values[j];
        const float b = values[j + half];
        values[j] = a + b;
        values[j + half] = a - b;
      }
    }
  }
}

static void walkKac(float* values, u32 dimensions) {
  const float sqrtOfHalf = 0.70710678f;
  float* const second = values + (dimensions - dimensions / 2);
  for (u32 i = 0; i < dimensions / 2; i++) {
    const float a = values[i];
    const float b = second[i];
    values[i] = (a + b) * sqrtOfHalf;
    second[i] = (a - b) * sqrtOfHalf;
  }
}

// Writes x.rotated from the original.
static void rotateOriginal(const Index& x, const float* original) {
  const u32 count = x.dimensions;
  const u32 width = widthOfRotation(count);
  const float shrink = (float)(1.0 / __builtin_sqrt((double)width));
  float* values = x.rotated;
  copyBytes(values, original, x.floats * sizeof(float));
  for (u32 round = 0; round < ROTATION_ROUNDS; round++) {
    const float* signs = x.signs + round * count;
    for (u32 i = 0; i < count; i++) values[i] *= signs[i];
    float* window = values + (round % 2 == 0 ? 0 : count - width);
    transformHadamard(window, width);
    for (u32 i = 0; i < width; i++) window[i] *= shrink;
    if (width != count) walkKac(values, count);
  }
}
