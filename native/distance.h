// Inner products: of codes in whole numbers, exact on every processor; of originals in double,
// where a product of two float32 is exact and the order of the sums is fixed. So every build gives
// the same distances to the last bit.
#pragma once
#include "types.h"

#if defined(__AVX512VNNI__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__AVX2__) && !defined(__AVX512VNNI__)
static inline i32 sumOfLanes(__m256i all) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
  return _mm_cvtsi128_si32(sum);
}
#elif defined(__wasm_simd128__)
static inline i32 sumOfLanes(v128_t all) {
  return wasm_i32x4_extract_lane(all, 0) + wasm_i32x4_extract_lane(all, 1) +
         wasm_i32x4_extract_lane(all, 2) + wasm_i32x4_extract_lane(all, 3);
}
#endif

#if defined(__AVX512VNNI__)
// What is left of codes behind the last whole 64, with zeros behind it.
static inline __mmask64 lastLanes(u32 bytes) { return ~0ull >> (64 - bytes % 64); }
#endif

// Codes are from -127 to 127 and padded with zeros to a multiple of 8. `sumB` is the sum of b.
static inline i32 dotCodes(const i8* a, const i8* b, u32 bytes, i32 sumB) {
#if defined(__AVX512VNNI__)
  // The instruction multiplies unsigned with signed: a is moved up by 128, which adds 128 * sumB.
  const __m512i up = _mm512_set1_epi8((char)0x80);
  __m512i even = _mm512_setzero_si512();
  __m512i odd = even;
  u32 i = 0;
  for (; i + 128 <= bytes; i += 128) {
    even = _mm512_dpbusd_epi32(even, _mm512_xor_si512(_mm512_loadu_si512(a + i), up),
                               _mm512_loadu_si512(b + i));
    odd = _mm512_dpbusd_epi32(odd, _mm512_xor_si512(_mm512_loadu_si512(a + i + 64), up),
                              _mm512_loadu_si512(b + i + 64));
  }
  if (i + 64 <= bytes) {
    even = _mm512_dpbusd_epi32(even, _mm512_xor_si512(_mm512_loadu_si512(a + i), up),
                               _mm512_loadu_si512(b + i));
    i += 64;
  }
  if (i < bytes) {
    // Zeros of b take what is behind a.
    const __mmask64 last = lastLanes(bytes);
    odd = _mm512_dpbusd_epi32(odd, _mm512_xor_si512(_mm512_maskz_loadu_epi8(last, a + i), up),
                              _mm512_maskz_loadu_epi8(last, b + i));
  }
  return _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd)) - 128 * sumB;
#elif defined(__AVX2__)
  // |a| with the sign of a moved to b: two products of at most 127 * 127 fit into 16 bits.
  (void)sumB;
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i even = _mm256_setzero_si256();
  __m256i odd = even;
  u32 i = 0;
  for (; i + 64 <= bytes; i += 64) {
    const __m256i a0 = _mm256_loadu_si256((const __m256i*)(a + i));
    const __m256i a1 = _mm256_loadu_si256((const __m256i*)(a + i + 32));
    const __m256i b0 = _mm256_sign_epi8(_mm256_loadu_si256((const __m256i*)(b + i)), a0);
    const __m256i b1 = _mm256_sign_epi8(_mm256_loadu_si256((const __m256i*)(b + i + 32)), a1);
    const __m256i p0 = _mm256_maddubs_epi16(_mm256_abs_epi8(a0), b0);
    const __m256i p1 = _mm256_maddubs_epi16(_mm256_abs_epi8(a1), b1);
    even = _mm256_add_epi32(even, _mm256_madd_epi16(p0, ones));
    odd = _mm256_add_epi32(odd, _mm256_madd_epi16(p1, ones));
  }
  for (; i + 16 <= bytes; i += 16) {
    const __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(a + i)));
    const __m256i y = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(b + i)));
    even = _mm256_add_epi32(even, _mm256_madd_epi16(x, y));
  }
  if (i < bytes) {
    const __m256i x = _mm256_cvtepi8_epi16(_mm_loadl_epi64((const __m128i*)(a + i)));
    const __m256i y = _mm256_cvtepi8_epi16(_mm_loadl_epi64((const __m128i*)(b + i)));
    odd = _mm256_add_epi32(odd, _mm256_madd_epi16(x, y));
  }
  return sumOfLanes(_mm256_add_epi32(even, odd));
