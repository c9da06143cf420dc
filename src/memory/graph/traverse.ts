/**
 * Weighted traversal, best first: the score of a memory is the greatest product of weight and decay
 * over the edges of a path to it. Since no factor is above 1, a score is final when it is taken.
 */
import { countVisits } from './k-hops.js';
import type { Walk } from './neighbours.js';
import { isNearer, NodeHeap } from './node-heap.js';
import { type GraphView, Steps } from './view.js';
import type { Work } from './work.js';

export interface Scored {
  readonly id: string;
  /** Above 0, at most 1. */
  readonly score: number;
  /** Edges of the path that gives the score; the fewest of equals. */
  readonly hops: number;
}

export interface Traversal {
  /** Best first, then fewer hops, then by id; without the memory where it began. */
  readonly nodes: Scored[];
  /** Whether more than the limit have at least the least score. */
  readonly isCut: boolean;
}

export interface ScoredWalk extends Walk {
  /** Factor an edge, above 0, at most 1. */
  readonly decay: number;
  /** Memories below are not visited. */
  readonly scoreMin: number;
}

export function* traverse(
  view: GraphView,
  work: Work,
  start: number,
  { direction, relations, limit, decay, scoreMin }: ScoredWalk,
): Generator<undefined, Traversal> {
  const scores = new Float64Array(view.nodeCount);
  const hops = new Uint32Array(view.nodeCount);
  const isTaken = new Uint8Array(view.nodeCount);
  const heap = new NodeHeap(view.nodeCount, (a, b) => {
    const order = (scores[b] as number) - (scores[a] as number);
    return order === 0 ? isNearer(view, hops, a, b) : order < 0;
  });
  const steps = new Steps();
  const nodes: Scored[] = [];
  scores[start] = 1;
  heap.put(start);
  let visits = 0;
  for (;;) {
    const node = heap.take();
    if (node === undefined) return { nodes, isCut: false };
    if (nodes.length === limit) return { nodes, isCut: true };
    isTaken[node] = 1;
    const [score, count] = [scores[node] as number, hops[node] as number];
    if (node !== start) nodes.push({ id: view.idOf(node), score, hops: count });
    visits = countVisits(visits + 1);
    view.expand(node, direction, relations, steps);
    if (work.expand(1)) yield;
    for (let at = 0; at < steps.length; at += 1) {
      if (work.expand()) yield;
      const other = steps.others[at] as number;
      if (isTaken[other] === 1) continue;
      const reached = score * view.weightOf(steps.edges[at] as number) * decay;
      if (reached === 0 || reached < scoreMin) continue;
      const known = scores[other] as number;
      if (reached < known || (reached === known && count + 1 >= (hops[other] as number))) continue;
      scores[other] = reached;
      hops[other] = count + 1;
      heap.put(other);
    }
  }
}
