// What a node keeps of its vector to be compared by, and how a query is compared with it.
//
// int8       a byte a component, and a scale
// float16    a binary16 a component, and a power of two that brings the largest to between 1 and 2
// 4, 2, 1    RaBitQ (Gao and Long, arXiv 2405.12497; with more bits Gao and others, arXiv 2409.09913):
//            the vector is rotated, and of each component of it only the place on a grid of 2^bits
//            points is kept. `scale` is <o,o> / <code,o>: then scale * <query,code> is <query,o> in
//            the mean over all rotations.
// product    product.h
//
// Nodes of int8 codes are linked by those. All others are linked by their originals, so that a graph is as good
// as its vectors, however little the codes tell; only searches look at the codes.
#pragma once
#include "halves.h"
#include "packed.h"
#include "product.h"
#include "rotation.h"

static inline u32 bitsOfCodes(u32 codes) {
  return codes == BITS4 ? 4 : codes == BITS2 ? 2 : codes == BITS1 ? 1 : 0;
}

static inline u32 bytesOfCodes(const Index& x) {
  switch (x.codes) {
    case INT8: return x.laneBytes;
    case FLOAT16: return x.floats * 2;
    case PRODUCT: return roundUp(x.subvectors, 4);
    default: return x.laneBytes / 8 * x.bits;
  }
}

// Memory beside the nodes: signs of the rotation; of product codes the centroids and two tables a query.
static inline size signBytes(const Index& x) {
  return (size)ROTATION_ROUNDS * x.dimensions * sizeof(float);
}
static inline size codebookBytes(const Index& x) {
  return (size)x.dimensions * CENTROIDS * sizeof(float);
}
static inline size productBytes(const Index& x) {
  return (size)x.subvectors * CENTROIDS * sizeof(float);
}
static inline size tableBytes(const Index& x) { return (size)x.subvectors * CENTROIDS * sizeof(i16); }

static float largestOf(const float* values, u32 count) {
  float largest = 0.0f;
  for (u32 i = 0; i < count; i++) {
    const float value = values[i] < 0.0f ? -values[i] : values[i];
    if (value > largest) largest = value;
  }
  return largest;
}

// int8 codes and their header into a block whose header follows x.laneBytes codes. Answers the sum of
// their squares.
static i32 codeLanes(const Index& x, const float* values, u8* block) {
  const float largest = largestOf(values, x.dimensions);
  const bool isFlat = largest < SCALE_MIN;
  const float toCode = isFlat ? 0.0f : 127.0f / largest;
  i8* codes = (i8*)block;
  i32 sum = 0;
  i32 squares = 0;
  for (u32 i = 0; i < x.dimensions; i++) {
    // Adding and taking away 1.5 * 2^23 rounds to the nearest, ties to even.
    const float moved = values[i] * toCode + 12582912.0f;
    i32 code = (i32)(moved - 12582912.0f);
    code = code > 127 ? 127 : code < -127 ? -127 : code;
    codes[i] = (i8)code;
    sum += code;
    squares += code * code;
  }
  for (u32 i = x.dimensions; i < x.laneBytes; i++) codes[i] = 0;
  Header& header = *(Header*)(block + x.laneBytes);
  header.scale = isFlat ? 0.0f : largest / 127.0f;
  header.codeSum = sum;
  return squares;
}

// A vector into a block of int8 codes. Rounding makes some vectors longer and others shorter, by more than
// what sets near ones apart: the longest would be the nearest to all, have all links, and the others none.
// So the vectors that the codes stand for are compared: of length 1, or with squares of their own.
static void codeInt8(const Index& x, const float* values, u8* block) {
  const double squares = codeLanes(x, values, block);
  Header& header = headerOf(x, block);
  if (x.metric == COSINE && squares > 0) header.scale = (float)(1.0 / __builtin_sqrt(squares));
  if (x.metric != EUCLIDEAN) return;
  const double scale = header.scale;
  header.squares = (float)(scale * scale * squares);
}

static inline Header& queryHeader(const Index& x) { return *(Header*)(x.query + x.laneBytes); }

// Makes x.queryOriginal the query of `distanceOfQuery`.
static void codeQuery(const Index& x) {
  Header& header = queryHeader(x);
  header.squares = (float)dotOriginals(x.queryOriginal, x.queryOriginal, x.floats);
  if (x.codes == INT8) {
    codeInt8(x, x.queryOriginal, x.query);
  } else if (x.bits != 0) {
    rotateOriginal(x, x.queryOriginal);
    codeLanes(x, x.rotated, x.query);
  } else {
    header.scale = x.codes == PRODUCT ? makeTables(x, x.queryOriginal) : 1.0f;
  }
}