#elif defined(__wasm_simd128__)
  (void)sumB;
  v128_t even = wasm_i32x4_splat(0);
  v128_t odd = even;
  u32 i = 0;
  for (; i + 16 <= bytes; i += 16) {
    even = wasm_i32x4_add(
        even, wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(a + i), wasm_i16x8_load8x8(b + i)));
    odd = wasm_i32x4_add(
        odd, wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(a + i + 8), wasm_i16x8_load8x8(b + i + 8)));
  }
  if (i < bytes) {
    even = wasm_i32x4_add(
        even, wasm_i32x4_dot_i16x8(wasm_i16x8_load8x8(a + i), wasm_i16x8_load8x8(b + i)));
  }
  return sumOfLanes(wasm_i32x4_add(even, odd));
#elif defined(__ARM_NEON)
  (void)sumB;
  int32x4_t sum = vdupq_n_s32(0);
  u32 i = 0;
  for (; i + 16 <= bytes; i += 16) {
    const int8x16_t x = vld1q_s8(a + i);
    const int8x16_t y = vld1q_s8(b + i);
#if defined(__ARM_FEATURE_DOTPROD)
    sum = vdotq_s32(sum, x, y);
#else
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    sum = vpadalq_s16(sum, vmull_s8(vget_high_s8(x), vget_high_s8(y)));
#endif
  }
  if (i < bytes) sum = vpadalq_s16(sum, vmull_s8(vld1_s8(a + i), vld1_s8(b + i)));
  return vgetq_lane_s32(sum, 0) + vgetq_lane_s32(sum, 1) + vgetq_lane_s32(sum, 2) +
         vgetq_lane_s32(sum, 3);
#else
  (void)sumB;
  i32 sum = 0;
  for (u32 i = 0; i < bytes; i++) sum += (i32)a[i] * (i32)b[i];
  return sum;
#endif
}

// Of one with four others: their sums are added up together.
static const u32 DISTANCES_AT_ONCE = 4;
static inline void dotFourCodes(const i8* a, i32 sumA, const i8* const* b, const i32* sumsB, u32 bytes,
                                i32* out) {
#if defined(__AVX512VNNI__)
  // Here the others are moved up.
  (void)sumsB;
  const __m512i up = _mm512_set1_epi8((char)0x80);
  __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                     _mm512_setzero_si512()};
  u32 i = 0;
  for (; i + 64 <= bytes; i += 64) {
    const __m512i lane = _mm512_loadu_si512(a + i);
    for (u32 j = 0; j < 4; j++) {
      sums[j] = _mm512_dpbusd_epi32(sums[j], _mm512_xor_si512(_mm512_loadu_si512(b[j] + i), up), lane);
    }
  }
  if (i < bytes) {
    const __mmask64 last = lastLanes(bytes);
    const __m512i lane = _mm512_maskz_loadu_epi8(last, a + i);
    for (u32 j = 0; j < 4; j++) {
      const __m512i other = _mm512_maskz_loadu_epi8(last, b[j] + i);
      sums[j] = _mm512_dpbusd_epi32(sums[j], _mm512_xor_si512(other, up), lane);
    }
  }
  __m256i half[4];
  for (u32 j = 0; j < 4; j++) {
    half[j] = _mm256_add_epi32(_mm512_castsi512_si256(sums[j]), _mm512_extracti64x4_epi64(sums[j], 1));
  }
  const __m256i pairs =
      _mm256_hadd_epi32(_mm256_hadd_epi32(half[0], half[1]), _mm256_hadd_epi32(half[2], half[3]));
  const __m128i all =
      _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
  _mm_storeu_si128((__m128i*)out, _mm_sub_epi32(all, _mm_set1_epi32(128 * sumA)));
