/** What a node of an index keeps of its vector to be compared by: native/codes.h. */
import { Codebook } from './codebook.js';

/** In the order of native/types.h; `product` is said by a codebook. */
export const CODE_NAMES = ['int8', 'float16', 'rabitq4', 'rabitq2', 'rabitq1', 'product'] as const;
export type CodeName = (typeof CODE_NAMES)[number];
/**
 * `int8` a byte a component; `float16` two; `rabitq4`, `rabitq2`, `rabitq1` so many bits of the rotated
 * vector; a codebook a byte for each of its subvectors.
 */
export type Codes = Exclude<CodeName, 'product'> | Codebook;

const BITS: Readonly<Record<Exclude<CodeName, 'product'>, number>> = {
  int8: 8,
  float16: 16,
  rabitq4: 4,
  rabitq2: 2,
  rabitq1: 1,
};

export function codeNameOf(codes: Codes): CodeName {
  return codes instanceof Codebook ? 'product' : codes;
}

/** Whether a value names codes. */
export function areCodes(codes: unknown): codes is Codes {
  return codes instanceof Codebook || (typeof codes === 'string' && Object.hasOwn(BITS, codes));
}

/** Candidates for each hit that are compared again by their originals: fewer bits tell less. */
export function rescoreDefault(codes: Codes): number {
  const bits = codes instanceof Codebook ? (codes.subvectors * 8) / codes.dimensions : BITS[codes];
  if (bits >= 8) return 2;
  if (bits >= 4) return 3;
  if (bits >= 2) return 5;
  return bits >= 1 ? 10 : 40;
}
