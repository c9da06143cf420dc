// Numbers of 16 bits, IEEE 754 binary16, and their inner product with float32 in double.
#pragma once
#include "distance.h"

static inline u32 bitsOf(float value) {
  u32 bits;
  copyBytes(&bits, &value, sizeof bits);
  return bits;
}
static inline float floatOf(u32 bits) {
  float value;
  copyBytes(&value, &bits, sizeof value);
  return value;
}

// Rounds to the nearest, ties to even. The value is below 2^16 and finite.
static inline u16 halfOf(float value) {
  const u32 bits = bitsOf(value);
  const u32 sign = (bits >> 16) & 0x8000u;
  const u32 size = bits & 0x7fffffffu;
  // Below 2^-14 a half has steps of 2^-24, those of a float32 at 0.5.
  if (size < 0x38800000u) return (u16)(sign | (bitsOf(floatOf(size) + 0.5f) - 0x3f000000u));
  const u32 isOdd = (size >> 13) & 1;
  return (u16)(sign | ((size - 0x38000000u + 0xfffu + isOdd) >> 13));
}

// Exact: the exponent is moved by a product with 2^112.
static inline float floatOfHalf(u16 half) {
  const float size = floatOf((u32)(half & 0x7fff) << 13) * 5192296858534827628530496329220096.0f;
  return floatOf(bitsOf(size) | ((u32)(half & 0x8000) << 16));
}

// In the order of `dotOriginals`; both are padded with zeros to a multiple of 16.
static inline double dotHalves(const float* a, const u16* b, u32 floats) {
  double lane[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
#if defined(__AVX512F__)
  __m512d low = _mm512_setzero_pd();
  __m512d high = low;
  for (u32 i = 0; i < floats; i += 16) {
    const __m512 values = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)(b + i)));
    low = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i)),
                          _mm512_cvtps_pd(_mm512_castps512_ps256(values)), low);
    high = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i + 8)),
                           _mm512_cvtps_pd(_mm512_extractf32x8_ps(values, 1)), high);
  }
  _mm512_storeu_pd(lane, low);
  _mm512_storeu_pd(lane + 8, high);
#else
  for (u32 i = 0; i < floats; i += 16) {
    float values[16];
    for (u32 j = 0; j < 16; j++) values[j] = floatOfHalf(b[i + j]);
    for (u32 j = 0; j < 16; j++) lane[j] += (double)a[i + j] * (double)values[j];
  }
#endif
  return addLanes(lane);
}
