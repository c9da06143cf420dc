/** Inner products and distances in the order of sums of native/distance.h. */

/** Sixteen sums, added in halves, over padded float32 rows. */
export function dotOriginals(values: Float32Array, a: number, b: number, floats: number): number {
  let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [t0, t1, t2, t3, t4, t5, t6, t7] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < floats; i += 16) {
    const x = a + i;
    const y = b + i;
    s0 += values[x]! * values[y]!;
    s1 += values[x + 1]! * values[y + 1]!;
    s2 += values[x + 2]! * values[y + 2]!;
    s3 += values[x + 3]! * values[y + 3]!;
    s4 += values[x + 4]! * values[y + 4]!;
    s5 += values[x + 5]! * values[y + 5]!;
    s6 += values[x + 6]! * values[y + 6]!;
    s7 += values[x + 7]! * values[y + 7]!;
    t0 += values[x + 8]! * values[y + 8]!;
    t1 += values[x + 9]! * values[y + 9]!;
    t2 += values[x + 10]! * values[y + 10]!;
    t3 += values[x + 11]! * values[y + 11]!;
    t4 += values[x + 12]! * values[y + 12]!;
    t5 += values[x + 13]! * values[y + 13]!;
    t6 += values[x + 14]! * values[y + 14]!;
    t7 += values[x + 15]! * values[y + 15]!;
  }
  const even = s0 + t0 + (s4 + t4) + (s2 + t2 + (s6 + t6));
  return even + (s1 + t1 + (s5 + t5) + (s3 + t3 + (s7 + t7)));
}

const lanes = new Float64Array(16);

export function squaredDistance(
  values: Float32Array,
  a: number,
  b: number,
  floats: number,
): number {
  lanes.fill(0);
  for (let i = 0; i < floats; i += 16) {
    for (let j = 0; j < 16; j += 1) {
      const gap = values[a + i + j]! - values[b + i + j]!;
      lanes[j] = lanes[j]! + gap * gap;
    }
  }
  return addLanes(lanes);
}

const sums = new Float32Array(32);

/** Thirty-two sums in float32, added in halves: `dotFloats` of native/distance.h. */
export function dotFloats(values: Float32Array, a: number, b: number, floats: number): number {
  sums.fill(0);
  for (let i = 0; i < floats; i += 16) {
    const row = i % 32;
    for (let j = 0; j < 16; j += 1) {
      const product = Math.fround(values[a + i + j]! * values[b + i + j]!);
      sums[row + j] = sums[row + j]! + product;
    }
  }
  return addFloatLanes(sums);
}

export function squaredGaps(values: Float32Array, a: number, b: number, floats: number): number {
  sums.fill(0);
  for (let i = 0; i < floats; i += 16) {
    const row = i % 32;
    for (let j = 0; j < 16; j += 1) {
      const gap = Math.fround(values[a + i + j]! - values[b + i + j]!);
      sums[row + j] = sums[row + j]! + Math.fround(gap * gap);
    }
  }
  return addFloatLanes(sums);
}

export function addFloatLanes(lane: Float32Array): number {
  for (let width = 16; width > 0; width >>= 1) {
    for (let j = 0; j < width; j += 1) lane[j] = lane[j]! + lane[j + width]!;
  }
  return lane[0]!;
}

/** Sixteen sums, added in halves. */
export function addLanes(lane: Float64Array): number {
  for (let width = 8; width > 0; width >>= 1) {
    for (let j = 0; j < width; j += 1) lane[j] = lane[j]! + lane[j + width]!;
  }
  return lane[0]!;
}

/** Codes in whole numbers; `bytes` is a multiple of 64. */
export function dotCodes(codes: Int8Array, a: number, b: number, bytes: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let i = 0; i < bytes; i += 4) {
    const x = a + i;
    const y = b + i;
    s0 = (s0 + Math.imul(codes[x]!, codes[y]!)) | 0;
    s1 = (s1 + Math.imul(codes[x + 1]!, codes[y + 1]!)) | 0;
    s2 = (s2 + Math.imul(codes[x + 2]!, codes[y + 2]!)) | 0;
    s3 = (s3 + Math.imul(codes[x + 3]!, codes[y + 3]!)) | 0;
  }
  return (s0 + s1 + s2 + s3) | 0;
}
