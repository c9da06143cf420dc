/** Float32 vectors as little-endian bytes, the form in which both versions store them. */

/** Copies, since the bytes of a row may not be aligned to four. */
export function vectorOfBytes(bytes: Uint8Array): Float32Array {
  const whole = bytes.byteLength - (bytes.byteLength % 4);
  const values = new Float32Array(whole / 4);
  bytesOfVector(values).set(bytes.subarray(0, whole));
  return values;
}

/** A view, not a copy. */
export function bytesOfVector(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Cosine of two vectors of the same length, 0 when one of them has no direction. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let dot = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < a.length; i += 1) {
    const x = a[i] ?? 0;
    const y = b[i] ?? 0;
    dot += x * y;
    squaresA += x * x;
    squaresB += y * y;
  }
  // The product of the two roots, as v1 computes it: recognising its weights needs the last bit.
  const scale = Math.sqrt(squaresA) * Math.sqrt(squaresB);
  return scale === 0 ? 0 : dot / scale;
}
