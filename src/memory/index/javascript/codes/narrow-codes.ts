/** What all codes but int8 can do; native/codes.h says what they are. */

export interface NarrowCodes {
  /** Of a node. */
  readonly codeBytes: number;
  /** Makes a padded vector the query. Answers the scale of its products. */
  ask(original: Float32Array): number;
  /** Writes the codes of a padded vector, whose sum of squares is known. */
  encode(original: Float32Array, squares: number, codes: Uint8Array): Encoded;
  /** Of the query with the codes that begin there, as float32; times both scales it is the product. */
  dot(bytes: Uint8Array, at: number): number;
  /** Whether a node of a snapshot may have these. */
  areSound(codes: Uint8Array): boolean;
}

/** The first fields of a header. */
export interface Encoded {
  readonly scale: number;
  readonly squares: number;
}

/** Adding and taking away 1.5 * 2^23 in float32 rounds to the nearest, ties to even. */
export const ROUNDING = 12_582_912;

export function largestOf(values: Float32Array, count: number): number {
  let largest = 0;
  for (let i = 0; i < count; i += 1) {
    const value = Math.abs(values[i]!);
    if (value > largest) largest = value;
  }
  return largest;
}
