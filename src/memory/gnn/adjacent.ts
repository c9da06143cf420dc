/** Who is next to whom among numbered nodes: the form in which message passing reads edges. */
import { assert } from '../errors.js';

/** Neighbours of node v are those from `offsets[v]` up to `offsets[v + 1]`. */
export interface Adjacent {
  readonly offsets: Uint32Array;
  readonly neighbours: Uint32Array;
  /** Above 0; what a neighbour counts in a mean. */
  readonly weights: Float64Array;
}

export type WeightedPair = readonly [a: number, b: number, weight: number];

/**
 * Edges as neighbours both ways, in the order of their numbers. Of several edges between two nodes the
 * heaviest counts; an edge to itself, and one that weighs nothing, not at all.
 */
export function adjacentOf(nodeCount: number, pairs: readonly WeightedPair[]): Adjacent {
  const rows = Array.from({ length: nodeCount }, () => new Map<number, number>());
  for (const [a, b, weight] of pairs) {
    assert(a >= 0 && a < nodeCount && b >= 0 && b < nodeCount, 'an edge has nodes at its ends');
    if (a === b || !(weight > 0)) continue;
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const row = rows[from]!;
      row.set(to, Math.max(weight, row.get(to) ?? 0));
    }
  }
  const offsets = new Uint32Array(nodeCount + 1);
  for (const [at, row] of rows.entries()) offsets[at + 1] = offsets[at]! + row.size;
  const neighbours = new Uint32Array(offsets[nodeCount]!);
  const weights = new Float64Array(neighbours.length);
  for (const [at, row] of rows.entries()) {
    const sorted = [...row].sort(([a], [b]) => a - b);
    for (const [place, [other, weight]] of sorted.entries()) {
      neighbours[offsets[at]! + place] = other;
      weights[offsets[at]! + place] = weight;
    }
  }
  return { offsets, neighbours, weights };
}
