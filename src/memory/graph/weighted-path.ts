/**
 * The path of the least cost, where an edge costs -ln(weight): the path whose product of weights is
 * the greatest (Dijkstra 1959). A weight of 1 costs nothing, and an edge of weight 0 leads nowhere. Equal
 * costs are decided by fewer edges, then by the id of the node before, then by the relation.
 */
import { GraphError } from './error.js';
import { countVisits } from './k-hops.js';
import { RESULTS_MAX } from './limits.js';
import { isNearer, NodeHeap } from './node-heap.js';
import type { FoundPath } from './shortest-path.js';
import { type Direction, type GraphView, type RelationMask, Steps } from './view.js';
import type { Work } from './work.js';

export interface WeightedWalk {
  readonly direction: Direction;
  readonly relations: RelationMask;
}

export function* weightedPath(
  view: GraphView,
  work: Work,
  from: number,
  to: number,
  { direction, relations }: WeightedWalk,
): Generator<undefined, FoundPath | null> {
  const costs = new Float64Array(view.nodeCount);
  /** Edges of the best path so far, plus 1; 0 where there is none. */
  const hops = new Uint32Array(view.nodeCount);
  const edgeBefore = new Uint32Array(view.nodeCount);
  const nodeBefore = new Uint32Array(view.nodeCount);
  const isSettled = new Uint8Array(view.nodeCount);
  const heap = new NodeHeap(view.nodeCount, (a, b) => {
    const order = (costs[a] as number) - (costs[b] as number);
    return order === 0 ? isNearer(view, hops, a, b) : order < 0;
  });
  const steps = new Steps();
  hops[from] = 1;
  heap.put(from);
  let visits = 0;
  for (;;) {
    const node = heap.take();
    if (node === undefined) return null;
    isSettled[node] = 1;
    if (node === to) break;
    visits = countVisits(visits + 1);
    view.expand(node, direction, relations, steps);
    if (work.expand(1)) yield;
    for (let at = 0; at < steps.length; at += 1) {
      if (work.expand()) yield;
      const other = steps.others[at] as number;
      const edge = steps.edges[at] as number;
      const weight = view.weightOf(edge);
      if (isSettled[other] === 1 || weight === 0) continue;
      const cost = (costs[node] as number) - Math.log(weight);
      const better =
        hops[other] === 0 ||
        cost < (costs[other] as number) ||
        (cost === costs[other] && isFirstOfEqual(node, edge, other));
      if (!better) continue;
      costs[other] = cost;
      hops[other] = (hops[node] as number) + 1;
      edgeBefore[other] = edge;
      nodeBefore[other] = node;
      heap.put(other);
    }
  }
  if ((hops[to] as number) - 1 > RESULTS_MAX) {
    throw new GraphError('limit', `the path of least cost has more than ${RESULTS_MAX} edges`);
  }
  const [nodes, edges] = [[to], [] as number[]];
  for (let node = to; node !== from;) {
    edges.push(edgeBefore[node] as number);
    node = nodeBefore[node] as number;
    nodes.push(node);
  }
  return { nodes: nodes.reverse(), edges: edges.reverse() };

  function isFirstOfEqual(node: number, edge: number, other: number): boolean {
    const order =
      (hops[node] as number) + 1 - (hops[other] as number) ||
      view.compareNodes(node, nodeBefore[other] as number) ||
      view.compareRelations(edge, edgeBefore[other] as number);
    return order < 0;
  }
}
