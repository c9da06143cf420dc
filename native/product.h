// Product quantization (Jegou, Douze and Schmid 2011): the components in a row are cut into subvectors, of
// widths that differ by one at most, and of each only the number of its nearest centroid is kept.
// A query is compared through a table of its inner products with all centroids, in whole numbers.
#pragma once
#include "index.h"

// Component i of centroid k of its subvector is codebook[i * CENTROIDS + k]: centroids side by side.
static inline u32 subvectorStart(const Index& x, u32 subvector) {
  return (u32)((u64)subvector * x.dimensions / x.subvectors);
}

static u32 nearestCentroid(const Index& x, const float* values, u32 from, u32 to) {
  float squares[CENTROIDS];
  for (u32 k = 0; k < CENTROIDS; k++) squares[k] = 0.0f;
  for (u32 i = from; i < to; i++) {
    const float value = values[i];
    const float* row = x.codebook + (size)i * CENTROIDS;
    for (u32 k = 0; k < CENTROIDS; k++) {
      const float gap = value - row[k];
      squares[k] += gap * gap;
    }
  }
  u32 best = 0;
  for (u32 k = 1; k < CENTROIDS; k++) {
    if (squares[k] < squares[best]) best = k;
  }
  return best;
}

static void codeProduct(const Index& x, const float* values, u8* codes) {
  for (u32 s = 0; s < x.subvectors; s++) {
    codes[s] = (u8)nearestCentroid(x, values, subvectorStart(x, s), subvectorStart(x, s + 1));
  }
}

static double squaresOfCentroids(const Index& x, const u8* codes) {
  double squares = 0.0;
  for (u32 s = 0; s < x.subvectors; s++) {
    for (u32 i = subvectorStart(x, s); i < subvectorStart(x, s + 1); i++) {
      const double value = (double)x.codebook[(size)i * CENTROIDS + codes[s]];
      squares += value * value;
    }
  }
  return squares;
}

// Writes x.tables; answers what one of their units is.
static float makeTables(const Index& x, const float* query) {
  const u32 count = x.subvectors * CENTROIDS;
  for (u32 s = 0; s < x.subvectors; s++) {
    float* row = x.products + s * CENTROIDS;
    for (u32 k = 0; k < CENTROIDS; k++) row[k] = 0.0f;
    for (u32 i = subvectorStart(x, s); i < subvectorStart(x, s + 1); i++) {
      const float value = query[i];
      const float* centroids = x.codebook + (size)i * CENTROIDS;
      for (u32 k = 0; k < CENTROIDS; k++) row[k] += value * centroids[k];
    }
  }
  float largest = 0.0f;
  for (u32 i = 0; i < count; i++) {
    const float value = x.products[i] < 0.0f ? -x.products[i] : x.products[i];
    if (value > largest) largest = value;
  }
  const bool isFlat = largest < SCALE_MIN;
  const float toUnits = isFlat ? 0.0f : 32767.0f / largest;
  for (u32 i = 0; i < count; i++) {
    const float moved = x.products[i] * toUnits + 12582912.0f;
    const i32 units = (i32)(moved - 12582912.0f);
    x.tables[i] = (i16)(units > 32767 ? 32767 : units < -32767 ? -32767 : units);
  }
  return isFlat ? 0.0f : largest / 32767.0f;
}

static inline i32 dotProduct(const Index& x, const u8* codes) {
  const i16* table = x.tables;
  i32 even = 0;
  i32 odd = 0;
  u32 s = 0;
  for (; s + 2 <= x.subvectors; s += 2, table += 2 * CENTROIDS) {
    even += table[codes[s]];
    odd += table[CENTROIDS + codes[s + 1]];
  }
  if (s < x.subvectors) even += table[codes[s]];
  return even + odd;
}