#else
  (void)sumA;
  for (u32 j = 0; j < 4; j++) out[j] = dotCodes(a, b[j], bytes, sumsB[j]);
#endif
}

// Sixteen sums, added in halves. The compiler makes vectors of them; the order stays.
static inline double addLanes(double* lane) {
  for (u32 width = 8; width > 0; width >>= 1) {
    for (u32 j = 0; j < width; j++) lane[j] += lane[j + width];
  }
  return lane[0];
}

// Both are padded with zeros to a multiple of 16.
static inline double dotOriginals(const float* a, const float* b, u32 floats) {
#if defined(__AVX512F__)
  __m512d low = _mm512_setzero_pd();
  __m512d high = low;
  for (u32 i = 0; i < floats; i += 16) {
    low = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i)),
                          _mm512_cvtps_pd(_mm256_loadu_ps(b + i)), low);
    high = _mm512_fmadd_pd(_mm512_cvtps_pd(_mm256_loadu_ps(a + i + 8)),
                           _mm512_cvtps_pd(_mm256_loadu_ps(b + i + 8)), high);
  }
  double lane[16];
  _mm512_storeu_pd(lane, low);
  _mm512_storeu_pd(lane + 8, high);
  return addLanes(lane);
#else
  double lane[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (u32 i = 0; i < floats; i += 16) {
    for (u32 j = 0; j < 16; j++) lane[j] += (double)a[i + j] * (double)b[i + j];
  }
  return addLanes(lane);
#endif
}

static inline double squaredDistance(const float* a, const float* b, u32 floats) {
  double lane[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (u32 i = 0; i < floats; i += 16) {
    for (u32 j = 0; j < 16; j++) {
      const double gap = (double)a[i + j] - (double)b[i + j];
      lane[j] += gap * gap;
    }
  }
  return addLanes(lane);
}

// Thirty-two sums in float32, two rows of sixteen in turn, added in halves. Product and sum are rounded
// each for itself, in an order that is fixed: for distances that are many and may be off in the last digits.
static inline float addFloatLanes(float* lane) {
  for (u32 width = 16; width > 0; width >>= 1) {
    for (u32 j = 0; j < width; j++) lane[j] += lane[j + width];
  }
  return lane[0];
}

#if defined(__AVX512F__)
// In the same order.
static inline float addFloatRows(__m512 even, __m512 odd) {
  const __m512 all = _mm512_add_ps(even, odd);
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  four = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}
#endif

// All are padded with zeros to a multiple of 16.
static inline float dotFloats(const float* a, const float* b, u32 floats) {
#if defined(__AVX512F__)
  __m512 even = _mm512_setzero_ps();
  __m512 odd = even;
  u32 i = 0;
  for (; i + 32 <= floats; i += 32) {
    even = _mm512_add_ps(even, _mm512_mul_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    odd = _mm512_add_ps(odd, _mm512_mul_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16)));
  }
  if (i < floats) {
    even = _mm512_add_ps(even, _mm512_mul_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
  }
  return addFloatRows(even, odd);
#else
  float lane[32] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  u32 i = 0;
  for (; i + 32 <= floats; i += 32) {
    for (u32 j = 0; j < 32; j++) lane[j] += a[i + j] * b[i + j];
  }
  if (i < floats) {
    for (u32 j = 0; j < 16; j++) lane[j] += a[i + j] * b[i + j];
  }
  return addFloatLanes(lane);
#endif
}

static inline float squaredGaps(const float* a, const float* b, u32 floats) {
  float lane[32] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  for (u32 i = 0; i < floats; i += 16) {
    float* row = lane + i % 32;
    for (u32 j = 0; j < 16; j++) {
      const float gap = a[i + j] - b[i + j];
      row[j] += gap * gap;
    }
  }
  return addFloatLanes(lane);
}
