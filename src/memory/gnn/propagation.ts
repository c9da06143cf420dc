/** Message passing without weights: each node becomes the middle of what it is and its neighbours' mean. */
import type { Matrix } from '../neural/matrix.js';
import type { Adjacent } from './adjacent.js';
import { meanOf } from './sage.js';

/**
 * GraphSAGE's mean with W = [1/2, 1/2], no function behind it, `hops` times. A node without neighbours
 * stays as it is. Rows may be scores instead of vectors: the inner product with a query is linear, so
 * it may be taken before as well as after.
 */
export function propagate(rows: Matrix, adjacent: Adjacent, hops: number): Matrix {
  let current = rows;
  for (let hop = 0; hop < hops; hop += 1) {
    const means = meanOf(current, adjacent).output;
    const before = current.values;
    const values = before.map((value, at) => {
      const node = Math.floor(at / rows.columns);
      const isAlone = adjacent.offsets[node] === adjacent.offsets[node + 1];
      return isAlone ? value : (value + means.values[at]!) / 2;
    });
    current = { ...rows, values };
  }
  return current;
}
