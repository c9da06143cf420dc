/** The codes of an index in plain JavaScript. */
import { Codebook } from '../../codebook.js';
import type { KernelSettings } from '../../kernel.js';
import { BitCodes } from './bit-codes.js';
import { HalfCodes } from './half-codes.js';
import type { NarrowCodes } from './narrow-codes.js';
import { ProductCodes } from './product-codes.js';

/** Null for int8. `floats` and `lanes` are the dimensions padded to 16 and to 64. */
export function narrowCodesOf(
  { dimensions, codes }: KernelSettings,
  floats: number,
  lanes: number,
): NarrowCodes | null {
  if (codes instanceof Codebook) {
    return new ProductCodes(dimensions, codes.subvectors, codes.centroids);
  }
  switch (codes) {
    case 'int8':
      return null;
    case 'float16':
      return new HalfCodes(dimensions, floats);
    case 'rabitq4':
      return new BitCodes(4, dimensions, floats, lanes);
    case 'rabitq2':
      return new BitCodes(2, dimensions, floats, lanes);
    case 'rabitq1':
      return new BitCodes(1, dimensions, floats, lanes);
  }
}
