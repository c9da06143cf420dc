// Numbers of 16 bits, IEEE 754 binary16, and their inner product with float32.
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

// In the order of `dotFloats`; both are padded with zeros to a multiple of 16.
static inline float dotHalves(const float* a, const u16* b, u32 floats) {
#if defined(__AVX512F__)
  __m512 even = _mm512_setzero_ps();
  __m512 odd = even;
  for (u32 i = 0; i < floats; i += 32) {
    const __m512 first = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)(b + i)));
    even = _mm512_add_ps(even, _mm512_mul_ps(_mm512_loadu_ps(a + i), first));
    if (i + 16 == floats) break;
    const __m512 second = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)(b + i + 16)));
    odd = _mm512_add_ps(odd, _mm512_mul_ps(_mm512_loadu_ps(a + i + 16), second));
  }
  return addFloatRows(even, odd);
#else
  float lane[32] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (u32 i = 0; i < floats; i += 16) {
    float* row = lane + i % 32;
    for (u32 j = 0; j < 16; j++) row[j] += a[i + j] * floatOfHalf(b[i + j]);
  }
  return addFloatLanes(lane);
#endif
}
