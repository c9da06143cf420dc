// Inner products with codes of 4, 2 or 1 bit. Of each 64 components the codes lie in stripes: a stripe is
// as many bytes as a component has bits, times 8; byte j of it holds components j, j + stripe,
// j + 2 stripes and so on, lowest bits first. So one load, shifts and a mask give all 64 in order.
#pragma once
#include "distance.h"

static inline void setPacked(u8* packed, u32 bits, u32 component, u32 code) {
  const u32 stripe = 8 * bits;
  const u32 within = component % 64;
  packed[component / 64 * stripe + within % stripe] |= (u8)(code << (within / stripe * bits));
}

#if defined(__AVX512VNNI__)
template <u32 BITS> static inline __m512i unpack64(const u8* at) {
  const __m512i mask = _mm512_set1_epi8((1 << BITS) - 1);
  __m512i all, shifts;
  if constexpr (BITS == 4) {
    all = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i*)at));
    shifts = _mm512_set_epi64(4, 4, 4, 4, 0, 0, 0, 0);
  } else if constexpr (BITS == 2) {
    all = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i*)at));
    shifts = _mm512_set_epi64(6, 6, 4, 4, 2, 2, 0, 0);
  } else {
    all = _mm512_broadcastq_epi64(_mm_loadl_epi64((const __m128i*)at));
    shifts = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
  }
  return _mm512_and_si512(_mm512_srlv_epi64(all, shifts), mask);
}

template <u32 BITS> static inline i32 dotPacked(const u8* packed, const i8* query, u32 lanes) {
  __m512i even = _mm512_setzero_si512();
  __m512i odd = even;
  u32 i = 0;
  for (; i + 128 <= lanes; i += 128, packed += 16 * BITS) {
    even = _mm512_dpbusd_epi32(even, unpack64<BITS>(packed), _mm512_loadu_si512(query + i));
    odd = _mm512_dpbusd_epi32(odd, unpack64<BITS>(packed + 8 * BITS),
                              _mm512_loadu_si512(query + i + 64));
  }
  if (i < lanes) {
    even = _mm512_dpbusd_epi32(even, unpack64<BITS>(packed), _mm512_loadu_si512(query + i));
  }
  return _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd));
}
#elif defined(__AVX2__)
// Components 0 to 31 of 64, or 32 to 63.
template <u32 BITS> static inline __m256i unpack32(const u8* at, bool isSecond) {
  const __m256i mask = _mm256_set1_epi8((1 << BITS) - 1);
  __m256i all, shifts;
  if constexpr (BITS == 4) {
    all = _mm256_loadu_si256((const __m256i*)at);
    shifts = _mm256_set1_epi64x(isSecond ? 4 : 0);
  } else if constexpr (BITS == 2) {
    all = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i*)at));
    shifts = isSecond ? _mm256_set_epi64x(6, 6, 4, 4) : _mm256_set_epi64x(2, 2, 0, 0);
  } else {
    all = _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i*)at));
    shifts = isSecond ? _mm256_set_epi64x(7, 6, 5, 4) : _mm256_set_epi64x(3, 2, 1, 0);
  }
  return _mm256_and_si256(_mm256_srlv_epi64(all, shifts), mask);
}

template <u32 BITS> static inline i32 dotPacked(const u8* packed, const i8* query, u32 lanes) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i even = _mm256_setzero_si256();
  __m256i odd = even;
  for (u32 i = 0; i < lanes; i += 64, packed += 8 * BITS) {
    const __m256i q0 = _mm256_loadu_si256((const __m256i*)(query + i));
    const __m256i q1 = _mm256_loadu_si256((const __m256i*)(query + i + 32));
    const __m256i p0 = _mm256_maddubs_epi16(unpack32<BITS>(packed, false), q0);
    const __m256i p1 = _mm256_maddubs_epi16(unpack32<BITS>(packed, true), q1);
    even = _mm256_add_epi32(even, _mm256_madd_epi16(p0, ones));
    odd = _mm256_add_epi32(odd, _mm256_madd_epi16(p1, ones));
  }
  return sumOfLanes(_mm256_add_epi32(even, odd));
}
#elif defined(__wasm_simd128__)
// Components 16 * part to 16 * part + 15 of 64.
template <u32 BITS> static inline v128_t unpack16(const u8* at, u32 part) {
  v128_t all;
  u32 shift;
  if constexpr (BITS == 4) {
    all = wasm_v128_load(at + part % 2 * 16);
    shift = part / 2 * 4;
  } else if constexpr (BITS == 2) {
    all = wasm_v128_load(at);
    shift = part * 2;
  } else {
    u64 word;
    copyBytes(&word, at, 8);
    all = wasm_i64x2_make((long long)word, (long long)(word >> 1));
    shift = part * 2;
  }
  return wasm_v128_and(wasm_u64x2_shr(all, shift), wasm_i8x16_splat((1 << BITS) - 1));
}

template <u32 BITS> static inline i32 dotPacked(const u8* packed, const i8* query, u32 lanes) {
  v128_t even = wasm_i32x4_splat(0);
  v128_t odd = even;
  for (u32 i = 0; i < lanes; i += 64, packed += 8 * BITS) {
    for (u32 part = 0; part < 4; part++) {
      const v128_t codes = unpack16<BITS>(packed, part);
      const i8* q = query + i + part * 16;
      even = wasm_i32x4_add(even, wasm_i32x4_dot_i16x8(wasm_u16x8_extend_low_u8x16(codes),
                                                       wasm_i16x8_load8x8(q)));
      odd = wasm_i32x4_add(odd, wasm_i32x4_dot_i16x8(wasm_u16x8_extend_high_u8x16(codes),
                                                     wasm_i16x8_load8x8(q + 8)));
    }
  }
  return sumOfLanes(wasm_i32x4_add(even, odd));
}
#else
template <u32 BITS> static inline i32 dotPacked(const u8* packed, const i8* query, u32 lanes) {
  const u32 stripe = 8 * BITS;
  i32 sum = 0;
  for (u32 i = 0; i < lanes; i += 64, packed += stripe) {
    for (u32 shift = 0; shift < 8; shift += BITS) {
      const i8* q = query + i + shift / BITS * stripe;
      for (u32 j = 0; j < stripe; j++) {
        sum += (i32)((packed[j] >> shift) & ((1 << BITS) - 1)) * (i32)q[j];
      }
    }
  }
  return sum;
}
#endif