static float codeHalves(const Index& x, u16* codes) {
  const float largest = largestOf(x.queryOriginal, x.dimensions);
  const bool isFlat = largest < SCALE_MIN;
  const u32 exponent = bitsOf(largest) >> 23;
  const float shrink = isFlat ? 0.0f : floatOf((254 - exponent) << 23);
  for (u32 i = 0; i < x.floats; i++) codes[i] = halfOf(x.queryOriginal[i] * shrink);
  return isFlat ? 0.0f : floatOf(exponent << 23);
}

// Places of |value| * reach on the positive half of the grid: 0, 1, ... for the points 1, 3, ...
static inline i32 placeOf(float value, float reach, i32 most) {
  const i32 place = (i32)((value < 0.0f ? -value : value) * reach);
  return place > most ? most : place;
}

// How well a grid of this reach fits: <code,o>, and the squares of the code.
struct Fit {
  double product;
  i32 squares;
};
static Fit fitGrid(const Index& x, float reach) {
  const i32 most = (1 << (x.bits - 1)) - 1;
  double lane[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  // Of the padding: each of its zeros counts as the point 1.
  i32 squares = (i32)x.dimensions - (i32)x.floats;
  for (u32 i = 0; i < x.floats; i += 16) {
    for (u32 j = 0; j < 16; j++) {
      const float value = x.rotated[i + j];
      const i32 point = 2 * placeOf(value, reach, most) + 1;
      lane[j] += (double)(value < 0.0f ? -value : value) * (double)point;
      squares += point * point;
    }
  }
  return {addLanes(lane), squares};
}

// Reaches that are tried: from the one where the largest component is the last point, in eighths.
static const u32 REACHES = 24;

// The code with the smallest angle to the rotated vector, of those tried. Answers the scale.
static float codeBits(const Index& x, double squares, u8* codes) {
  rotateOriginal(x, x.queryOriginal);
  clearBytes(codes, x.codeBytes);
  const float largest = largestOf(x.rotated, x.dimensions);
  if (largest < SCALE_MIN) return 0.0f;
  const i32 half = 1 << (x.bits - 1);
  const float first = (float)half / largest;
  float reach = first;
  Fit best = fitGrid(x, first);
  for (u32 i = 1; i < REACHES && x.bits > 1; i++) {
    const float other = first * (1.0f + (float)i * 0.125f);
    const Fit fit = fitGrid(x, other);
    if (fit.product * fit.product * (double)best.squares >
        best.product * best.product * (double)fit.squares) {
      best = fit;
      reach = other;
    }
  }
  for (u32 i = 0; i < x.dimensions; i++) {
    const i32 place = placeOf(x.rotated[i], reach, half - 1);
    setPacked(codes, x.bits, i, (u32)(x.rotated[i] < 0.0f ? half - 1 - place : half + place));
  }
  return (float)(squares / best.product);
}

static i32 sumOfBytes(const Index& x, const u8* block) {
  i32 sum = 0;
  for (u32 i = 0; i < x.codeBytes; i++) sum += block[i];
  return sum;
}

// Codes of x.queryOriginal and the first three fields of the header.
static void codeNode(const Index& x, u8* block) {
  Header& header = headerOf(x, block);
  const double squares = dotOriginals(x.queryOriginal, x.queryOriginal, x.floats);
  header.squares = (float)squares;
  if (x.codes == INT8) {
    codeInt8(x, x.queryOriginal, block);
    return;
  }
  if (x.codes == FLOAT16) {
    header.scale = codeHalves(x, (u16*)block);
  } else if (x.codes == PRODUCT) {
    clearBytes(block, x.codeBytes);
    codeProduct(x, x.queryOriginal, block);
    header.scale = 1.0f;
    header.squares = (float)squaresOfCentroids(x, block);
  } else {
    header.scale = codeBits(x, squares, block);
  }
  header.codeSum = sumOfBytes(x, block);
}

static inline float distanceOfDot(const Index& x, const Header& ha, const Header& hb, i32 dot) {
  const float product = (float)dot * (ha.scale * hb.scale);
  if (x.metric != EUCLIDEAN) return -product;
  return (ha.squares + hb.squares) - 2.0f * product;
}

// Two blocks of int8 codes. Smaller is nearer. The same for (a, b) and (b, a).
static inline float distanceOf(const Index& x, const u8* a, const u8* b) {
  const Header& hb = headerOf(x, b);
  return distanceOfDot(x, headerOf(x, a), hb,
                       dotCodes((const i8*)a, (const i8*)b, x.codeBytes, hb.codeSum));
}

// The points of a grid are odd numbers: twice the code less 2^bits - 1.
template <u32 BITS> static inline float dotBits(const Index& x, const u8* codes) {
  const i32 dot = dotPacked<BITS>(codes, (const i8*)x.query, x.laneBytes);
  return (float)(2 * dot - ((1 << BITS) - 1) * queryHeader(x).codeSum);
}

static inline float dotOfQuery(const Index& x, const u8* codes) {
  switch (x.codes) {
    case FLOAT16: return dotHalves(x.queryOriginal, (const u16*)codes, x.floats);
    case BITS4: return dotBits<4>(x, codes);
    case BITS2: return dotBits<2>(x, codes);
    case BITS1: return dotBits<1>(x, codes);
    default: return (float)dotProduct(x, codes);
  }
}

// Of the query with a node whose codes are narrow.
static inline float distanceOfQuery(const Index& x, const u8* block) {
  const Header& query = queryHeader(x);
  const Header& header = headerOf(x, block);
  const float product = dotOfQuery(x, block) * (query.scale * header.scale);
  if (x.metric != EUCLIDEAN) return -product;
  return (query.squares + header.squares) - 2.0f * product;
}

// For those who cannot stop in the middle: they tell of damage when they end.
static const float* linkedOriginal(Index& x, u32 slot) {
  const float* original = originalFor(x, slot);
  if (original != nullptr) return original;
  x.isDamaged = true;
  return x.queryOriginal;
}

// Who asks for distances: the query by its codes, or a node; of narrow codes by its original.
struct Asker {
  const u8* block;
  const float* original;
};

static inline Asker theQuery(const Index& x) { return {x.query, nullptr}; }

// Until the next node asks.
static inline Asker askerAt(Index& x, u32 slot) {
  if (x.codes == INT8) return {blockOf(x, slot), nullptr};
  const float* original = linkedOriginal(x, slot);
  if (x.isOutside) {
    copyBytes(x.asking, original, x.floats * sizeof(float));
    original = x.asking;
  }
  return {blockOf(x, slot), original};
}

// Apart from the codes of int8, whose distances are short enough to stand where they are asked for.
static __attribute__((noinline)) float narrowDistance(Index& x, const float* asking, u32 slot) {
  if (asking == nullptr) return distanceOfQuery(x, blockOf(x, slot));
  const float* original = linkedOriginal(x, slot);
  if (x.metric == EUCLIDEAN) return squaredGaps(asking, original, x.floats);
  return -dotFloats(asking, original, x.floats);
}

static inline float distanceTo(Index& x, const Asker& asker, u32 slot) {
  if (x.codes == INT8) return distanceOf(x, asker.block, blockOf(x, slot));
  return narrowDistance(x, asker.original, slot);
}

// What `distanceTo` will look at.
static inline void fetchNode(const Index& x, const Asker& asker, u32 slot) {
  const u8* block = blockOf(x, slot);
  if (asker.original == nullptr) {
    const u32 last = x.codeBytes + sizeof(Header) - 1;
    for (u32 at = 0; at < last; at += 64) fetchAhead(block + at);
    fetchAhead(block + last);
    return;
  }
  if (x.isOutside) return;
  const float* original = originalOf(x, slot);
  for (u32 at = 0; at < x.floats; at += 16) fetchAhead(original + at);
}

// Of four nodes of int8 codes.
static inline void fourDistances(const Index& x, const u8* asker, const u32* slots, float* out) {
  const i8* codes[4];
  const Header* headers[4];
  i32 sums[4];
  i32 dots[4];
  for (u32 j = 0; j < 4; j++) {
    const u8* block = blockOf(x, slots[j]);
    codes[j] = (const i8*)block;
    headers[j] = &headerOf(x, block);
    sums[j] = headers[j]->codeSum;
  }
  const Header& header = headerOf(x, asker);
  dotFourCodes((const i8*)asker, header.codeSum, codes, sums, x.codeBytes, dots);
  for (u32 j = 0; j < 4; j++) out[j] = distanceOfDot(x, header, *headers[j], dots[j]);
}

// Of many, while what comes next is on its way. There has to be room for four more slots and distances.
static inline void distancesTo(Index& x, const Asker& asker, u32* slots, u32 count, float* out) {
  for (u32 j = 0; j < least(count, 4); j++) fetchNode(x, asker, slots[j]);
  for (u32 j = 0; j < 4; j++) slots[count + j] = slots[0];
  for (u32 i = 0; i < count; i += 4) {
    for (u32 j = i + 4; j < least(count, i + 8); j++) fetchNode(x, asker, slots[j]);
    if (x.codes == INT8) {
      fourDistances(x, asker.block, slots + i, out + i);
      continue;
    }
    for (u32 j = i; j < least(count, i + 4); j++) out[j] = distanceTo(x, asker, slots[j]);
  }
}
